"""Reaches an upstream, for a message that passes and for a call of our own. What is dialled is the very
address that `Egress` classified (P30); the name in TLS, and on the certificate, is the host's (P05)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import ExitStack
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

CHUNK: Final = 64 * 1024  # bytes read at once
_HUNG_UP: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # as TLS errors; else as OSErrors

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def reach(
    egress: Egress, host: str, port: int, seconds: float, *, tls: bool = True
) -> Streams:
    """Connects to a normalised host, and shakes hands where `tls`, within `seconds`; each of its
    addresses is tried once.

    Raises UpstreamForbidden, UpstreamUnresolved, UpstreamUnreachable, UpstreamUntrusted,
    UpstreamTimeout, with nothing in their chain.
    """
    context = upstream_context(egress.trust(host, port)) if tls else None
    failure: GatewayError = UpstreamUnreachable()
    try:
        async with asyncio.timeout(seconds):
            for address in await egress.addresses(host, port):
                try:
                    return await _begin(await connect(address, port), host, context, seconds)
                except _HUNG_UP:
                    continue  # nothing was learned of its certificate
                except ssl.SSLError:
                    failure = UpstreamUntrusted()
                except (OSError, EOFError):  # refused, or a reset
                    continue
    except TimeoutError:
        failure = UpstreamTimeout()
    raise failure


async def connect(address: Address, port: int) -> socket.socket:
    """Connects to exactly this address. Raises OSError."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    plain = socket.socket(family, socket.SOCK_STREAM)
    with ExitStack() as undo:  # whatever happens, a cancellation too: no socket stays open
        undo.callback(plain.close)
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(plain, (str(address), port))
        undo.pop_all()
    return plain


async def _begin(
    plain: socket.socket, host: str, context: ssl.SSLContext | None, seconds: float
) -> Streams:
    """Shakes hands, where there is TLS, with the host's name. Raises OSError."""
    with ExitStack() as undo:
        undo.callback(plain.close)
        streams = await asyncio.open_connection(
            sock=plain,
            limit=CHUNK,
            ssl=context,
            server_hostname=host if context else None,
            ssl_handshake_timeout=seconds if context else None,
        )
        undo.pop_all()
    return streams
