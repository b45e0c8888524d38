"""A check that costs something, asked by whoever can reach the port, as often as they like."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Final

from gateway.errors import GatewayError, VaultClosed

# Orchestrators and load balancers ask every few seconds each: they see a failure as soon as before.
FRESH_SECONDS: Final = 1.0


class Probe:
    """`check`, at most once a second: its result, good or bad, stands until then.

    Who asks while it runs waits for that one. It blocks: call it off the event loop.
    """

    def __init__(self, check: Callable[[], None], clock: Callable[[], float] = monotonic) -> None:
        self._check, self._clock = check, clock
        self._lock = threading.Lock()
        self._ended = float("-inf")
        self._failure: Callable[[], GatewayError] | None = None

    def __call__(self) -> None:
        """Returns, or raises the `GatewayError` that the check raised."""
        with self._lock:
            if self._clock() - self._ended >= FRESH_SECONDS:
                self._failure = self._failed()
                self._ended = self._clock()
            failure = self._failure
        if failure is not None:
            raise failure()

    def _failed(self) -> Callable[[], GatewayError] | None:
        """What the check raised: its like, for the error itself belongs to this thread's stack."""
        try:
            self._check()
        except VaultClosed as error:
            return partial(VaultClosed, error.why)
        except GatewayError as error:
            return type(error)
        return None
