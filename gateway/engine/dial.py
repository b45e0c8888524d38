"""Reaches an upstream. What is dialled is the very address that `Egress` classified (P30).

The name in TLS, and on the certificate, is the host's (P05), whatever a client said.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from typing import Final

from mitmproxy.connection import Server

from gateway.egress import Egress
from gateway.errors import (
    GatewayError,
    UpstreamForbidden,
    UpstreamTimeout,
    UpstreamUnreachable,
    UpstreamUntrusted,
)
from gateway.exchange import Address
from gateway.trust import upstream_context

CHUNK: Final = 64 * 1024  # bytes read at once
_HUNG_UP: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # as TLS errors; else as OSErrors

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Dialer:
    """Opens connections to upstreams, each within `seconds`."""

    def __init__(self, egress: Egress, seconds: float) -> None:
        self._egress, self._seconds = egress, seconds

    async def dial(self, upstream: Server) -> Streams:
        """Connects, and shakes hands where `upstream.tls`; sets its name and start time.

        Raises UpstreamForbidden, UpstreamUnreachable, UpstreamUntrusted, UpstreamTimeout.
        """
        if upstream.address is None or upstream.via or upstream.transport_protocol != "tcp":
            raise UpstreamForbidden
        host, port = upstream.address[:2]
        upstream.sni = host
        upstream.timestamp_start = time.time()
        context = upstream_context(self._egress.trust(host, port)) if upstream.tls else None
        failure: GatewayError = UpstreamUnreachable()
        try:
            async with asyncio.timeout(self._seconds):
                for address in await self._egress.addresses(host, port):
                    try:
                        plain = await self._connect(address, port)
                    except OSError:
                        continue
                    try:
                        return await self._begin(plain, host, context)
                    except _HUNG_UP:
                        continue  # nothing was learned of its certificate
                    except ssl.SSLError:
                        failure = UpstreamUntrusted()
                    except (OSError, EOFError):  # a reset, for one
                        continue
        except TimeoutError:
            raise UpstreamTimeout from None
        raise failure

    @staticmethod
    async def _connect(address: Address, port: int) -> socket.socket:
        """Connects to exactly this address. Raises OSError."""
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        plain = socket.socket(family, socket.SOCK_STREAM)
        try:
            plain.setblocking(False)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(plain, (str(address), port))
        except BaseException:  # a cancellation too: the timeout must not leave a socket open
            plain.close()
            raise
        return plain

    async def _begin(
        self, plain: socket.socket, host: str, context: ssl.SSLContext | None
    ) -> Streams:
        """Shakes hands, where there is TLS, with the host's name. Raises OSError."""
        try:
            return await asyncio.open_connection(
                sock=plain,
                limit=CHUNK,
                ssl=context,
                server_hostname=host if context else None,
                ssl_handshake_timeout=self._seconds if context else None,
            )
        except BaseException:  # as above; nothing is caught, `dial` judges it
            plain.close()
            raise
