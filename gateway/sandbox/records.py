"""What the simulators received, kept in memory so that tests can look at it. Never logged."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final

KEPT: Final = 2000  # a bench may run for hours


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it came in. What may hold a card stays out of `repr`."""

    system: str
    method: str
    path: str = field(repr=False)
    query: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class ReceivedCard:
    """One card that a processor took: the text of each field exactly as it was sent.

    `reference` is the answer's object id (`tok_…`, `pi_…`) or the caller's reference.
    """

    system: str
    reference: str
    number: str = field(repr=False)
    month: str
    year: str
    cvc: str | None = field(repr=False, default=None)
    holder: str | None = field(repr=False, default=None)


class Records:
    """Requests and cards in the order of arrival, the newest `KEPT` of each. Safe across threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: deque[ReceivedRequest] = deque(maxlen=KEPT)
        self._cards: deque[ReceivedCard] = deque(maxlen=KEPT)

    def add_request(self, request: ReceivedRequest) -> None:
        """Keeps a request."""
        with self._lock:
            self._requests.append(request)

    def add_card(self, card: ReceivedCard) -> None:
        """Keeps a card."""
        with self._lock:
            self._cards.append(card)

    def requests(self, system: str | None = None) -> list[ReceivedRequest]:
        """The requests that `system` (or any) got, oldest first."""
        with self._lock:
            return [each for each in self._requests if system in (None, each.system)]

    def cards(self, system: str | None = None) -> list[ReceivedCard]:
        """The cards that `system` (or any) got, oldest first."""
        with self._lock:
            return [each for each in self._cards if system in (None, each.system)]

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._requests.clear()
            self._cards.clear()
