"""Dials an upstream for the engine: where to, and under which name, is never a client's word."""

from __future__ import annotations

import time

from mitmproxy.connection import Server

from gateway.egress import Egress
from gateway.errors import UpstreamForbidden
from gateway.reach import Streams, reach


class Dialer:
    """Opens connections to upstreams, each within `seconds`."""

    def __init__(self, egress: Egress, seconds: float) -> None:
        self._egress, self._seconds = egress, seconds

    async def dial(self, upstream: Server) -> Streams:
        """Connects, and shakes hands where `upstream.tls`; sets its name and start time.

        Raises what `reach` raises, and UpstreamForbidden for what is no plain host and port.
        """
        if upstream.address is None or upstream.via or upstream.transport_protocol != "tcp":
            raise UpstreamForbidden
        host, port = upstream.address[:2]
        upstream.sni = host
        upstream.timestamp_start = time.time()
        return await reach(self._egress, host, port, self._seconds, tls=upstream.tls)
