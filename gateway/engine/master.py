"""The engine: mitmproxy's Master with only what is ours in it, started and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from ipaddress import ip_address
from typing import Any, Final

from mitmproxy import options
from mitmproxy.addons import core, proxyserver
from mitmproxy.master import Master
from mitmproxy.proxy import layer
from mitmproxy.proxy.mode_specs import ProxyMode

from gateway.egress import Egress
from gateway.engine import modes  # registers them
from gateway.engine.boundary import Boundary, Guard, Pipeline
from gateway.engine.handler import Closing, Handler
from gateway.engine.layers import Closed, Switchboard
from gateway.engine.settings import EngineSettings, Limits, ListenerSettings
from gateway.engine.silence import report_unhandled, silence
from gateway.engine.tls import ClientTls
from gateway.exchange import Listener
from gateway.listening import listen
from gateway.reach import Streams

_MODES: Final[dict[Listener, type[ProxyMode]]] = {
    "proxy": modes.GatewayProxyMode,
    "endpoints": modes.GatewayEndpointsMode,
}
# A backstop: our layers ask for none of this. Names that a version does not have are left out.
_OPTIONS: Final = {
    "connection_strategy": "lazy",
    "rawtcp": False,
    "websocket": False,
    "http2": False,
    "http3": False,
    "ssl_insecure": False,
    "upstream_cert": False,
    "validate_inbound_headers": True,
    "onboarding": False,
}


class NextLayer:
    """Lets no layer of mitmproxy's own choice come up. Proxyserver looks for its name."""

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Whatever comes next is closed."""
        nextlayer.layer = Closed(nextlayer.context)


class GatewayMaster(Master):
    """mitmproxy's Master, with a `run` that fails when a listener does."""

    def __init__(self, settings: EngineSettings, board: Switchboard, egress: Egress) -> None:
        super().__init__(options.Options())
        # It would see every log line of the process and hand it to addons.
        self._legacy_log_events.uninstall()
        self.settings, self.board, self.egress = settings, board, egress
        self.limits = settings.limits
        self.sockets: dict[Listener, socket.socket] = {}
        self.handlers: set[Handler] = set()
        self.asides: set[asyncio.Task[None]] = set()
        self.closing: Closing = {}
        self.listening = asyncio.Event()
        self.quiet = asyncio.Event()  # no client is connected
        self.quiet.set()
        self.proxyserver = proxyserver.Proxyserver()  # type: ignore[no-untyped-call]  # untyped there
        self.addons.add(core.Core(), self.proxyserver, NextLayer())  # type: ignore[no-untyped-call]  # as above

    async def run(self) -> None:
        """Listens until `should_exit`. Raises RuntimeError where it can not listen.

        mitmproxy's own ignores a failed bind; and its eager tasks do not work on every loop.
        """
        self.should_exit.clear()
        if not await self.proxyserver.setup_servers():
            raise RuntimeError("a listener could not be started")
        await self.running()
        self.listening.set()
        await self.should_exit.wait()
        await self.done()

    def settings_of(self, listener: Listener) -> ListenerSettings | None:
        """What was configured for a listener."""
        return self.settings.proxy if listener == "proxy" else self.settings.endpoints

    async def serve(self, listener: Listener, mode: ProxyMode, streams: Streams) -> None:
        """Serves one connection."""
        settings = self.settings_of(listener)
        _, writer = streams
        if settings is None or not self._room() or writer.get_extra_info("peername") is None:
            writer.transport.abort()
            return
        with Guard():
            handler = Handler(
                self,
                streams,
                mode,
                listener=listener,
                settings=settings,
                limits=self.limits,
                board=self.board,
                egress=self.egress,
                asides=self.asides,
                closing=self.closing,
            )
            self.handlers.add(handler)
            self.quiet.clear()
            try:
                await handler.handle_client()
            finally:
                self.handlers.discard(handler)
                if not self.handlers:
                    self.quiet.set()

    def _room(self) -> bool:
        """Whether one more connection fits; the oldest that never was admitted gives way (P33)."""
        if len(self.handlers) < self.limits.connections:
            return True
        strangers = [handler for handler in self.handlers if not handler.session.admitted]
        if not strangers:
            return False
        min(strangers, key=lambda handler: handler.born).abort()
        return len(self.handlers) <= self.limits.connections + self.limits.backlog


