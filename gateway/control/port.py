"""A port of our own: one application on uvicorn, bounded in connections and in time.

connections   at most 64: the oldest gives way, so that nobody is locked out by idle ones
a connection  is closed 5 seconds after its last answer, and after 30 in any case; where TLS does not
              begin within 5 seconds
plain text    from loopback and the networks that gateway.yaml names; others get no byte
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.config import Listener, TlsFiles
from gateway.config_values import BindAddress
from gateway.listening import Accepting, listen
from gateway.networks import Address, holds, normal

CONNECTIONS: Final = 64
_KEEP_ALIVE: Final = 5  # seconds between requests
_SECONDS: Final = 30.0  # a connection's whole life
_STOP_SECONDS: Final = 2  # for what is answered when the port is closed
_BACKLOG: Final = 128

Welcome = Callable[[Address], bool]


def everyone(_: Address) -> bool:
    """For metrics, which are plain text by design and hold no card data."""
    return True


def welcome(listener: Listener) -> Welcome:
    """Who may speak to a listener: with TLS everyone, else loopback and its private networks."""
    if listener.tls is not None:
        return everyone
    networks = listener.plain_text_networks
    return lambda peer: normal(peer).is_loopback or holds(networks, peer)


class Port:
    """`open`, then `close`; it is not opened twice."""

    def __init__(
        self,
        app: ASGIApp,
        bind: BindAddress,
        *,
        tls: TlsFiles | None = None,
        welcome: Welcome = everyone,
        seconds: float = _SECONDS,
    ) -> None:
        self._bind = bind
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=_protocol(welcome, seconds, lambda: self._open),
                ws="none",
                ssl_certfile=tls.certificate if tls else None,
                ssl_keyfile=tls.key if tls else None,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS + 2,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_STOP_SECONDS,
            )
        )
        self._open = False
        self._accepting: Accepting | None = None

    async def open(self) -> socket.socket:
        """Listens. Raises OSError where the port can not be had."""
        config = self._server.config
        config.load()  # before the port: a certificate that can not be read leaves nothing open
        self._server.lifespan = config.lifespan_class(config)
        bound = listen(str(self._bind.host), self._bind.port, _BACKLOG)
        # As uvicorn does it, but for the time that TLS has.
        known, kind = self._server.server_state, cast("type[Any]", config.http_protocol_class)
        state = self._server.lifespan.state
        server = Accepting(
            bound, lambda: kind(config=config, server_state=known, app_state=state), config.ssl
        )
        self._server.servers = cast("list[asyncio.Server]", [server])  # to be closed
        self._accepting = server
        self._server.started = self._open = True
        return bound

    async def close(self) -> None:
        """Stops listening; what is being answered has two seconds. Then nothing is open any more: a
        client that keeps its connection would have TLS wait half a minute for its farewell.
        """
        if not self._open:
            return
        self._open = False
        self._server.should_exit = True
        await self._server.shutdown()
        if self._accepting is not None:
            await self._accepting.wait_closed()  # uvicorn has not where clients took their time
        known = cast("set[Any]", self._server.server_state.connections)  # of the class below
        for one in list(known):
            one.transport.abort()
        await asyncio.sleep(0)  # they are told on the loop's next turn


def _protocol(
    welcome: Welcome, seconds: float, is_open: Callable[[], bool]
) -> type[asyncio.Protocol]:
    class Bounded(H11Protocol):
        """uvicorn's protocol has no time limit for a head, and counts connections, but keeps all."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
            super().connection_made(transport)
            self.ends = self.loop.call_later(seconds, transport.abort)
            peername = transport.get_extra_info("peername")
            # TLS may have begun just as the port closed.
            if not is_open() or peername is None or not welcome(normal(ip_address(peername[0]))):
                transport.abort()
                return
            known = cast("set[Any]", self.connections)  # of this class, which uvicorn can not know
            others = [one for one in known if one is not self and not one.transport.is_closing()]
            if len(others) >= CONNECTIONS:  # the oldest is the one whose end is next
                min(others, key=lambda one: one.ends.when()).transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            self.ends.cancel()
            super().connection_lost(exc)

    return Bounded
