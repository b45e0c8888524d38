"""A laboratory: a real engine, real upstreams and a real client, all on sockets of loopback.

The engine and the upstreams run in a thread with a loop of their own (asyncio's or uvloop's). The
client is blocking code in the test. Everything that crosses a wire is recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import pathlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Self

import uvloop

from gateway.egress import Egress, HostException, StandIn
from gateway.engine.master import Engine
from gateway.engine.settings import EngineSettings, Limits, ListenerSettings
from gateway.errors import GatewayError
from gateway.exchange import Authority, Blind, Exchange, Peer, Tunnel
from gateway.rules.model import HostPattern
from tests.pki import Authority as Ca

LOOPBACK = ip_address("127.0.0.1")
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"


class Loop:
    """An event loop in a thread."""

    def __init__(self, kind: str = "asyncio") -> None:
        self.loop = uvloop.new_event_loop() if kind == "uvloop" else asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def do(self, coroutine, timeout: float = 20):
        """Runs a coroutine there and waits for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def close(self) -> None:
        async def rest() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.loop.shutdown_asyncgens()
            await self.loop.shutdown_default_executor()

        self.do(rest())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


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


class Plan:
    """The pipeline of the tests: admits all, changes nothing, unless a test says otherwise."""

    def __init__(self) -> None:
        self.ended: list[tuple[Exchange, GatewayError | None]] = []
        self.refused: list[tuple[str, int, GatewayError]] = []
        self.refused_heads: list[tuple[Peer, GatewayError]] = []
        self.seen: list[str] = []
        self.on_connect = lambda peer, host, port, headers: Tunnel(host, port, None)
        self.on_admit = lambda exchange: None
        self.on_send = lambda exchange: None
        self.on_answer = lambda exchange: None
        self.on_end = lambda exchange: None
        self.endpoints: dict[str, Authority] = {}

    def connect(self, peer, host, port, headers) -> Tunnel | Blind:
        self.seen.append("connect")
        return self.on_connect(peer, host, port, headers)

    def admit(self, exchange: Exchange) -> None:
        self.seen.append("admit")
        if exchange.request.authority is None:
            first, _, rest = exchange.request.path[1:].partition("/")
            exchange.request.authority = self.endpoints[first]
            exchange.request.path = "/" + rest
        self.on_admit(exchange)

    async def send(self, exchange: Exchange) -> None:
        self.seen.append("send")
        await asyncio.sleep(0)
        self.on_send(exchange)

    async def answer(self, exchange: Exchange) -> None:
        self.seen.append("answer")
        await asyncio.sleep(0)
        self.on_answer(exchange)

    async def end(self, exchange: Exchange, error: GatewayError | None) -> None:
        self.ended.append((exchange, error))
        self.on_end(exchange)

    async def refused_connect(self, peer, host, port, error) -> None:
        self.refused.append((host, port, error))

    def refused_head(self, peer, error) -> None:
        self.refused_heads.append((peer, error))


