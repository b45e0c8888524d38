"""A server on loopback that records what it gets and answers as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"


@dataclass
class Upstream:
    """A server that records what it gets, and answers with what `reply` makes of a request.

    `reply(request, number)` returns bytes, or None to close without a word.
    """

    reply: Callable[[bytes, int], bytes | None] = lambda _request, _number: OK
    tls: ssl.SSLContext | None = None
    close: bool = False  # after each answer
    delay: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    sni: list[str | None] = field(default_factory=list)
    port: int = 0
    server: asyncio.Server | None = None
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def start(self) -> None:
        if self.tls is not None:
            self.tls.sni_callback = lambda _sock, name, _context: self.sni.append(name)
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        self.serving[task] = writer
        try:
            with contextlib.suppress(OSError):
                await self._answer(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()
            del self.serving[task]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await self._read(reader):
            self.requests.append(request)
            if self.delay:
                await asyncio.sleep(self.delay)
            answer = self.reply(request, len(self.requests))
            if answer is None:
                return
            writer.write(answer)
            await writer.drain()
            if self.close:
                return

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        data = bytearray()
        while b"\r\n\r\n" not in data:
            data += (piece := await self._piece(reader))
            if not piece:
                return bytes(data)
        head, _, body = bytes(data).partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            body += (piece := await self._piece(reader))
            if not piece:
                break
        return head + b"\r\n\r\n" + body

    async def _piece(self, reader: asyncio.StreamReader) -> bytes:
        piece = await reader.read(1 << 20)
        self.received += piece
        return piece

    async def stop(self) -> None:
        """Closes the port, and cuts what is still connected."""
        if self.server is None:
            return
        self.server.close()
        serving = list(self.serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await self.server.wait_closed()
