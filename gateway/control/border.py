"""What stands around each call of the control port: a body has a limit, an answer is not stored."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.control.problems import answer
from gateway.errors import BodyTooLarge

# FastAPI reads a body before it asks who sends it (P33); what the API takes are a few fields.
BODY_LIMIT: Final = 64 * 1024


class Border:
    """An ASGI middleware: BodyTooLarge for what is larger, `no-store` on everything that leaves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left = BODY_LIMIT

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(BodyTooLarge.status)
            return message

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        if _announced(scope) > BODY_LIMIT:
            await answer(BodyTooLarge())(scope, receive, marked)
            return
        await self._app(scope, limited, marked)


def _announced(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(length[:12]) for length in lengths if length.isdigit()), default=0)
