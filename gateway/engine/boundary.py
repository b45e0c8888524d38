"""Where messages leave mitmproxy's world and enter the pipeline, and the guard around it (P01).

mitmproxy fails open: an exception in a hook is logged and the message goes on. Here nothing goes
on but what was cleared: every call into the pipeline ends in `CLEARED` or in a GatewayError, and
the layers forward only on `CLEARED` itself. Whatever is raised, including MemoryError and
RecursionError, ends the exchange with a problem answer; only a cancellation passes, and that
kills the connection.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, Final, Protocol, Self

from gateway.engine import answers
from gateway.engine.session import Session
from gateway.errors import GatewayError, InternalError
from gateway.exchange import Blind, Exchange, Peer, Tunnel
from gateway.headers import Headers
from gateway.log import event

_INTERNAL: Final = InternalError()  # made beforehand: there may be no memory for another


class Clearance(enum.Enum):
    """What a stage that ended well answers."""

    CLEARED = "cleared"


_ENDS: Final = (asyncio.CancelledError, KeyboardInterrupt, SystemExit)
_PASSES: Final[Mapping[type[BaseException], tuple[type[BaseException], ...]]] = {
    asyncio.CancelledError: _ENDS,
    GeneratorExit: (GeneratorExit, *_ENDS),
}


CLEARED: Final = Clearance.CLEARED
Verdict = Clearance | GatewayError


class Pipeline(Protocol):
    """What becomes of messages. `gateway.pipeline.Pipeline` is the real one."""

    def connect(self, peer: Peer, host: str, port: int, headers: Headers) -> Tunnel | Blind:
        """Admits a CONNECT, or raises a GatewayError. `Blind` lets its bytes pass unseen."""

    def admit(self, exchange: Exchange) -> None:
        """Admits a request by its head; on the endpoints listener says where it goes. Raises."""

    async def send(self, exchange: Exchange) -> None:
        """Turns the whole request, in place, into what may go upstream. Raises."""

    async def answer(self, exchange: Exchange) -> None:
        """Turns the whole response, in place, into what the caller may see. Raises."""

    async def end(self, exchange: Exchange, error: GatewayError | None) -> None:
        """It is over. Called once for each exchange that `admit` was called for."""

    async def refused_connect(self, peer: Peer, host: str, port: int, error: GatewayError) -> None:
        """A CONNECT was refused."""

    def refused_head(self, peer: Peer, error: GatewayError) -> None:
        """A connection was refused before there was an exchange or a CONNECT. Called once."""


class Guard:
    """`with Guard() as guard:` — nothing gets out but a cancellation. It holds what it caught.

    `guard.verdict` is a failure until the block's last statement says `guard.clear()`.
    Inside a generator, `passes` must name GeneratorExit: a generator may not survive its end.
    """

    __slots__ = ("_passes", "verdict")

    def __init__(self, passes: type[BaseException] = asyncio.CancelledError) -> None:
        self.verdict: Verdict = _INTERNAL
        self._passes = _PASSES[passes]

    def clear(self) -> None:
        """The block did all it had to."""
        self.verdict = CLEARED

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if value is None:
            return False
        self.verdict = _INTERNAL
        if isinstance(value, GatewayError):
            self.verdict = value
            return True
        if isinstance(value, self._passes):
            return False
        event(
            "internal_error",
            level=logging.ERROR,
            exception=type(value).__name__,
            places=_places(trace),
        )
        return True


def _places(trace: TracebackType | None) -> list[str]:
    """Where it was raised: file and line of the innermost frames, nothing of what they hold."""
    places: list[str] = []
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename.rpartition("/")[2]
        places.append(f"{name}:{trace.tb_lineno}")
        if len(places) > 32:
            del places[0]
        trace = trace.tb_next
    return places[-6:]


class Boundary:
    """The pipeline, guarded; one for all connections."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def connect(
        self, session: Session, host: str, port: int, headers: Headers
    ) -> Tunnel | Blind | GatewayError:
        """What `Pipeline.connect` says, or why not."""
        guard, admitted = Guard(), None
        with guard:
            admitted = self._pipeline.connect(session.peer, host, port, headers)
            guard.clear()
        if guard.verdict is CLEARED and isinstance(admitted, (Tunnel, Blind)):
            session.admitted = True
            return admitted
        return guard.verdict if isinstance(guard.verdict, GatewayError) else _INTERNAL

    async def refused_connect(
        self, session: Session, host: str, port: int, error: GatewayError
    ) -> Verdict:
        """Tells the pipeline that a CONNECT was refused."""
        guard = Guard()
        with guard:
            await self._pipeline.refused_connect(session.peer, host, port, error)
            guard.clear()
        return guard.verdict

    def refused_head(self, session: Session, error: GatewayError) -> None:
        """Tells the pipeline of a refusal that no exchange or CONNECT will tell it of."""
        with Guard():
            self._pipeline.refused_head(session.peer, error)

    def admit(self, session: Session, exchange: Exchange) -> Verdict:
        """Admits a request by its head.

        A name that the client gave the exchange counts only once it is admitted: a refusal is
        logged and answered under a fresh id, whoever it was that asked (P16).
        """
        guard, fresh = Guard(), exchange.id
        with guard:
            self._pipeline.admit(exchange)
            answers.narrow_codings(exchange.request.headers)
            session.admitted = True
            guard.clear()
        if guard.verdict is not CLEARED:
            exchange.id = fresh
        return guard.verdict

    async def send(self, exchange: Exchange) -> Verdict:
        """Prepares the request for upstream."""
        guard = Guard()
        with guard:
            before = exchange.request.body
            await self._pipeline.send(exchange)
            answers.reframe_request(exchange.request, changed=exchange.request.body is not before)
            guard.clear()
        return guard.verdict

    async def answer(self, exchange: Exchange) -> Verdict:
        """Prepares the response for the caller."""
        guard = Guard()
        with guard:
            response = exchange.response
            if response is None:
                return _INTERNAL
            before = response.body
            await self._pipeline.answer(exchange)
            if exchange.response is not response:
                return _INTERNAL
            answers.reframe_response(
                response, exchange.request.method, changed=response.body is not before
            )
            answers.keep_to_the_gateway(response.headers, exchange.peer.listener)
            guard.clear()
        return guard.verdict

    def end(self, session: Session, error: GatewayError | None) -> Coroutine[Any, Any, None]:
        """Ends the session's exchange, once, whoever comes first. Await what it returns."""
        exchange, session.exchange = session.exchange, None
        return self._end(exchange, error)

    async def _end(self, exchange: Exchange | None, error: GatewayError | None) -> None:
        if exchange is None:
            return
        with Guard():
            await self._pipeline.end(exchange, error)
