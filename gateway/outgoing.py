"""Calls that the gateway makes by itself, through the same checks as everybody's.

1. Only https; the address is the one that was classified, TLS is verified: `reach.py` (P05, P30).
2. Nothing of the environment counts: no proxies, no certificates. No redirect is followed and
   nothing is ever repeated: each call has a connection of its own, which can not have grown stale.
3. The answer is read whole, within a time and up to a size.
4. Nothing of request or answer is in an exception, a log line or a repr (P16).

HTTP is httpcore's, over a network backend of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpcore

from gateway.egress import Egress
from gateway.errors import (
    GatewayError,
    UpstreamForbidden,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUntrusted,
)
from gateway.exchange import Authority
from gateway.headers import Headers
from gateway.reach import Streams, reach
from gateway.secret import Secret

_LARGEST: Final = 1 << 20  # bytes of an answer: what is asked for by ourselves is short
_LIBRARY: Final = "httpcore"  # its loggers quote headers
# `_Stream` is TLS already. Without one of ours httpcore would read the system's authorities for each
# connection, which takes 20 ms of the loop.
_TRUSTS_NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(slots=True)
class Call:
    """A request of ours. `headers` are all that it has but Host, Content-Length and Connection.

    `sent`: a part of it was written to the partner, whatever of it arrived.
    """

    method: str
    authority: Authority
    path: str
    headers: Headers
    body: Secret[bytes]
    sent: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the partner said, whole; `body` is as it was sent."""

    status: int
    headers: Headers
    body: Secret[bytes] = field(repr=False)


class Sender(Protocol):
    """Who makes calls of ours: `Outgoing`."""

    async def call(self, call: Call) -> Answer:
        """As `Outgoing.call`."""


class Outgoing:
    """Makes calls; `connect_seconds` are for reaching the partner, `seconds` for all of it."""

    def __init__(
        self, egress: Egress, *, connect_seconds: float, seconds: float, largest: int = _LARGEST
    ) -> None:
        self._egress, self._largest = egress, largest
        self._connect_seconds, self._seconds = connect_seconds, seconds
        logging.getLogger(_LIBRARY).setLevel(logging.CRITICAL + 1)

    async def call(self, call: Call) -> Answer:
        """The answer to `call`, any status from 200 on.

        Raises UpstreamForbidden, UpstreamUnresolved, UpstreamUnreachable, UpstreamUntrusted,
        UpstreamTimeout, UpstreamInvalid, with nothing in their chain.
        """
        if call.authority.scheme != "https":
            raise UpstreamForbidden
        failure: GatewayError
        try:
            async with asyncio.timeout(self._seconds):
                return await self._exchange(call)
        except TimeoutError:
            failure = UpstreamTimeout()
        except (httpcore.NetworkError, httpcore.ProtocolError):  # their texts quote the partner
            failure = UpstreamInvalid()
        raise failure

    async def _exchange(self, call: Call) -> Answer:
        backend = _Backend(self._egress, self._connect_seconds, call)
        authority = call.authority
        default = authority.port == 443
        host = f"[{authority.host}]" if ":" in authority.host else authority.host
        fields = [
            (b"Host", (host if default else f"{host}:{authority.port}").encode("ascii")),
            *call.headers,
            (b"Content-Length", str(len(call.body.reveal())).encode("ascii")),
            (b"Connection", b"close"),
        ]
        url = httpcore.URL(
            scheme="https", host=authority.host, port=authority.port, target=call.path
        )
        # One connection, kept for nobody. `http_proxy` and the like are httpx's business, not its.
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=_TRUSTS_NOBODY,
                network_backend=backend,
                max_connections=1,
                max_keepalive_connections=0,
                http1=True,
                http2=False,
                retries=0,
            ) as pool,
            pool.stream(call.method, url, headers=fields, content=call.body.reveal()) as response,
        ):
            return await self._read(response)

    async def _read(self, response: httpcore.Response) -> Answer:
        if response.status < 200:
            raise UpstreamInvalid
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_stream():
            size += len(part)
            if size > self._largest:
                raise UpstreamInvalid
            parts.append(part)
        return Answer(response.status, Headers(response.headers), Secret(b"".join(parts)))


class _Backend(httpcore.AsyncNetworkBackend):
    """Reaches what `Egress` lets us reach, and nothing else."""

    def __init__(self, egress: Egress, seconds: float, call: Call) -> None:
        self._egress, self._seconds, self._call = egress, seconds, call

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature; ours are limits
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connects and shakes hands: an address whose TLS fails is followed by the next."""
        del timeout, local_address, socket_options
        return _Stream(await reach(self._egress, host, port, self._seconds), host, self._call)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Nobody asks for one."""
        del path, timeout, socket_options
        raise UpstreamForbidden

    async def sleep(self, seconds: float) -> None:
        """Between attempts, of which there is one."""
        del seconds
        raise UpstreamForbidden


class _Stream(httpcore.AsyncNetworkStream):
    """A connection to `host`, TLS and all."""

    def __init__(self, streams: Streams, host: str, call: Call) -> None:
        self._reader, self._writer = streams
        self._host, self._call = host, call

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> bytes:
        del timeout
        with _told():
            return await self._reader.read(max_bytes)

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> None:
        del timeout
        self._call.sent = True  # noted first: a part may leave all the same
        with _told():
            self._writer.write(buffer)
            await self._writer.drain()

    async def start_tls(
        self,
        ssl_context: object,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> httpcore.AsyncNetworkStream:
        """It is TLS already. Raises UpstreamUntrusted if it is not, or with another name."""
        del ssl_context, timeout
        if server_hostname != self._host or self.get_extra_info("ssl_object") is None:
            raise UpstreamUntrusted
        return self

    async def aclose(self) -> None:
        self._writer.transport.abort()  # nothing more is said: no farewell to wait for
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def get_extra_info(self, info: str) -> Any:
        return self._writer.get_extra_info(info)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Socket errors in httpcore's words."""
    try:
        yield
    except OSError:
        raise httpcore.NetworkError from None