class Wire:
    """A blocking client connection; `start_tls` puts TLS on top, also on top of TLS."""

    def __init__(self, address: tuple[str, int], timeout: float = 8.0) -> None:
        self.sock = socket.create_connection(address, timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stack: list[tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]] = []
        self.got = bytearray()  # every byte that was read, decrypted

    def start_tls(self, context: ssl.SSLContext, name: str | None) -> Wire:
        below, incoming, outgoing = len(self._stack), ssl.MemoryBIO(), ssl.MemoryBIO()
        layer = context.wrap_bio(incoming, outgoing, server_hostname=name)
        while True:
            try:
                layer.do_handshake()
            except ssl.SSLWantReadError:
                self._put(outgoing.read(), below)
                data = self._get(below)
                if not data:
                    raise ConnectionError("closed in handshake") from None
                incoming.write(data)
            else:
                break
        self._put(outgoing.read(), below)
        self._stack.append((layer, incoming, outgoing))
        return self

    def _put(self, data: bytes, level: int) -> None:
        if not data:
            return
        if level == 0:
            self.sock.sendall(data)
            return
        layer, _, outgoing = self._stack[level - 1]
        view = memoryview(data)
        while view:
            view = view[layer.write(view) :]
        self._put(outgoing.read(), level - 1)

    def _get(self, level: int) -> bytes:
        if level == 0:
            try:
                return self.sock.recv(65536)
            except ConnectionError:
                return b""
        layer, incoming, _ = self._stack[level - 1]
        while True:
            try:
                return layer.read(65536)
            except ssl.SSLWantReadError:
                data = self._get(level - 1)
                if not data:
                    return b""
                incoming.write(data)
            except ssl.SSLZeroReturnError:
                return b""

    def send(self, data: bytes) -> Wire:
        with contextlib.suppress(ConnectionError):
            self._put(data, len(self._stack))
        return self

    def read(self) -> bytes:
        data = self._get(len(self._stack))
        self.got += data
        return data

    def rest(self) -> bytes:
        """Everything until the other side closes."""
        data = bytearray()
        while piece := self.read():
            data += piece
        return bytes(data)

    def response(self, *, head_only: bool = False) -> Answer:
        """One response; what follows it is an error of the test's own."""
        data = bytearray()
        while b"\r\n\r\n" not in data:
            piece = self.read()
            if not piece:
                raise ConnectionError(f"closed after {bytes(data[:200])!r}")
            data += piece
        head, _, body = bytes(data).partition(b"\r\n\r\n")
        answer = Answer.of(head)
        length = (
            0
            if head_only or answer.status in (100, 204, 304)
            else int(answer.one("content-length") or 0)
        )
        parts, size = [body], len(body)
        while size < length:
            piece = self.read()
            if not piece:
                raise ConnectionError("closed in body")
            parts.append(piece)
            size += len(piece)
        answer.body = b"".join(parts)
        assert len(answer.body) == length or answer.status == 100
        return answer

    def ask(self, request: bytes) -> Answer:
        return self.send(request).response()

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()


@dataclass
class Answer:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    @classmethod
    def of(cls, head: bytes) -> Answer:
        lines = head.decode("latin-1").split("\r\n")
        _, status, reason = (lines[0] + "  ").split(" ", 2)
        fields = [line.partition(":") for line in lines[1:]]
        return cls(int(status), reason.strip(), [(n.lower(), v.strip()) for n, _, v in fields])

    def all(self, name: str) -> list[str]:
        return [value for field_name, value in self.headers if field_name == name]

    def one(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) < 2, (name, values)
        return values[0] if values else None

    @property
    def code(self) -> str:
        import json

        assert self.one("content-type") == "application/problem+json", (self, self.body[:100])
        return json.loads(self.body)["code"]


