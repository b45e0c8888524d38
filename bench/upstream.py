"""The partner behind the proxies: TLS, keep-alive, prepared bytes. A process of its own.

`python -m bench.upstream DIRECTORY` prints its port. It makes a body when it is first asked for one;
the bench asks for it before it measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from bench import messages
from bench.child import Child, python
from bench.load import Connection, Proxy
from gateway.sandbox.tls import make_authority, server_context

_HEAD = re.compile(
    rb"POST ([^ ]+) HTTP/1\.1\r\n.*?\r\nContent-Length: ([0-9]+)\r\n", re.DOTALL | re.IGNORECASE
)
_KEPT = 40  # bodies; a large one has 36 MB


@dataclass(frozen=True, slots=True)
class Upstream:
    """The running process, its port, and the certificate authority that it is believed with."""

    child: Child
    port: int
    authority: Path

    def prepare(self, request: bytes) -> None:
        """Has the answer made, so that it is there when it is measured."""
        me = Proxy("upstream", self.child.pid, self.port, self.authority)
        with Connection(None, self.port, me.context()) as connection:
            connection.ask(request)


def start(directory: Path, pinned: set[int]) -> Upstream:
    """Starts the process."""
    authority = make_authority(directory)
    child = Child(python("bench.upstream", str(directory)), directory / "upstream.log", pinned)
    try:
        return Upstream(child, int(child.line()), authority)
    except BaseException:
        child.close()
        raise


class _Answers:
    """The answers, by the names of their bodies."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, bytes] = OrderedDict()

    def to(self, path: bytes) -> bytes:
        name = messages.name_in(path)
        made = self._made.get(name)
        if made is None:
            body = messages.body(name)
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: {messages.label(name)}\r\nServer: bench\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            made = self._made[name] = head.encode() + body
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(name)
        return made


class _Connection(asyncio.Protocol):
    def __init__(self, answers: _Answers) -> None:
        self._answers, self._buffer = answers, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        match = _HEAD.match(self._buffer[:end])
        if match is None:
            self._transport.abort()
        elif len(self._buffer) >= end + int(match[2]):
            self._buffer = self._buffer[end + int(match[2]) :]
            self._transport.write(self._answers.to(match[1]))


async def _serve(directory: Path) -> None:
    loop, answers = asyncio.get_running_loop(), _Answers()
    context = server_context(directory)

    async def listen(host: str, port: int) -> asyncio.Server:
        return await loop.create_server(lambda: _Connection(answers), host, port, ssl=context)

    server = await listen("127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with contextlib.suppress(OSError):  # where localhost is both, stock tries this one first
        await listen("::1", port)
    print(port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until the bench is gone


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
