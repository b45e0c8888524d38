"""What the conversation with a client and its upstreams is made of: generators, and one's own state."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any, Final, TypeVar, cast

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events

from gateway.engine.body import LARGE, Body
from gateway.engine.session import Session
from gateway.engine.work import Work

WAIT: Final = object()  # what a talk yields where it needs the next event
_SLICE: Final = 128 * 1024  # bytes written at once; between slices others get their turn

T = TypeVar("T")
Talk = Generator[object, Any, T]


class ClientSide:
    """What is known of the client's connection by now. `paused` is the layer's own queue."""

    __slots__ = ("_paused", "buffer", "gone", "late")

    def __init__(self, paused: deque[events.Event]) -> None:
        self._paused = paused
        self.buffer = bytearray()
        self.gone = False  # the client closed its side
        self.late = False  # the deadline has passed

    def waiting(self, connection: Connection) -> list[events.ConnectionEvent]:
        """What came from a connection while the layer was paused."""
        return [
            event
            for event in self._paused
            if isinstance(event, events.ConnectionEvent) and event.connection is connection
        ]


def whole(body: Body) -> Talk[bytes]:
    """A body that is there; a large one is put together aside."""
    if body.size <= LARGE:
        return body.whole()
    return cast(bytes, (yield Work(body.whole_later())))


def write(session: Session, connection: Connection, head: bytes, body: bytes) -> Talk[None]:
    """Writes a message, in slices when it is large: others must get their turn."""
    if len(body) <= _SLICE:
        yield commands.SendData(connection, head + body)
        return
    yield commands.SendData(connection, head)
    view = memoryview(body)
    for start in range(0, len(body), _SLICE):
        if start:  # not after the last one: whoever has it all may leave
            yield Work(session.pause())
        yield commands.SendData(connection, bytes(view[start : start + _SLICE]))
