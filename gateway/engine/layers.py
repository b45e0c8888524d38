"""Which bytes may become which protocol: a whitelist. What is not on it is closed (P08).

    listener  first byte   then
    any       TLS          `Tls` (the listener's certificate), then `Http`
    any       a letter     `Http`, where the peer may speak plain text
    after CONNECT, host of a route:    TLS only: `Tls` (a certificate for that host), then `Http`
    after CONNECT, `tunnel:` host:     TLS only: `Relay`, bytes pass unseen

mitmproxy's own choice of layers (DNS by port, raw TCP, QUIC, h2, WebSocket) is never asked.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.tls import ClientTLSLayer
from mitmproxy.proxy.tunnel import TunnelState
from OpenSSL import SSL

from gateway.engine.boundary import Boundary
from gateway.engine.session import Session
from gateway.engine.tls import ClientTls, fingerprint
from gateway.engine.work import TimedOut
from gateway.errors import HttpInvalid
from gateway.exchange import Blind, Tunnel

_HANDSHAKE: Final = 0x16  # TLS record type
_HELLO_LIMIT: Final = 64 * 1024  # bytes until a ClientHello must be complete

Commands = Generator[commands.Command, Any, None]


def step_aside(one: layer.Layer, child: layer.Layer) -> None:
    """Has the events that come to `one` from now on go to `child` at once, as mitmproxy's NextLayer
    does: a layer that has decided would only hand on every event, and every command."""
    one.handle_event = child.handle_event  # type: ignore[method-assign]  # on purpose, as there


class Switchboard:
    """What every layer needs and no connection owns."""

    __slots__ = ("boundary", "tls")

    def __init__(self, boundary: Boundary, tls: ClientTls) -> None:
        self.boundary = boundary
        self.tls = tls


class Closed(layer.Layer):
    """Closes the client's connection and takes nothing in."""

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)


class Entrance(layer.Layer):
    """Looks at the first byte a client sends to a listener, and decides."""

    def __init__(self, context: Context, session: Session, board: Switchboard) -> None:
        super().__init__(context)
        self.session, self.board = session, board
        self.child: layer.Layer | None = None

    def _handle_event(self, event: events.Event) -> Commands:
        if self.child is not None:
            yield from self.child.handle_event(event)
        elif isinstance(event, events.Start):
            self.session.expire_in(self.session.limits.request_seconds)
        elif isinstance(event, events.DataReceived) and event.data:
            self.child = self._decide(event.data[0])
            step_aside(self, self.child)
            yield from self.child.handle_event(events.Start())
            yield from self.child.handle_event(event)
        else:  # closed, or nothing came in time
            yield commands.CloseConnection(self.context.client)

    def _decide(self, first: int) -> layer.Layer:
        from gateway.engine.http import Http  # noqa: PLC0415  # http opens what follows a CONNECT

        if first == _HANDSHAKE and self.session.settings.tls:
            tls = Tls(self.context, self.session, self.board, host=None)
            tls.child_layer = Http(self.context, self.session, self.board, tunnel=None)
            return tls
        if first != _HANDSHAKE and self.session.may_speak_plain():
            return Http(self.context, self.session, self.board, tunnel=None)
        # Plain text where TLS is asked, or TLS where there is none: not worth an answer.
        self.board.boundary.refused_head(self.session, HttpInvalid())
        return Closed(self.context)


