"""Reaches an upstream for a call of our own. What is dialled is the very address that `Egress`
classified (P30); the name in TLS, and on the certificate, is the host's (P05)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Final

from gateway.egress import Egress
from gateway.errors import (
    GatewayError,
    UpstreamTimeout,
    UpstreamUnreachable,
    UpstreamUntrusted,
)
from gateway.exchange import Address
from gateway.trust import upstream_context

_READ: Final = 64 * 1024
_HUNG_UP: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # as TLS errors; else as OSErrors

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def reach(egress: Egress, host: str, port: int, seconds: float) -> Streams:
    """Connects to a normalised host and shakes hands, within `seconds`; each address is tried once.

    Raises UpstreamForbidden, UpstreamUnresolved, UpstreamUnreachable, UpstreamUntrusted,
    UpstreamTimeout, with nothing in their chain.
    """
    context = upstream_context(egress.trust(host, port))
    failure: GatewayError = UpstreamUnreachable()
    try:
        async with asyncio.timeout(seconds):
            for address in await egress.addresses(host, port):
                try:
                    return await _begin(await _connect(address, port), host, context, seconds)
                except _HUNG_UP:
                    continue  # nothing was learned of its certificate
                except ssl.SSLError:
                    failure = UpstreamUntrusted()
                except (OSError, EOFError):  # refused, or a reset
                    continue
    except TimeoutError:
        failure = UpstreamTimeout()
    raise failure


async def _connect(address: Address, port: int) -> socket.socket:
    """Connects to exactly this address. Raises OSError."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    plain = socket.socket(family, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(plain, (str(address), port))
    except BaseException:  # a cancellation too: the timeout must not leave a socket open
        plain.close()
        raise
    return plain


async def _begin(
    plain: socket.socket, host: str, context: ssl.SSLContext, seconds: float
) -> Streams:
    """Shakes hands with the host's name. Raises OSError."""
    try:
        return await asyncio.open_connection(
            sock=plain,
            limit=_READ,
            ssl=context,
            server_hostname=host,
            ssl_handshake_timeout=seconds,
        )
    except BaseException:  # as above
        plain.close()
        raise
