"""What an HTTP layer knows of a connection to an upstream."""

from __future__ import annotations

from mitmproxy.connection import Server


class Upstream:
    """One upstream connection and what it sent that was not read yet."""

    __slots__ = ("buffer", "closed", "free_since", "server")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = bytearray()
        self.closed = False
        self.free_since = 0.0
