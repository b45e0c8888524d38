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
import ssl
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import uvloop

from gateway.egress import Egress, HostException, StandIn
from gateway.engine.master import Engine
from gateway.engine.settings import EngineSettings, Limits, ListenerSettings
from gateway.errors import GatewayError
from gateway.exchange import Authority, Blind, Exchange, Peer, Tunnel
from gateway.rules.model_addresses import HostPattern
from tests.engine.upstream import Upstream
from tests.engine.wire import Wire
from tests.pki import Authority as Ca

LOOPBACK = ip_address("127.0.0.1")


class Loop:
    """An event loop in a thread."""

    def __init__(self, kind: str = "asyncio") -> None:
        self.loop = uvloop.new_event_loop() if kind == "uvloop" else asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def do(self, coroutine, timeout: float = 60):
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
            or Limits(request_seconds=30, upstream_seconds=30, upstream_connect_seconds=30),
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
        return self.secured(self.proxy())

    def endpoints(self) -> Wire:
        return self.secured(self.plain_endpoints())

    def secured(self, wire: Wire) -> Wire:
        """TLS with the listener itself."""
        return wire.start_tls(self.ca.client_context(), "gateway.test")

    def plain_endpoints(self) -> Wire:
        return Wire(self.engine.addresses["endpoints"])

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

    def wait_ended(self, count: int, seconds: float = 30.0) -> None:
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