class Engine:
    """Listens, serves, and drains."""

    def __init__(self, settings: EngineSettings, pipeline: Pipeline, egress: Egress) -> None:
        self._settings, self._egress = settings, egress
        self._board = Boundary(pipeline)
        self._master: GatewayMaster | None = None
        self._task: asyncio.Task[None] | None = None
        self._previous: Any = None  # the loop's exception handler before ours
        self.addresses: dict[Listener, tuple[str, int]] = {}

    async def start(self) -> None:
        """Listens. Raises OSError where a port can not be had, ValueError and OSError where a
        certificate can not."""
        silence()
        listeners: dict[Listener, ListenerSettings] = {}
        if self._settings.proxy is not None:
            listeners["proxy"] = self._settings.proxy
        if self._settings.endpoints is not None:
            listeners["endpoints"] = self._settings.endpoints
        tls = ClientTls(self._settings.confdir, listeners)
        tls.warm_up()
        master = GatewayMaster(self._settings, Switchboard(self._board, tls), self._egress)
        try:
            for name, settings in listeners.items():
                bound = listen(settings.host, settings.port, self._settings.limits.backlog)
                master.sockets[name] = bound
                host, port = bound.getsockname()[:2]
                self.addresses[name] = (host, port)
                self._egress.claim(ip_address(host), port)
            self._configure(master)
            self._task = asyncio.create_task(master.run())
            waiting = asyncio.create_task(master.listening.wait())
            await asyncio.wait([self._task, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if self._task.done():
                self._task.result()
        except BaseException:  # a cancellation too: nothing may stay open; it is raised again
            for taken in master.sockets.values():
                taken.close()
            raise
        loop = asyncio.get_running_loop()
        self._previous = loop.get_exception_handler()
        loop.set_exception_handler(report_unhandled)
        self._master = master
        silence()

    def _configure(self, master: GatewayMaster) -> None:
        known = {name: value for name, value in _OPTIONS.items() if name in master.options}
        specs = [
            f"{_MODES[name].type_name}@{host}:{port}"
            for name, (host, port) in self.addresses.items()
        ]
        master.options.update(mode=specs, server=True, **known)  # type: ignore[no-untyped-call]  # as above

    @property
    def limits(self) -> Limits:
        """What it holds connections to."""
        return self._settings.limits

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._master.handlers) if self._master else 0

    @property
    def idle(self) -> bool:
        """Whether no exchange is in hand, nor one whose end is still being written down."""
        if self._master is None:
            return True
        handlers, ending = self._master.handlers, self._master.asides
        return not ending and all(handler.session.exchange is None for handler in handlers)

    async def stop(self, grace: float) -> None:
        """Stops listening, lets running exchanges finish for up to `grace` seconds, closes (P40)."""
        master, self._master = self._master, None
        if master is None or self._task is None:
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + grace
        await master.proxyserver.servers.update([])
        for handler in list(master.handlers):
            handler.begin_stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(master.quiet.wait(), grace)
        for handler in list(master.handlers):
            handler.abort()
        await master.quiet.wait()
        if master.closing:  # answers that are still on their way out
            await asyncio.wait(master.closing, timeout=max(0.0, until - loop.time()))
        for writer in list(master.closing.values()):
            writer.transport.abort()
        if master.closing:
            await asyncio.wait(master.closing)
        while master.asides:
            await asyncio.wait(master.asides)
        master.should_exit.set()
        await self._task
        loop.set_exception_handler(self._previous)
