"""Requests as they come in from one client: a head, then its body, each within its limits."""

from __future__ import annotations

from gateway.engine import http1
from gateway.engine.body import Body
from gateway.engine.session import Session
from gateway.engine.talk import WAIT, ClientSide, Talk, whole
from gateway.engine.upstream import Upstreams
from gateway.errors import ClientGone, HeadTooLarge, HttpInvalid, RequestTimeout


class RequestReader:
    """Reads what `client` sends; `upstreams` that end meanwhile are let go."""

    def __init__(self, session: Session, client: ClientSide, upstreams: Upstreams) -> None:
        self._session, self._client, self._upstreams = session, client, upstreams
        self._limits = session.limits

    def head(self) -> Talk[http1.RequestHead | None]:
        """The next head; None where the client leaves, or says nothing in time.

        Raises HeadTooLarge, HttpInvalid, RequestTimeout.
        """
        session, client, limits, seen = self._session, self._client, self._limits, 0
        session.idle = not client.buffer
        first = limits.idle_seconds if session.admitted else limits.request_seconds
        session.expire_in(limits.request_seconds if client.buffer else first)
        while True:
            if client.buffer and session.idle:
                session.idle = False
                session.expire_in(limits.request_seconds)
            try:
                end = http1.find_end(client.buffer, seen)
            except http1.Malformed:
                raise HttpInvalid from None
            if end > limits.head or (end < 0 and len(client.buffer) > limits.head):
                raise HeadTooLarge
            if end > 0:
                break
            if client.gone or (client.late and not client.buffer):
                return None
            if client.late:
                raise RequestTimeout
            seen = len(client.buffer)
            yield WAIT
            yield from self._upstreams.drop_closed()
        head = bytes(client.buffer[:end])
        del client.buffer[:end]
        try:
            return http1.parse_request(head)
        except http1.Malformed:
            raise HttpInvalid from None

    def body(self, length: int) -> Talk[bytes]:
        """The body that a head announced; `length` as in `Body`.

        Raises BodyTooLarge, ClientGone, HttpInvalid, RequestTimeout.
        """
        if length == 0:
            return b""
        session, client, limits = self._session, self._client, self._limits
        body = Body(length, limits.body, padded=False)
        began = session.loop.time()
        while True:
            try:
                body.feed(client.buffer)
            except http1.Malformed:
                raise HttpInvalid from None
            if body.done:
                return (yield from whole(body))
            if client.gone:
                raise ClientGone
            if client.late:
                raise RequestTimeout
            session.extend(began, limits.request_seconds, body.size)
            yield WAIT
            yield from self._upstreams.drop_closed()
