"""A kept answer on its way to its client, once more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi.requests import Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.vault.answer import Answer

# What belongs to a connection: the port writes these itself.
_OWN: Final = frozenset(
    {
        b"connection", b"content-length", b"keep-alive", b"proxy-connection", b"transfer-encoding",
        b"upgrade", b"x-gateway-exchange",
    }
)  # fmt: skip


class Handed(Response):
    """The answer as it would have been delivered: status, headers, body bytes, and its exchange's id.

    `handed` is awaited once all of it was written to a socket that is still open: what is cut off
    stays to be fetched.
    """

    def __init__(self, answer: Answer, handed: Callable[[], Awaitable[object]]) -> None:
        super().__init__(answer.body, answer.status)
        self._handed = handed
        self.raw_headers = [
            *((name, value) for name, value in _fields(answer.headers) if name not in _OWN),
            (b"content-length", str(len(answer.body)).encode("ascii")),
            (b"x-gateway-exchange", answer.exchange.encode("ascii")),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        for part in (self.body, b""):  # with the second one it waits until the first is written
            await send({"type": "http.response.body", "body": part, "more_body": True})
        gone = await Request(scope, receive).is_disconnected()
        await send({"type": "http.response.body", "body": b""})
        if not gone:
            await self._handed()


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The fields of a head that was kept as lines."""
    lines = [line.partition(b":") for line in head.split(b"\r\n") if line]
    return [(name.strip().lower(), value.strip()) for name, _, value in lines]
