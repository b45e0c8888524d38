"""HTTP/1.1 with one client: read a request, have it cleared, ask upstream, have the answer cleared.

One request at a time. The conversation is one generator: it yields mitmproxy's commands, and
`WAIT` where it needs the next event. Whatever goes wrong in it ends in a problem answer of fixed
words and a closed connection; nothing that a peer sent is ever quoted.
"""

from __future__ import annotations

from collections.abc import Generator
from time import perf_counter
from typing import Any, Final, Literal, TypeVar, cast

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context

from gateway.authority import parse_authority
from gateway.engine import answers, http1
from gateway.engine.body import LARGE, Body
from gateway.engine.boundary import CLEARED, Guard, Verdict
from gateway.engine.layers import AfterConnect, Switchboard
from gateway.engine.session import Session
from gateway.engine.target import read_target
from gateway.engine.upstream import Upstream
from gateway.engine.work import Aside, TimedOut, Work
from gateway.errors import (
    BodyTooLarge,
    ClientGone,
    GatewayError,
    HeadTooLarge,
    HttpInvalid,
    InternalError,
    ProxyKeyInvalid,
    RequestTimeout,
    Stopping,
    TargetAmbiguous,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from gateway.exchange import Authority, Exchange, Request, Response, Tunnel
from gateway.headers import Headers

WAIT: Final = object()
_SLICE: Final = 128 * 1024  # bytes written at once; between slices others get their turn
_BYTES_A_SECOND: Final = 16 * 1024  # a body may take a second longer for each
_LINGER: Final = 2.0  # seconds that a refused client has to read the answer
_REUSE: Final = 4.0  # seconds; servers drop idle connections after five, and we never repeat

T = TypeVar("T")
Talk = Generator[object, Any, T]


class Http(layer.Layer):
    """Serves HTTP/1.1 to the client of `session`, inside `tunnel` if there is one."""

    def __init__(
        self, context: Context, session: Session, board: Switchboard, tunnel: Tunnel | None
    ) -> None:
        super().__init__(context)
        self.session, self.board, self.tunnel = session, board, tunnel
        self.limits = session.limits
        self.buffer = bytearray()
        self.gone = False  # the client closed its side
        self.late = False  # the deadline has passed
        self.upstreams: dict[Authority, Upstream] = {}
        self.exchange: Exchange | None = None
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
            if not self.answered and not self.gone:
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
            self.late = True
        elif isinstance(event, events.DataReceived):
            if event.connection == self.context.client:
                self.buffer += event.data
                return
            upstream = self._of(event)
            if upstream is not None:
                upstream.buffer += event.data
        elif isinstance(event, events.ConnectionClosed):
            if event.connection == self.context.client:
                self.gone = True
                return
            upstream = self._of(event)
            if upstream is not None:
                upstream.closed = True
                yield commands.CloseConnection(upstream.server)

    def _of(self, event: events.ConnectionEvent) -> Upstream | None:
        for upstream in self.upstreams.values():
            if upstream.server is event.connection:
                return upstream
        return None

    def _close_all(self) -> Generator[commands.Command, Any, None]:
        for upstream in self.upstreams.values():
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
            head = yield from self._read_head()
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

    def _read_head(self) -> Talk[http1.RequestHead | None]:
        session, seen = self.session, 0
        session.idle = not self.buffer
        first = session.limits.idle_seconds if session.admitted else self.limits.request_seconds
        session.expire_in(self.limits.request_seconds if self.buffer else first)
        while True:
            if self.buffer and session.idle:
                session.idle = False
                session.expire_in(self.limits.request_seconds)
            try:
                end = http1.find_end(self.buffer, seen)
            except http1.Malformed:
                raise HttpInvalid from None
            if end > self.limits.head or (end < 0 and len(self.buffer) > self.limits.head):
                raise HeadTooLarge
            if end > 0:
                break
            if self.gone or (self.late and not self.buffer):
                return None
            if self.late:
                raise RequestTimeout
            seen = len(self.buffer)
            yield WAIT
            yield from self._drop_closed()
        head = bytes(self.buffer[:end])
        del self.buffer[:end]
        try:
            return http1.parse_request(head)
        except http1.Malformed:
            raise HttpInvalid from None

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
                    admitted, exchange="", phase="request", close=not keep, code_as_reason=True
                )
            )
            if not keep:
                yield from self._linger()
            return keep
        yield self._send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        rest, self.buffer = bytes(self.buffer), bytearray()
        self.child = AfterConnect(self.context, self.session, self.board, admitted)
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
        if head.length > self.limits.body:
            raise BodyTooLarge
        if head.expects_continue and head.length != 0 and not self.buffer:
            yield commands.SendData(self.context.client, b"HTTP/1.1 100 Continue\r\n\r\n")
        exchange.request.body = yield from self._read_request_body(head.length)
        started = perf_counter()  # until now the client took its time
        session.next_request.clear()
        session.never_expire()
        self._insist(cast(Verdict, (yield Work(boundary.send(exchange)))))
        self._still_there()
        authority = exchange.request.authority
        if authority is None:
            raise InternalError
        asked = perf_counter()
        upstream = yield from self._reach(authority)
        self._still_there()
        yield from self._ask(upstream, exchange.request)
        self.phase = "response"
        exchange.response, reusable = yield from self._read_response(upstream, exchange.request)
        if reusable:
            upstream.free_since = session.loop.time()
        else:
            yield from self._forget(upstream)
        answered = perf_counter()
        session.never_expire()
        self._insist(cast(Verdict, (yield Work(boundary.answer(exchange)))))
        exchange.seconds["upstream"] = answered - asked
        elsewhere = (answered - asked) + exchange.seconds.get("vault", 0.0)
        exchange.seconds["gateway"] = perf_counter() - started - elsewhere
        return (yield from self._reply(exchange, close=head.close))

    def _begin(self, head: http1.RequestHead) -> Exchange:
        """The exchange, under a fresh id. Raises what `read_target` raises."""
        exchange = Exchange(
            self.session.peer,
            Request(head.method, None, "/", head.headers),
            self.tunnel,
        )
        self.exchange = self.session.exchange = exchange
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
        """Nothing is sent upstream for a client that is gone. Events wait while a layer is paused."""
        client = self.context.client
        if self.gone or any(
            isinstance(event, events.ConnectionClosed) for event in self._waiting(client)
        ):
            raise ClientGone

    def _waiting(self, connection: Connection) -> list[events.ConnectionEvent]:
        """What came from a connection while this layer was paused."""
        return [
            event
            for event in self._paused_event_queue
            if isinstance(event, events.ConnectionEvent) and event.connection is connection
        ]

    def _read_request_body(self, length: int) -> Talk[bytes]:
        if length == 0:
            return b""
        body = Body(length, self.limits.body, padded=False)
        began = self.session.loop.time()
        while True:
            try:
                body.feed(self.buffer)
            except http1.Malformed:
                raise HttpInvalid from None
            if body.done:
                return (yield from self._whole(body))
            if self.gone:
                raise ClientGone
            if self.late:
                raise RequestTimeout
            self._extend(began, self.limits.request_seconds, body.size)
            yield WAIT
            yield from self._drop_closed()

    def _whole(self, body: Body) -> Talk[bytes]:
        if body.size <= LARGE:
            return body.whole()
        return cast(bytes, (yield Work(body.whole_later())))

    def _extend(self, began: float, seconds: float, size: int) -> None:
        """Gives a body as long as its size deserves, so that dripping it does not help."""
        passed = self.session.loop.time() - began
        self.session.expire_in(max(0.0, seconds + size / _BYTES_A_SECOND - passed))

    # --- upstream -------------------------------------------------------------------------------

    def _drop_closed(self) -> Talk[None]:
        """Forgets upstream connections that ended, or spoke, while nobody asked them anything."""
        for upstream in [one for one in self.upstreams.values() if one.closed or one.buffer]:
            yield from self._forget(upstream)

    def _forget(self, upstream: Upstream) -> Talk[None]:
        for authority in [key for key, one in self.upstreams.items() if one is upstream]:
            del self.upstreams[authority]
        yield commands.CloseConnection(upstream.server)

    def _reach(self, authority: Authority) -> Talk[Upstream]:
        """The connection to `authority`: the one in use, or a new one."""
        known = self.upstreams.get(authority)
        if known is not None:
            stale = self.session.loop.time() - known.free_since > _REUSE
            # Whatever it said unasked would be taken for the answer to what is asked now.
            if not (stale or known.closed or known.buffer or self._waiting(known.server)):
                return known
            yield from self._forget(known)
        server = Server(address=(authority.host, authority.port))
        server.tls = authority.scheme == "https"
        upstream = Upstream(server)
        self.upstreams[authority] = upstream
        if (yield commands.OpenConnection(server)):
            del self.upstreams[authority]
            raise self.session.dial_error or UpstreamUnreachable()
        return upstream

    def _ask(self, upstream: Upstream, request: Request) -> Talk[None]:
        try:
            head = http1.write_request(request.method, request.path, request.headers)
        except http1.Malformed:
            raise InternalError from None
        yield from self._write(upstream.server, head, request.body)

    def _read_response(self, upstream: Upstream, request: Request) -> Talk[tuple[Response, bool]]:
        """The answer, whole, and whether the connection may be used again."""
        seen, began = 0, self.session.loop.time()
        self.late = False
        self.session.expire_in(self.limits.upstream_seconds)
        response = Response(0, "", Headers())
        try:
            while (end := http1.find_end(upstream.buffer, seen)) < 0:
                if len(upstream.buffer) > self.limits.head:
                    raise UpstreamInvalid
                seen = len(upstream.buffer)
                yield from self._await_upstream(upstream)
            if end > self.limits.head:
                raise UpstreamInvalid
            head = http1.parse_response(bytes(upstream.buffer[:end]), request.method)
            del upstream.buffer[:end]
            response = Response(head.status, head.reason, head.headers)
            body = Body(head.length, self.limits.body, padded=True)
            while True:
                body.feed(upstream.buffer)
                if body.done:
                    break
                if upstream.closed and head.length == http1.UNTIL_CLOSE:
                    break
                self._extend(began, self.limits.upstream_seconds, body.size)
                yield from self._await_upstream(upstream)
            response.body = yield from self._whole(body)
        except http1.Malformed:
            raise UpstreamInvalid from None
        return response, not (head.close or upstream.closed or upstream.buffer)

    def _await_upstream(self, upstream: Upstream) -> Talk[None]:
        if upstream.closed:
            raise UpstreamInvalid
        if self.gone:
            raise ClientGone
        if self.late:
            raise UpstreamTimeout
        yield WAIT

    # --- answers --------------------------------------------------------------------------------

    def _reply(self, exchange: Exchange, *, close: bool) -> Talk[bool]:
        """Sends the cleared response. Returns whether the connection may carry another request."""
        response = exchange.response
        if response is None:
            raise InternalError
        close = close or self.session.stopping
        answers.sign(exchange, response.headers)
        if close:
            response.headers.set("Connection", "close")
        try:
            head = http1.write_response(response.status, response.reason, response.headers)
        except http1.Malformed:
            raise InternalError from None
        bodiless = exchange.request.method == "HEAD" or response.status in (204, 304)
        self.answered = True
        yield from self._write(self.context.client, head, b"" if bodiless else response.body)
        yield Aside(self.board.boundary.end(self.session, None))
        if close:
            yield from self._linger()
        return not close

    def _refuse(self, error: GatewayError) -> Talk[None]:
        """Answers with a problem, ends the exchange, and closes once the client had time to read."""
        exchange = self.exchange
        if exchange is None:
            self.board.boundary.refused_head(self.session, error)
        self.gone = self.gone or isinstance(error, ClientGone)
        if not self.gone and not self.answered:
            yield self._send(
                answers.refusal(
                    error,
                    exchange=exchange.id if exchange else "",
                    phase=self.phase,
                    close=True,
                    head_only=exchange is not None and exchange.request.method == "HEAD",
                )
            )
        for upstream in list(self.upstreams.values()):
            yield from self._forget(upstream)
        yield Aside(self.board.boundary.end(self.session, error))
        yield from self._linger()

    def _send(self, data: bytes) -> commands.SendData:
        self.answered = True
        return commands.SendData(self.context.client, data)

    def _linger(self) -> Talk[None]:
        """Closes our side, and reads on for a moment: a reset would destroy the answer."""
        if self.gone:
            return
        self.late = False
        self.session.next_request.set()
        self.session.expire_in(_LINGER)
        yield commands.CloseTcpConnection(self.context.client, half_close=True)
        while not self.gone and not self.late:
            self.buffer.clear()
            yield WAIT

    def _write(self, connection: Connection, head: bytes, body: bytes) -> Talk[None]:
        """Writes a message, in slices when it is large: others must get their turn."""
        if len(body) <= _SLICE:
            yield commands.SendData(connection, head + body)
            return
        yield commands.SendData(connection, head)
        view = memoryview(body)
        for start in range(0, len(body), _SLICE):
            yield commands.SendData(connection, bytes(view[start : start + _SLICE]))
            yield Work(self.session.pause())
