"""Our two listeners as mitmproxy's modes: which sockets they take, what serves a connection.

The sockets are bound by the engine before mitmproxy starts, so that a port in use fails the start.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from mitmproxy import ctx
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.mode_servers import AsyncioServerInstance
from mitmproxy.proxy.mode_specs import ProxyMode, RegularMode

from gateway.exchange import Listener

if TYPE_CHECKING:
    from gateway.engine.master import GatewayMaster


class GatewayProxyMode(RegularMode):  # type: ignore[no-untyped-call]  # untyped there
    """HTTP proxy: CONNECT, and absolute-form http."""


class GatewayEndpointsMode(RegularMode):  # type: ignore[no-untyped-call]  # untyped there
    """URLs of the gateway's own."""


def _master() -> GatewayMaster:
    return cast("GatewayMaster", ctx.master)


async def _listen(listener: Listener, mode: ProxyMode) -> list[Any]:
    # Bound here, not looked up for each connection: `ctx.master` is the process's newest master.
    master = _master()

    async def serve(reader: Any, writer: Any) -> None:
        await master.serve(listener, mode, (reader, writer))

    return [
        await asyncio.start_server(
            serve, sock=master.sockets[listener], backlog=master.limits.backlog, limit=64 * 1024
        )
    ]


class ProxyInstance(AsyncioServerInstance[GatewayProxyMode]):  # type: ignore[no-untyped-call]  # untyped there
    """Serves the proxy listener."""

    def make_top_layer(self, context: Context) -> layer.Layer:
        """Never asked: each handler brings its own."""
        raise NotImplementedError

    async def listen(self, host: str, port: int) -> list[Any]:  # noqa: ARG002  # bound already
        return await _listen("proxy", self.mode)


class EndpointsInstance(AsyncioServerInstance[GatewayEndpointsMode]):  # type: ignore[no-untyped-call]  # untyped there
    """Serves the endpoints listener."""

    def make_top_layer(self, context: Context) -> layer.Layer:
        """Never asked: each handler brings its own."""
        raise NotImplementedError

    async def listen(self, host: str, port: int) -> list[Any]:  # noqa: ARG002  # bound already
        return await _listen("endpoints", self.mode)
