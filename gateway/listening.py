"""A socket that listens, whoever serves it: the engine, or a port of our own."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

HANDSHAKE: Final = 5.0  # seconds for TLS to begin


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Binds an address, 0 for any port, and listens. Raises OSError where it can not be had.

    What it accepts sends at once (TCP_NODELAY is handed down). asyncio only sees to that for sockets
    of its own making; where it does not, an answer in two pieces waits 40 ms for the client's
    acknowledgement of the first.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.create_server((host, port), family=family, backlog=backlog)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


async def accept(
    bound: socket.socket,
    made: Callable[[], asyncio.BaseProtocol],
    tls: ssl.SSLContext | None,
    backlog: int,
) -> asyncio.Server:
    """Serves what comes to a socket that listens. asyncio would wait a minute for a client that begins
    TLS and says no more, and such a connection counts nowhere yet.
    """
    return await asyncio.get_running_loop().create_server(
        made,
        sock=bound,
        ssl=tls,
        backlog=backlog,
        ssl_handshake_timeout=None if tls is None else HANDSHAKE,
    )
