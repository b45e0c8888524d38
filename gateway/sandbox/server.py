"""The sandbox as one thing: every simulator on its own loopback port, with one CA for all.

Names are not in any DNS: a gateway reaches them through `test_hosts:` (`Sandbox.gateway_settings`),
other clients with `curl --resolve` or by 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from uvicorn import Config, Server

from gateway.sandbox.adyen import Adyen
from gateway.sandbox.bookingsync import BookingSync
from gateway.sandbox.channex import Channex
from gateway.sandbox.loop import LoopThread
from gateway.sandbox.octorate import Octorate
from gateway.sandbox.paycomet import Paycomet
from gateway.sandbox.pms import Pms
from gateway.sandbox.processor import Processor
from gateway.sandbox.rapid import Rapid
from gateway.sandbox.records import Records
from gateway.sandbox.siteminder import SiteMinder, SiteMinderSettings
from gateway.sandbox.started import Started
from gateway.sandbox.stripe import Stripe
from gateway.sandbox.tls import CA_FILE, make_authority, server_context
from gateway.sandbox.wire import Observed, OpenProtocol

ADDRESS: Final = "127.0.0.1"
PORT_BASE: Final = 9443


@dataclass(frozen=True, slots=True)
class Host:
    """A listener: its name in `ports`, its host names with whom each stands for, TLS or not."""

    name: str
    stands_for: Mapping[str, str]
    tls: bool = True


HOSTS: Final = (
    Host("siteminder", {"siteminder.sandbox.test": "ws.siteminder.com"}),
    Host("stripe", {"stripe.sandbox.test": "api.stripe.com"}),
    Host(
        "adyen",
        {
            "adyen.sandbox.test": "checkout-test.adyen.com",
            "pal.adyen.sandbox.test": "pal-test.adyen.com",
        },
    ),
    Host("channex", {"channex.sandbox.test": "secure.channex.io"}),
    Host("pms", {"pms.sandbox.test": "pms.sandbox.test"}),
    Host("pms_plain", {"pms.sandbox.test": "pms.sandbox.test"}, tls=False),
    Host("paycomet", {"paycomet.sandbox.test": "rest.paycomet.com"}),
    Host(
        "bookingsync",
        {
            "secure.bookingsync.sandbox.test": "secure.bookingsync.com",
            "bookingsync.sandbox.test": "www.bookingsync.com",
        },
    ),
    Host("rapid", {"rapid.sandbox.test": "test.ean.com"}),
    Host("octorate", {"octorate.sandbox.test": "api.octorate.com"}),
    Host("processor", {"processor.sandbox.test": "processor.card-gateway.invalid"}),
)


class PortTaken(OSError):
    """A port that the sandbox wants is in use. The text says which, and what to do."""


def fixed_ports(base: int = PORT_BASE) -> dict[str, int]:
    """`base` for the first listener (SiteMinder), and so on in the order of `HOSTS`."""
    return {host.name: base + place for place, host in enumerate(HOSTS)}


class Sandbox(Started):
    """All simulators. `ports` names the port of each listener; one that is not named is any free.

    `start` raises PortTaken. After it `ports` holds the real ports. `received` is what came in;
    `siteminder`, `stripe`, `adyen`, `channex`, `paycomet`, `bookingsync`, `rapid`, `octorate`,
    `processor` are the simulators themselves. They run in a thread of their own, whoever starts them.
    """

    def __init__(self, directory: Path, *, ports: Mapping[str, int] | None = None) -> None:
        unknown = set(ports or {}) - {host.name for host in HOSTS}
        if unknown:
            raise ValueError(f"no such listener: {', '.join(sorted(unknown))}")
        self.directory = directory
        self.ports: dict[str, int] = {host.name: (ports or {}).get(host.name, 0) for host in HOSTS}
        self._wanted = dict(self.ports)
        self.received = Records()
        self.siteminder = SiteMinder(SiteMinderSettings())
        self.stripe = Stripe(self.received)
        self.adyen = Adyen(self.received)
        self.channex = Channex()
        self.pms = Pms()
        self.paycomet = Paycomet(self.received)
        self.bookingsync = BookingSync(self.received)
        self.rapid = Rapid(self.received)
        self.octorate = Octorate(self.received)
        self.processor = Processor(self.received)
        self._thread: LoopThread | None = None
        self._servers: list[Server] = []
        self._serving: list[asyncio.Task[None]] = []

    @property
    def ca_file(self) -> Path:
        """The certificate that clients must trust; there once the sandbox was started."""
        return self.directory / CA_FILE

    # --- starting and stopping ------------------------------------------------------------------

    def start(self) -> Self:
        """Makes certificates where needed, binds, serves; returns when every listener answers."""
        make_authority(self.directory)
        context = server_context(self.directory)
        sockets = self._bind()
        self._thread = LoopThread("sandbox")
        self._thread.call(self._serve(sockets, context))
        return self

    def stop(self) -> None:
        """Closes every listener and connection. Nothing happens when it does not run."""
        if self._thread is None:
            return
        self._thread.call(self._shut())
        self._thread.stop()
        self._thread = None

    def reset(self) -> None:
        """Everything is undelivered again; what was received is forgotten. Not for the loop itself."""
        for simulator in (
            self.siteminder,
            self.stripe,
            self.adyen,
            self.channex,
            self.paycomet,
            self.bookingsync,
            self.rapid,
            self.octorate,
            self.processor,
        ):
            simulator.reset()
        self.received.clear()

    # --- how it is reached ----------------------------------------------------------------------

    def url(self, name: str) -> str:
        """`https://127.0.0.1:port` of a listener; the certificate holds that address."""
        return f"{'https' if _host(name).tls else 'http'}://{ADDRESS}:{self.ports[name]}"

    def named_url(self, name: str) -> str:
        """`https://stripe.sandbox.test:port`: what a client behind a gateway asks for."""
        host = _host(name)
        return (
            f"{'https' if host.tls else 'http'}://{next(iter(host.stands_for))}:{self.ports[name]}"
        )

    def gateway_settings(self) -> dict[str, dict[str, Any]]:
        """The `test_hosts:` mapping for gateway.yaml: `host:port` → stands_for, address, ca."""
        settings: dict[str, dict[str, Any]] = {}
        for host in HOSTS:
            for name, other in host.stands_for.items():
                entry = {"stands_for": other, "address": ADDRESS}
                if host.tls:
                    entry["ca"] = str(self.ca_file)
                settings[f"{name}:{self.ports[host.name]}"] = entry
        return settings

    # --- inside ---------------------------------------------------------------------------------

    def _bind(self) -> dict[str, socket.socket]:
        sockets: dict[str, socket.socket] = {}
        for host in HOSTS:
            # The protocol is named: asyncio sends at once (TCP_NODELAY) only where it is TCP's.
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((ADDRESS, self._wanted[host.name]))
                listener.listen(512)
            except OSError:
                for opened in [listener, *sockets.values()]:
                    opened.close()
                raise PortTaken(
                    f"port {self._wanted[host.name]} on {ADDRESS} ({host.name}) is taken; "
                    "stop what listens there, or choose other ports with --port-base"
                ) from None
            sockets[host.name] = listener
            self.ports[host.name] = listener.getsockname()[1]
        return sockets

    async def _serve(self, sockets: Mapping[str, socket.socket], context: ssl.SSLContext) -> None:
        apps = {
            "siteminder": self.siteminder.app,
            "stripe": self.stripe.app,
            "adyen": self.adyen.app,
            "channex": self.channex.app,
            "pms": self.pms.app,
            "pms_plain": self.pms.app,
            "paycomet": self.paycomet.app,
            "bookingsync": self.bookingsync.app,
            "rapid": self.rapid.app,
            "octorate": self.octorate.app,
            "processor": self.processor.app,
        }
        for host in HOSTS:
            config = Config(
                Observed(apps[host.name], host.name.removesuffix("_plain"), self.received),
                http=OpenProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
                ssl_context_factory=(lambda _config, _default: context) if host.tls else None,
            )
            server = Server(config)
            self._servers.append(server)
            self._serving.append(asyncio.create_task(server.serve([sockets[host.name]])))
        while not all(server.started for server in self._servers):  # noqa: ASYNC110  # uvicorn has no event
            await asyncio.sleep(0.01)

    async def _shut(self) -> None:
        for server in self._servers:
            server.should_exit = True
            for listener in server.servers:
                listener.close()
        serving = asyncio.gather(*self._serving)
        while not serving.done():  # a handshake may end meanwhile, and bring another connection
            # Cut, not closed: TLS would wait for clients that keep their connections for later.
            for server in self._servers:
                for connection in list(server.server_state.connections):
                    connection.transport.abort()
            await asyncio.sleep(0.01)
        await serving
        self._servers.clear()
        self._serving.clear()


def _host(name: str) -> Host:
    return next(host for host in HOSTS if host.name == name)
