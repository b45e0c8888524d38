"""A socket that listens, whoever serves it: the engine, or a port of our own."""

from __future__ import annotations

import socket


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
