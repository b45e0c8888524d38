"""What is known of one client connection, shared by its handler and its layers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from gateway.engine.settings import Limits, ListenerSettings
from gateway.errors import GatewayError
from gateway.exchange import Address, Exchange, Listener, Peer
from gateway.networks import holds

_BYTES_A_SECOND: Final = 16 * 1024  # a body may take a second longer for each


class Session:
    """One client connection: who it is, what it is doing, and until when it may do that."""

    __slots__ = (
        "_handle",
        "_on_deadline",
        "address",
        "admitted",
        "certificate",
        "deadline",
        "dial_error",
        "exchange",
        "idle",
        "limits",
        "listener",
        "loop",
        "next_request",
        "pause",
        "settings",
        "stopping",
        "tls",
        "unpaused",
    )

    def __init__(
        self,
        *,
        listener: Listener,
        settings: ListenerSettings,
        limits: Limits,
        address: Address,
        on_deadline: Callable[[], None],
        pause: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self.listener: Listener = listener
        self.settings = settings
        self.limits = limits
        self.address = address
        self.pause = pause  # lets others run, and waits for slow readers
        self.tls = False  # with the listener itself, not inside a CONNECT
        self.certificate: str | None = None
        self.admitted = False  # a request or CONNECT was admitted: the peer is not unknown any more
        self.idle = True  # nothing of a request has come
        self.stopping = False
        self.exchange: Exchange | None = None  # begun, and not yet ended
        self.dial_error: GatewayError | None = None
        self.next_request = asyncio.Event()  # clear: one is in hand, further bytes can wait
        self.next_request.set()
        self.unpaused = asyncio.Event()  # clear: the layers wait for something of ours
        self.unpaused.set()
        self.loop = asyncio.get_running_loop()
        self.deadline: float | None = None
        self._on_deadline = on_deadline
        self._handle: asyncio.TimerHandle | None = None

    @property
    def peer(self) -> Peer:
        """Who is on the client's socket."""
        return Peer(self.address, self.listener, self.tls, self.certificate)

    @property
    def keeps_answer(self) -> bool:
        """Whether the answer in hand is wanted even when its caller has left, however it did: the
        partner may not give it again."""
        route = self.exchange.route if self.exchange is not None else None
        return route is not None and route.inbox is not None

    def may_speak_plain(self) -> bool:
        """Whether this peer may speak to the listener without TLS."""
        if holds(self.settings.plain_text_networks, self.address):
            return True
        only_tls = self.listener == "endpoints" and self.settings.tls
        return self.address.is_loopback and not only_tls

    def expire_in(self, seconds: float) -> None:
        """Sets the deadline. Costs no timer while one is under way that fires before it."""
        self.deadline = self.loop.time() + seconds
        if self._handle is None:
            self._handle = self.loop.call_at(self.deadline, self._look)
        elif self._handle.when() > self.deadline:
            self._handle.cancel()
            self._handle = self.loop.call_at(self.deadline, self._look)

    def extend(self, began: float, seconds: float, size: int) -> None:
        """Gives a body as long as its size deserves, so that dripping it does not help."""
        passed = self.loop.time() - began
        self.expire_in(max(0.0, seconds + size / _BYTES_A_SECOND - passed))

    def never_expire(self) -> None:
        """Lifts the deadline: what is waited for has one of its own."""
        self.deadline = None

    def close(self) -> None:
        """The connection is gone."""
        self.deadline = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look(self) -> None:
        self._handle = None
        if self.deadline is None:
            return
        if self.loop.time() < self.deadline:
            self._handle = self.loop.call_at(self.deadline, self._look)
            return
        self.deadline = None
        self._on_deadline()