class Lab:
    """An engine with a `Plan`, and upstreams by host name."""

    def __init__(self, ca: Ca, directory: pathlib.Path, kind: str = "asyncio") -> None:
        self.ca, self.directory = ca, directory
        self.loop = Loop(kind)
        self.plan = Plan()
        self.upstreams: dict[str, Upstream] = {}
        self.log = io.StringIO()
        self._handler = logging.StreamHandler(self.log)
        self._handler.setFormatter(
            logging.Formatter("%(name)s %(message)s %(fields)s", defaults={"fields": ""})
        )
        logging.getLogger().addHandler(self._handler)
        self.engine: Engine
        self.egress: Egress

    def upstream(
        self, host: str, upstream: Upstream | None = None, *, tls: bool = True
    ) -> Upstream:
        server = upstream or Upstream()
        if tls and server.tls is None:
            server.tls = self.ca.server_context(host)
        self.loop.do(server.start())
        self.upstreams[host] = server
        return server

    def start(
        self,
        *,
        limits: Limits | None = None,
        proxy_tls: bool = False,
        resolve=None,
        trusted: bool = True,
        certificate=None,
        plain_endpoints: bool = False,
    ) -> Lab:
        stand_ins = [
            StandIn(host, server.port, host, LOOPBACK, self.ca.certificate)
            for host, server in self.upstreams.items()
            if trusted
        ]
        self.egress = Egress(
            stand_ins=stand_ins,
            private=[HostException(HostPattern("test", True), (ip_network("127.0.0.0/8"),))],
            own=(),
            **({"resolve": resolve} if resolve else {"resolve": _loopback}),
        )
        issued = certificate or self.ca.issue("gateway.test", "127.0.0.1")
        networks = (ip_network("127.0.0.0/8"),) if plain_endpoints else ()
        settings = EngineSettings(
            confdir=self.directory,
            proxy=ListenerSettings(
                "127.0.0.1", 0, tls=proxy_tls, certificate=issued.certificate, key=issued.key
            ),
            endpoints=ListenerSettings(
                "127.0.0.1",
                0,
                tls=True,
                certificate=issued.certificate,
                key=issued.key,
                plain_text_networks=networks,
            ),
            limits=limits
            or Limits(request_seconds=5, upstream_seconds=5, upstream_connect_seconds=3),
        )

        async def begin() -> Engine:
            engine = Engine(settings, self.plan, self.egress)
            await engine.start()
            return engine

        self.engine = self.loop.do(begin())
        return self

    # --- clients --------------------------------------------------------------------------------

    def proxy(self) -> Wire:
        return Wire(self.engine.addresses["proxy"])

    def tls_proxy(self) -> Wire:
        return self.proxy().start_tls(self.ca.client_context(), "gateway.test")

    def endpoints(self) -> Wire:
        return Wire(self.engine.addresses["endpoints"]).start_tls(
            self.ca.client_context(), "gateway.test"
        )

    def port(self, host: str) -> int:
        return self.upstreams[host].port

    def connect(self, host: str, port: int | None = None, wire: Wire | None = None) -> Wire:
        """A CONNECT that is accepted; no TLS yet."""
        wire = wire or self.proxy()
        port = port or self.port(host)
        answer = wire.ask(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        assert answer.status == 200, (answer, answer.body)
        return wire

    def tunnel(self, host: str, wire: Wire | None = None, sni: str | None = None) -> Wire:
        """A CONNECT, and TLS in it with the gateway's CA verified."""
        wire = self.connect(host, wire=wire)
        context = self.client_context()
        if sni is not None:
            context.check_hostname = False
        return wire.start_tls(context, sni or host)

    def client_context(self) -> ssl.SSLContext:
        """Trusts the gateway's CA, as a client inside a CONNECT does."""
        context = ssl.create_default_context(cafile=str(self.directory / "mitmproxy-ca-cert.pem"))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    def get(self, host: str, path: str = "/", extra: str = "") -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: {host}:{self.port(host)}\r\n{extra}\r\n".encode()

    def post(self, host: str, body: bytes, path: str = "/", extra: str = "") -> bytes:
        return (
            f"POST {path} HTTP/1.1\r\nHost: {host}:{self.port(host)}\r\n"
            f"Content-Length: {len(body)}\r\n{extra}\r\n"
        ).encode() + body

    def wait_ended(self, count: int, seconds: float = 3.0) -> None:
        until = time.monotonic() + seconds
        while len(self.plan.ended) < count and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.plan.ended) == count, self.plan.ended

    def close(self) -> None:
        if hasattr(self, "engine"):
            self.loop.do(self.engine.stop(0.2))
        for server in self.upstreams.values():
            self.loop.do(server.stop())
        self.loop.close()
        logging.getLogger().removeHandler(self._handler)


async def _loopback(host: str, port: int):
    return [LOOPBACK]


@contextlib.contextmanager
def lab(ca: Ca, directory: pathlib.Path, kind: str = "asyncio") -> Iterator[Lab]:
    made = Lab(ca, directory, kind)
    try:
        yield made
    finally:
        made.close()