class Tls(ClientTLSLayer):
    """TLS with the client, with a context of ours; the outer one, or that inside a CONNECT."""

    def __init__(
        self, context: Context, session: Session, board: Switchboard, *, host: str | None
    ) -> None:
        super().__init__(context)
        self.session, self.board, self.host = session, board, host

    def handle_event(self, event: events.Event) -> Commands:
        """What mitmproxy's does, without the generators between, once TLS stands: the layer waits for
        nothing by itself then, and only what comes from the client is to be decrypted.
        """
        if self.tunnel_state is not TunnelState.OPEN or self._paused:
            return super().handle_event(event)
        if not isinstance(event, events.ConnectionEvent) or event.connection is not self.conn:
            return self.event_to_child(event)
        if isinstance(event, events.DataReceived):
            return self.receive_data(event.data)
        return super().handle_event(event)

    def event_to_child(self, event: events.Event) -> Commands:
        """The same, for what the child says to it."""
        if self.tunnel_state is not TunnelState.OPEN:
            yield from super().event_to_child(event)
            return
        for command in self.child_layer.handle_event(event):
            if isinstance(command, commands.SendData) and command.connection is self.conn:
                yield from self.send_data(command.data)
            else:
                yield from self._handle_command(command)

    def start_tls(self) -> Commands:
        """Replaces the hook that would ask an addon for a context."""
        contexts = self.board.tls
        context = (
            contexts.of_listener(self.session.listener)
            if self.host is None
            else contexts.of_host(self.host)
        )
        self.tls = SSL.Connection(context)
        self.tls.set_accept_state()
        yield from ()

    def receive_handshake_data(
        self, data: bytes
    ) -> Generator[commands.Command, Any, tuple[bool, str | None]]:
        """Bounds what is held before a ClientHello is complete, which mitmproxy does not (P33)."""
        if not self.client_hello_parsed and len(self.recv_buffer) + len(data) > _HELLO_LIMIT:
            return False, "ClientHello too long"
        done, error = yield from super().receive_handshake_data(data)
        if done and not error and self.host is None:
            self.session.tls = True
            self.session.certificate = fingerprint(self.tls)
        return done, error


class AfterConnect(layer.Layer):
    """Inside a CONNECT: TLS, or the end."""

    def __init__(
        self, context: Context, session: Session, board: Switchboard, target: Tunnel | Blind
    ) -> None:
        super().__init__(context)
        self.session, self.board, self.target = session, board, target
        self.child: layer.Layer | None = None

    def _handle_event(self, event: events.Event) -> Commands:
        if self.child is not None:
            yield from self.child.handle_event(event)
        elif isinstance(event, events.Start):
            self.session.idle = True
            self.session.expire_in(self.session.limits.request_seconds)
        elif isinstance(event, events.DataReceived) and event.data:
            self.child = self._decide(event.data[0])
            step_aside(self, self.child)
            yield from self.child.handle_event(events.Start())
            yield from self.child.handle_event(event)
        else:
            yield commands.CloseConnection(self.context.client)

    def _decide(self, first: int) -> layer.Layer:
        from gateway.engine.http import Http  # noqa: PLC0415  # as in Entrance

        if first != _HANDSHAKE:
            self.board.boundary.refused_head(self.session, HttpInvalid())
            return Closed(self.context)
        if isinstance(self.target, Blind):
            return Relay(self.context, self.session, self.target)
        tls = Tls(self.context, self.session, self.board, host=self.target.host)
        tls.child_layer = Http(self.context, self.session, self.board, tunnel=self.target)
        return tls


class Relay(layer.Layer):
    """Passes bytes both ways, unseen. The address was checked as any other's is."""

    def __init__(self, context: Context, session: Session, target: Blind) -> None:
        super().__init__(context)
        self.session = session
        self.server = Server(address=(target.host, target.port))
        self.opened = False

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.DataReceived):
            yield from self._pass_on(event)
        elif isinstance(event, (events.ConnectionClosed, TimedOut)):
            yield commands.CloseConnection(self.server)
            yield commands.CloseConnection(self.context.client)

    def _pass_on(self, event: events.DataReceived) -> Commands:
        self.session.idle = False
        if not self.opened:
            self.opened = True
            self.session.never_expire()
            if (yield commands.OpenConnection(self.server)):
                yield commands.CloseConnection(self.context.client)
                return
        self.session.expire_in(self.session.limits.idle_seconds)
        other: Connection = (
            self.server if event.connection == self.context.client else self.context.client
        )
        yield commands.SendData(other, event.data)
