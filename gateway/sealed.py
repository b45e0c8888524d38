"""A gateway whose vault is sealed: its ports are there, and say so (P27).

Whoever keeps the key-encryption key may start after us. Until it is there every exchange, endpoint, page
and call is answered 503 `vault_sealed`: a client learns that it may come again, and a balancer that it
should not send anybody. Nothing is forwarded, and nothing of a message is read: what a client sends is
let go, so that it gets to read its answer.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Iterable
from importlib.metadata import version
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import __version__
from gateway.config import Config
from gateway.control import health
from gateway.control.port import Port, welcome
from gateway.control.problems import answer
from gateway.errors import VaultSealed
from gateway.log import event
from gateway.metrics import Metrics

_HEALTH: Final = frozenset({"/healthz", "/readyz"})


class Sealed:
    """The ports of a gateway, answering. `open`, then `close`; it is not opened twice."""

    def __init__(self, config: Config, why: VaultSealed) -> None:
        self.why = why  # of the newest try
        self._metrics = metrics = Metrics()
        metrics.vault_sealed.set(1)
        versions = (__version__, version("mitmproxy"), platform.python_version())
        metrics.build_info.labels(*versions).set(1)
        refuse = _Refusing(metrics, config.limits.body)
        checks = {"serving": self._check, "vault": self._check}
        control = _Control(health.build(checks), refuse)
        listen = config.listen
        self._ports = {
            "proxy": Port(
                refuse, listen.proxy.address, tls=listen.proxy.tls, welcome=welcome(listen.proxy)
            ),
            "endpoints": Port(refuse, listen.endpoints.address, tls=config.endpoints_tls),
            "control": Port(
                control,
                listen.control.address,
                tls=listen.control.tls,
                welcome=welcome(listen.control),
            ),
            "metrics": Port(health.metrics(metrics.registry), listen.metrics),
        }
        if config.has_pages:
            self._ports["pages"] = Port(refuse, listen.pages.address, tls=config.pages_tls)

    async def open(self) -> None:
        """Listens. Raises OSError where a port can not be had; none stays open then."""
        listening = {}
        try:
            for name, port in self._ports.items():
                host, number = (await port.open()).getsockname()[:2]
                listening[name] = f"{host}:{number}"
        except BaseException:  # a cancellation too: what is open is closed, and it is raised again
            await self.close()
            raise
        event("listening_sealed", listening=listening)

    async def close(self) -> None:
        """Closes what is open; what is being answered has two seconds."""
        await asyncio.gather(*(port.close() for port in self._ports.values()))

    def _check(self) -> None:
        raise self.why


class _Refusing:
    """An ASGI application with one answer."""

    def __init__(self, metrics: Metrics, body: int) -> None:
        self._refused = metrics.refused.labels(VaultSealed.code)
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self._refused.inc()
        if not _names(scope["headers"], b"expect"):  # such a client sends nothing before our answer
            await self._let_go(receive)
        said = answer(VaultSealed.told())
        said.headers["Connection"] = "close"
        await said(scope, receive, send)

    async def _let_go(self, receive: Receive) -> None:
        """Behind a connection that is closed on what was not taken in, an answer may be lost."""
        left = self._body
        more = True
        while more and left >= 0:
            message = await receive()
            left -= len(message.get("body", b""))
            more = bool(message.get("more_body", False))


class _Control:
    """The control port: alive, and not ready."""

    def __init__(self, healthy: ASGIApp, refuse: ASGIApp) -> None:
        self._healthy, self._refuse = healthy, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._healthy if scope.get("path") in _HEALTH else self._refuse
        await app(scope, receive, send)


def _names(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bool:
    return any(name == wanted for name, _ in headers)
