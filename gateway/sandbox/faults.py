"""Servers that break HTTP on purpose, byte by byte: what no HTTP library would send.

`FAULTS` is the table: a name, and what is written once a request's head is there. Every fault
that can hold text holds the `canary`, a card number, so that a test can look for it everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

from gateway.sandbox.cards import VISA_TWO
from gateway.sandbox.loop import LoopThread
from gateway.sandbox.started import Started

End = Literal["close", "abort", "wait"]
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes out after a request's head: bytes, or a float for a pause; and how it ends.

    `wait` keeps the connection open until the client leaves. `accepts` False: no TCP connection.
    `answers` False: closed before a byte is read, TLS included.
    """

    write: Callable[[bytes], Sequence[bytes | float]]
    end: End = "close"
    accepts: bool = True
    answers: bool = True


def _nothing(card: bytes) -> Sequence[bytes | float]:
    del card
    return ()


def _sized(body: bytes, head: bytes = _OK) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _drip(card: bytes) -> Sequence[bytes | float]:
    body = b"<a>" + card + b"</a>"
    parts: list[bytes | float] = [_OK + b"Content-Length: %d\r\n\r\n" % len(body)]
    for place in range(len(body)):
        parts += [body[place : place + 1], 0.2]
    return parts


_CHUNKED: Final = _OK + b"Transfer-Encoding: chunked\r\n\r\n"

FAULTS: Final[dict[str, Fault]] = {
    # no answer at all
    "refuse": Fault(_nothing, accepts=False),
    "close_at_once": Fault(_nothing, answers=False),
    "close_after_request": Fault(_nothing),
    "abort_after_request": Fault(_nothing, end="abort"),
    "never_answer": Fault(_nothing, end="wait"),
    # an answer that does not end as it began
    "close_in_status_line": Fault(lambda _: [b"HTTP/1.1 20"]),
    "close_in_head": Fault(lambda card: [_OK + b"X-Card: " + card]),
    "close_in_body": Fault(lambda card: [_OK + b"Content-Length: 5000\r\n\r\n<a>" + card]),
    "abort_in_body": Fault(
        lambda card: [_OK + b"Content-Length: 5000\r\n\r\n<a>" + card], end="abort"
    ),
    "stall_in_head": Fault(lambda card: [_OK + b"X-Card: " + card], end="wait"),
    "stall_in_body": Fault(
        lambda card: [_OK + b"Content-Length: 5000\r\n\r\n<a>" + card], end="wait"
    ),
    "slow_drip": Fault(_drip),
    # a head that is none
    "garbage": Fault(lambda card: [b"card " + card + b" is not HTTP\r\n\r\n"]),
    "binary_garbage": Fault(lambda card: [bytes(range(256)) + card + bytes(range(256))]),
    "garbage_status_line": Fault(lambda card: [_sized(b"", b"HTTP/1.1 abc " + card + b"\r\n")]),
    "card_in_reason": Fault(lambda card: [_sized(b"<a/>", b"HTTP/1.1 200 " + card + b"\r\n")]),
    "header_without_colon": Fault(lambda card: [_sized(b"<a/>", _OK + b"card " + card + b"\r\n")]),
    "bad_header_name": Fault(
        lambda card: [_sized(b"<a/>", _OK + b"x card " + card + b": yes\r\n")]
    ),
    "card_in_header_name": Fault(
        lambda card: [_sized(b"<a/>", _OK + b"X-" + card + b": yes\r\n")]
    ),
    "card_in_header_value": Fault(
        lambda card: [_sized(b"<a/>", _OK + b"X-Card: " + card + b"\r\n")]
    ),
    "folded_header": Fault(
        lambda card: [_sized(b"<a/>", _OK + b"X-Card: a\r\n " + card + b"\r\n")]
    ),
    "oversized_head": Fault(
        lambda card: [_sized(b"<a/>", _OK + b"X-Fill: " + card + b"a" * 200_000 + b"\r\n")]
    ),
    "endless_head": Fault(
        lambda card: [_OK + b"".join(b"X-%d: %b\r\n" % (n, card) for n in range(20_000))],
        end="wait",
    ),
    "http_09": Fault(lambda card: [b"<a>" + card + b"</a>"]),
    # other answers than the one
    "informational": Fault(
        lambda card: [
            b"HTTP/1.1 103 Early Hints\r\nX-Card: " + card + b"\r\n\r\n" + _sized(b"<a/>")
        ]
    ),
    "informational_only": Fault(
        lambda card: [b"HTTP/1.1 100 Continue\r\nX-Card: " + card + b"\r\n\r\n"], end="wait"
    ),
    "upgrade": Fault(
        lambda card: [
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n" + card
        ],
        end="wait",
    ),
    "two_answers": Fault(lambda card: [_sized(b"<a/>") + _sized(b"<b>" + card + b"</b>")]),
    # framing
    "trailers": Fault(
        lambda card: [_CHUNKED + b"4\r\n<a/>\r\n0\r\nX-Card: " + card + b"\r\n\r\n"]
    ),
    "chunk_size_garbage": Fault(lambda card: [_CHUNKED + b"zz" + card + b"\r\n<a/>\r\n0\r\n\r\n"]),
    "chunk_extension": Fault(
        lambda card: [_CHUNKED + b"4;card=" + card + b"\r\n<a/>\r\n0\r\n\r\n"]
    ),
    "chunk_without_end": Fault(lambda card: [_CHUNKED + b"4\r\n<a/>XX" + card + b"\r\n0\r\n\r\n"]),
    "chunk_size_negative": Fault(lambda card: [_CHUNKED + b"-4\r\n" + card + b"\r\n0\r\n\r\n"]),
    "chunk_truncated": Fault(lambda card: [_CHUNKED + b"40\r\n<a>" + card]),
    "chunked_no_last": Fault(lambda card: [_CHUNKED + b"10\r\n" + card + b"\r\n"]),
    "length_too_long": Fault(lambda card: [_OK + b"Content-Length: 4000\r\n\r\n" + card]),
    "length_too_short": Fault(lambda card: [_OK + b"Content-Length: 4\r\n\r\n<a/>" + card]),
    "length_twice": Fault(
        lambda card: [_OK + b"Content-Length: 4\r\nContent-Length: 20\r\n\r\n<a/>" + card]
    ),
    "length_negative": Fault(lambda card: [_OK + b"Content-Length: -1\r\n\r\n" + card]),
    "length_text": Fault(lambda card: [_OK + b"Content-Length: " + card + b"x\r\n\r\n<a/>"]),
    "length_and_chunked": Fault(
        lambda card: [
            _OK + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n" + card
            + b"\r\n0\r\n\r\n"
        ]
    ),
    "chunked_twice": Fault(
        lambda card: [
            _OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n10\r\n" + card + b"\r\n0\r\n\r\n"
        ]
    ),
    "gzip_garbage": Fault(
        lambda card: [_sized(b"\x1f\x8b\x08\x00" + card, _OK + b"Content-Encoding: gzip\r\n")]
    ),
}  # fmt: skip


