"""The connections that an HTTP layer has to upstreams: reach one, ask it, read what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mitmproxy.connection import Server
from mitmproxy.proxy import commands, events

from gateway.engine import http1
from gateway.engine.body import Body
from gateway.engine.session import Session
from gateway.engine.talk import WAIT, ClientSide, Talk, whole, write
from gateway.errors import (
    ClientGone,
    InternalError,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from gateway.exchange import Authority, Request, Response
from gateway.headers import Headers

_REUSE: Final = 4.0  # seconds; servers drop idle connections after five, and we never repeat


class Upstream:
    """One upstream connection and what it sent that was not read yet."""

    __slots__ = ("buffer", "closed", "free_since", "server")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = bytearray()
        self.closed = False
        self.free_since = 0.0


class Upstreams:
    """All of one layer's, by authority. `client` is for whom: nothing is read for one that left."""

    def __init__(self, session: Session, client: ClientSide) -> None:
        self._session, self._client = session, client
        self._known: dict[Authority, Upstream] = {}

    def __iter__(self) -> Iterator[Upstream]:
        return iter(list(self._known.values()))

    def of(self, event: events.ConnectionEvent) -> Upstream | None:
        """Whose event it is."""
        for upstream in self:
            if upstream.server is event.connection:
                return upstream
        return None

    def drop_closed(self) -> Talk[None]:
        """Forgets connections that ended, or spoke, while nobody asked them anything."""
        for upstream in self:
            if upstream.closed or upstream.buffer:
                yield from self.forget(upstream)

    def forget(self, upstream: Upstream) -> Talk[None]:
        """Closes it."""
        for authority in [key for key, one in self._known.items() if one is upstream]:
            del self._known[authority]
        yield commands.CloseConnection(upstream.server)

    def reach(self, authority: Authority) -> Talk[Upstream]:
        """The connection to `authority`: the one in use, or a new one."""
        known = self._known.get(authority)
        if known is not None:
            stale = self._session.loop.time() - known.free_since > _REUSE
            # Whatever it said unasked would be taken for the answer to what is asked now.
            if not (stale or known.closed or known.buffer or self._client.waiting(known.server)):
                return known
            yield from self.forget(known)
        server = Server(address=(authority.host, authority.port))
        server.tls = authority.scheme == "https"
        upstream = Upstream(server)
        self._known[authority] = upstream
        if (yield commands.OpenConnection(server)):
            del self._known[authority]
            raise self._session.dial_error or UpstreamUnreachable()
        return upstream

    def ask(self, upstream: Upstream, request: Request) -> Talk[None]:
        """Sends it a request."""
        try:
            head = http1.write_request(request.method, request.path, request.headers)
        except http1.Malformed:
            raise InternalError from None
        yield from write(self._session, upstream.server, head, request.body)

    def read_response(
        self, upstream: Upstream, request: Request, *, to_the_end: bool
    ) -> Talk[tuple[Response, bool]]:
        """The answer, whole, and whether the connection may be used again.

        `to_the_end`: it is read even when the client leaves meanwhile.
        """
        seen, began = 0, self._session.loop.time()
        self._client.late = False
        self._session.expire_in(self._session.limits.upstream_seconds)
        response = Response(0, "", Headers())
        try:
            while (end := http1.find_end(upstream.buffer, seen)) < 0:
                if len(upstream.buffer) > self._session.limits.head:
                    raise UpstreamInvalid
                seen = len(upstream.buffer)
                yield from self._wait(upstream, to_the_end=to_the_end)
            if end > self._session.limits.head:
                raise UpstreamInvalid
            head = http1.parse_response(bytes(upstream.buffer[:end]), request.method)
            del upstream.buffer[:end]
            response = Response(head.status, head.reason, head.headers)
            body = Body(head.length, self._session.limits.body, padded=True)
            while True:
                body.feed(upstream.buffer)
                if body.done:
                    break
                if upstream.closed and head.length == http1.UNTIL_CLOSE:
                    break
                self._session.extend(began, self._session.limits.upstream_seconds, body.size)
                yield from self._wait(upstream, to_the_end=to_the_end)
            response.body = yield from whole(body)
        except http1.Malformed:
            raise UpstreamInvalid from None
        return response, not (head.close or upstream.closed or upstream.buffer)

    def _wait(self, upstream: Upstream, *, to_the_end: bool) -> Talk[None]:
        if upstream.closed:
            raise UpstreamInvalid
        if self._client.gone and not to_the_end:
            raise ClientGone
        if self._client.late:
            raise UpstreamTimeout
        yield WAIT
