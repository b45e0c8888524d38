"""HTTP/1.1 with one client: read a request, have it cleared, ask upstream, have the answer cleared.

One request at a time. The conversation is one generator: it yields mitmproxy's commands, and
`WAIT` where it needs the next event. Whatever goes wrong in it ends in a problem answer of fixed
words and a closed connection; nothing that a peer sent is ever quoted.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, Literal, cast

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context

from gateway.authority import parse_authority
from gateway.engine import answers, http1
from gateway.engine.boundary import CLEARED, Guard, Verdict
from gateway.engine.layers import AfterConnect, Switchboard, step_aside
from gateway.engine.reader import RequestReader
from gateway.engine.session import Session
from gateway.engine.talk import WAIT, ClientSide, Talk, write
from gateway.engine.target import read_target
from gateway.engine.timing import Laps
from gateway.engine.upstream import Upstreams
from gateway.engine.work import Aside, TimedOut, Work
from gateway.errors import (
    BodyTooLarge,
    ClientGone,
    GatewayError,
    HttpInvalid,
    InternalError,
    ProxyKeyInvalid,
    Stopping,
    TargetAmbiguous,
)
from gateway.exchange import Exchange, Request, Tunnel

_LINGER: Final = 2.0  # seconds that a refused client has to read the answer


class Http(layer.Layer):
    """Serves HTTP/1.1 to the client of `session`, inside `tunnel` if there is one."""

    def __init__(
        self, context: Context, session: Session, board: Switchboard, tunnel: Tunnel | None
    ) -> None:
        super().__init__(context)
        self.session, self.board, self.tunnel = session, board, tunnel
        self.client = ClientSide(self._paused_event_queue)
        self.upstreams = Upstreams(session, self.client)
        self.reader = RequestReader(session, self.client, self.upstreams)
        self.exchange: Exchange | None = None
        self.laps = Laps()  # of the exchange in hand
        self.phase: Literal["request", "response"] = "request"  # whose message may be at fault
        self.answered = False  # bytes of an answer to the request in hand are out
        self.child: layer.Layer | None = None
        self.talk: Talk[None] | None = None

    # --- events in, commands out ----------------------------------------------------------------

    def _handle_event(self, event: events.Event) -> Generator[commands.Command, Any, None]:
        if self.child is not None:
            yield from self.child.handle_event(event)
            return
        guard = Guard(passes=GeneratorExit)
        with guard:
            yield from self._advance(event)
            guard.clear()
        if guard.verdict is not CLEARED:  # the conversation itself failed
            self.talk = None
            if not self.answered and not self.client.gone:
                yield commands.SendData(self.context.client, answers.LAST_RESORT)
            yield Aside(self.board.boundary.end(self.session, InternalError()))
            yield from self._close_all()

    def _advance(self, event: events.Event) -> Generator[commands.Command, Any, None]:
        if isinstance(event, events.Start):
            self.talk = self._converse()
            item = next(self.talk)
        elif self.talk is None:
            return
        else:
            yield from self._note(event)
            item = self.talk.send(None)
        while item is not WAIT:
            reply = yield cast(commands.Command, item)
            try:
                item = self.talk.send(reply)
            except StopIteration:
                self.talk = None
                return
            if self.child is not None:
                self.talk = None
                return

    def _note(self, event: events.Event) -> Generator[commands.Command, Any, None]:
        if isinstance(event, TimedOut):
            self.client.late = True
        elif isinstance(event, events.DataReceived):
            if event.connection is self.context.client:
                self.client.buffer += event.data
                return
            upstream = self.upstreams.of(event)
            if upstream is not None:
                upstream.buffer += event.data
        elif isinstance(event, events.ConnectionClosed):
            if event.connection is self.context.client:
                self.client.gone = True
                return
            upstream = self.upstreams.of(event)
            if upstream is not None:
                upstream.closed = True
                yield commands.CloseConnection(upstream.server)

    def _close_all(self) -> Generator[commands.Command, Any, None]:
        for upstream in self.upstreams:
            yield commands.CloseConnection(upstream.server)
        yield commands.CloseConnection(self.context.client)

    # --- the conversation -----------------------------------------------------------------------

    def _converse(self) -> Talk[None]:
        keep = True
        while keep and not self.session.stopping:
            self.answered = False
            keep = yield from self._serve_one()
            if self.child is not None:
                return
        yield from self._close_all()

    def _serve_one(self) -> Talk[bool]:
        """One request and its answer. Returns whether the connection may carry another."""
        self.exchange = None
        self.phase = "request"
        try:
            head = yield from self.reader.head()
            if head is None:
                return False
            self.session.idle = False
            if head.method == "CONNECT":
                return (yield from self._connect(head))
            return (yield from self._exchange(head))
        except GatewayError as error:
            yield from self._refuse(error)
            return False
        finally:
            self.session.next_request.set()

    # --- CONNECT --------------------------------------------------------------------------------

    def _connect(self, head: http1.RequestHead) -> Talk[bool]:
        """Admits a CONNECT; nothing is dialled. Returns whether another request may follow."""
        if self.tunnel is not None or self.session.listener != "proxy":
            raise HttpInvalid
        host, port = parse_authority(head.target, None)
        named = head.headers.get("Host")
        if named is not None and parse_authority(named, port) != (host, port):
            raise TargetAmbiguous
        admitted = self.board.boundary.connect(self.session, host, port, head.headers)
        if isinstance(admitted, GatewayError):
            yield Work(self.board.boundary.refused_connect(self.session, host, port, admitted))
            keep = isinstance(admitted, ProxyKeyInvalid) and not head.close
            yield self._send(
                answers.refusal(
                    admitted, exchange=None, phase="request", close=not keep, code_as_reason=True
                )
            )
            if keep:  # others get their turn, however many of these stand in one packet
                yield Work(self.session.pause())
            else:
                yield from self._linger()
            return keep
        yield self._send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        rest, self.client.buffer = bytes(self.client.buffer), bytearray()
        self.child = AfterConnect(self.context, self.session, self.board, admitted)
        step_aside(self, self.child)
        yield from self.child.handle_event(events.Start())
        if rest:
            yield from self.child.handle_event(events.DataReceived(self.context.client, rest))
        return False

    # --- one exchange ---------------------------------------------------------------------------

    def _exchange(self, head: http1.RequestHead) -> Talk[bool]:
        boundary, session = self.board.boundary, self.session
        exchange = self._begin(head)
        if session.stopping:
            raise Stopping
        self._insist(boundary.admit(session, exchange))
        if head.length > session.limits.body:
            raise BodyTooLarge
        if head.expects_continue and head.length != 0 and not self.client.buffer:
            yield commands.SendData(self.context.client, b"HTTP/1.1 100 Continue\r\n\r\n")
        self.laps.turn("client")
        exchange.request.body = yield from self.reader.body(head.length)
        self.laps.turn("gateway")
        session.next_request.clear()
        session.never_expire()
        self._insist(cast(Verdict, (yield Work(boundary.send(exchange)))))
        self._still_there()
        if not exchange.again:  # the inbox alone may answer in upstream's place (P02)
            yield from self._ask_upstream(exchange)
        self.laps.turn("gateway")
        session.never_expire()
        self._insist(cast(Verdict, (yield Work(boundary.answer(exchange)))))
        self._still_there()  # where its answer was kept, it is there for the next who asks
        return (yield from self._reply(exchange, close=head.close))

    def _ask_upstream(self, exchange: Exchange) -> Talk[None]:
        """Sends the request that was cleared, and reads the whole response."""
        authority = exchange.request.authority
        if authority is None:
            raise InternalError
        self.laps.turn("upstream")
        upstream = yield from self.upstreams.reach(authority)
        self._still_there()
        yield from self.upstreams.ask(upstream, exchange.request)
        self.phase = "response"
        exchange.response, reusable = yield from self.upstreams.read_response(
            upstream, exchange.request, to_the_end=self.session.keeps_answer
        )
        if reusable:
            upstream.free_since = self.session.loop.time()
        else:
            yield from self.upstreams.forget(upstream)

    def _begin(self, head: http1.RequestHead) -> Exchange:
        """The exchange, under a fresh id. Raises what `read_target` raises."""
        exchange = Exchange(
            self.session.peer,
            Request(head.method, None, "/", head.headers),
            self.tunnel,
        )
        self.exchange = self.session.exchange = exchange
        self.laps = Laps()
        exchange.request.authority, exchange.request.path = read_target(
            head, self.session.listener, self.tunnel, self.context.client.sni
        )
        return exchange

    @staticmethod
    def _insist(verdict: Verdict) -> None:
        """Goes on only with a clearance."""
        if verdict is CLEARED:
            return
        raise verdict if isinstance(verdict, GatewayError) else InternalError()

    def _still_there(self) -> None:
        """Nothing is sent upstream for a client that is gone."""
        if self._has_left():
            raise ClientGone

    def _has_left(self) -> bool:
        """Whether the client closed its side. Events wait while a layer is paused."""
        closed = self.context.client.state is ConnectionState.CLOSED  # our side cut it
        return (
            closed
            or self.client.gone
            or any(
                isinstance(event, events.ConnectionClosed)
                for event in self.client.waiting(self.context.client)
            )
        )

    # --- answers --------------------------------------------------------------------------------

    def _reply(self, exchange: Exchange, *, close: bool) -> Talk[bool]:
        """Sends the cleared response. Returns whether the connection may carry another request."""
        response = exchange.response
        if response is None:
            raise InternalError
        close = close or self.session.stopping
        self.laps.note(exchange.seconds)
        answers.sign(exchange, response.headers)
        if close:
            response.headers.set("Connection", "close")
        try:
            head = http1.write_response(response.status, response.reason, response.headers)
        except http1.Malformed:
            raise InternalError from None
        bodiless = exchange.request.method == "HEAD" or response.status in (204, 304)
        self.answered = True
        yield from write(
            self.session, self.context.client, head, b"" if bodiless else response.body
        )
        # One that left while it was written can not have all of it.
        gone = ClientGone() if self._has_left() else None
        yield Aside(self.board.boundary.end(self.session, gone))
        if close:
            yield from self._linger()
        return not close

    def _refuse(self, error: GatewayError) -> Talk[None]:
        """Answers with a problem, ends the exchange, and closes once the client had time to read."""
        exchange = self.exchange
        if exchange is None:
            self.board.boundary.refused_head(self.session, error)
        else:
            self.laps.note(exchange.seconds)
        self.client.gone = self.client.gone or isinstance(error, ClientGone)
        if not self.client.gone and not self.answered:
            yield self._send(
                answers.refusal(
                    error,
                    exchange=exchange,
                    phase=self.phase,
                    close=True,
                    head_only=exchange is not None and exchange.request.method == "HEAD",
                )
            )
        for upstream in self.upstreams:
            yield from self.upstreams.forget(upstream)
        yield Aside(self.board.boundary.end(self.session, error))
        yield from self._linger()

    def _send(self, data: bytes) -> commands.SendData:
        self.answered = True
        return commands.SendData(self.context.client, data)

    def _linger(self) -> Talk[None]:
        """Closes our side, and reads on for a moment: a reset would destroy the answer."""
        if self.client.gone:
            return
        self.client.late = False
        self.session.next_request.set()
        self.session.expire_in(_LINGER)
        yield commands.CloseTcpConnection(self.context.client, half_close=True)
        while not self.client.gone and not self.client.late:
            self.client.buffer.clear()
            yield WAIT