class FaultServer(Started):
    """One fault on one loopback port. `context` makes it speak TLS.

    `received` holds the bytes of each connection, decrypted, in order of arrival (empty: connected
    and sent nothing).
    """

    def __init__(
        self, fault: str, *, context: ssl.SSLContext | None = None, canary: str = VISA_TWO
    ) -> None:
        self.fault = FAULTS[fault]
        self.canary = canary.encode()
        self.received: list[bytes] = []
        self.port = 0
        self._context = context
        self._listener: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread: LoopThread | None = None

    def start(self) -> Self:
        """Binds a free port of 127.0.0.1 and serves; `refuse` binds it and does not listen."""
        # The protocol is named: asyncio sends at once (TCP_NODELAY) only where it is TCP's.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.bind(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        if self.fault.accepts:
            self._thread = LoopThread("faults")
            self._thread.call(self._listen(self._listener))
        return self

    def stop(self) -> None:
        """Closes the port and what is still open."""
        if self._thread is not None:
            if self._server is not None:
                self._thread.call(self._close(self._server))
            self._thread.stop()
            self._thread = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _listen(self, listener: socket.socket) -> None:
        # Closing at once means before TLS: there the handshake itself is cut.
        context = self._context if self.fault.answers else None
        self._server = await asyncio.start_server(self._serve, sock=listener, ssl=context)

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        # Each handler ends once its transport is cut; meanwhile a handshake may end and bring another.
        while self._writers:
            for writer in list(self._writers):
                writer.transport.abort()
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = len(self.received)
        self.received.append(b"")
        self._writers.add(writer)
        try:
            await self._handle(place, reader, writer)
        finally:
            writer.transport.abort()  # where the thread was stopped, nobody has closed it
            self._writers.discard(writer)

    async def _handle(
        self, place: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            if self.fault.answers:
                await self._answer(place, reader, writer)
        if self.fault.end == "abort":
            writer.transport.abort()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _answer(
        self, place: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.received[place] = await reader.readuntil(b"\r\n\r\n")
        self.received[place] += await _body(reader, self.received[place])
        for part in self.fault.write(self.canary):
            if writer.is_closing():
                return
            if isinstance(part, float):
                await asyncio.sleep(part)
            else:
                writer.write(part)
                await writer.drain()
        if self.fault.end == "abort":
            await asyncio.sleep(0.05)  # what was written should arrive
        if self.fault.end == "wait":
            while more := await reader.read(65536):
                self.received[place] += more


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """The request's body where its head says how long it is; nothing otherwise."""
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length" and value.strip().isdigit():
            return await reader.readexactly(int(value))
    return b""
