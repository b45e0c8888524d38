"""Between uvicorn and the simulators: what is logged and recorded, and bytes that no HTTP server sends."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from gateway.sandbox.faults import Fault
from gateway.sandbox.records import ReceivedRequest, Records

LOG: Final = logging.getLogger("gateway.sandbox")
_TRANSPORT: Final = "sandbox.transport"
_LONG_NUMBER: Final = re.compile(r"\d(?:[ -]?\d){8,}")


class _NameOnly(logging.Filter):
    """Turns a traceback into the exception's name: its text may quote a message, card and all."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info:
            kind = record.exc_info[0]
            record.msg, record.args = "a simulator failed: %s", (kind.__name__ if kind else "?",)
            record.exc_info = None
        return True


LOG.addFilter(_NameOnly())


class OpenProtocol(H11Protocol):
    """uvicorn's own protocol, with the transport laid open for answers that are no valid HTTP."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = LOG
        self.access_log = False  # uvicorn's holds the query
        inner = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[_TRANSPORT] = self.transport
            await inner(scope, receive, send)

        self.app = with_transport


class WireResponse(Response):
    """An answer given as the very bytes that go out. A float among `parts` is a pause in seconds.

    `abort` cuts the connection (no TLS close_notify) instead of closing it.
    """

    def __init__(self, parts: Sequence[bytes | float], *, abort: bool = False) -> None:
        super().__init__()
        self.parts, self.abort = parts, abort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del send  # uvicorn would make HTTP of it
        transport: asyncio.Transport = scope["extensions"][_TRANSPORT]
        for part in self.parts:
            if transport.is_closing():
                break
            if isinstance(part, float):
                await asyncio.sleep(part)
            else:
                transport.write(part)
        if self.abort:
            await asyncio.sleep(0.05)  # what was written should arrive
            transport.abort()
        else:
            transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass
        if self.background is not None:
            await self.background()


class FaultResponse(WireResponse):
    """One of `faults.FAULTS`, done to the connection of a simulator that runs. `canary` is a card."""

    def __init__(self, fault: Fault, canary: str) -> None:
        super().__init__(fault.write(canary.encode()), abort=fault.end == "abort")
        self._waits = fault.end == "wait"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._waits:
            await super().__call__(scope, receive, send)
            return
        transport: asyncio.Transport = scope["extensions"][_TRANSPORT]
        transport.writelines(part for part in self.parts if isinstance(part, bytes))
        while (await receive())["type"] != "http.disconnect":
            pass


class Observed:
    """Wraps a simulator: records each whole request, then logs method, path and status.

    A long run of digits in the path is masked in the log.
    """

    def __init__(self, app: ASGIApp, system: str, records: Records) -> None:
        self.app, self.system, self.records = app, system, records

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _whole_body(receive)
        if body is None:
            return
        if not scope["path"].startswith("/_sandbox/"):
            self.records.add_request(_received(self.system, scope, body))
        status = "raw"
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        await self.app(scope, replay, note)
        path = quote(_LONG_NUMBER.sub("*", scope["path"]), safe="/*:@")
        LOG.info("%s %s %s %s", self.system, scope["method"], path, status)


async def _whole_body(receive: Receive) -> bytes | None:
    """The body, or None when the client left before it was there."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _received(system: str, scope: Scope, body: bytes) -> ReceivedRequest:
    return ReceivedRequest(
        system=system,
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]),
        body=body,
    )


def received_cards(request: Request, records: Records, system: str) -> Response:
    """`GET /_sandbox/received`: the cards that came in, in clear, for whoever sits at this machine.

    Refused (403) as `only_from_here` says.
    """
    refused = only_from_here(request)
    if refused is not None:
        return refused
    cards = [
        {
            "reference": card.reference,
            "number": card.number,
            "month": card.month,
            "year": card.year,
            "cvc": card.cvc,
            "holder": card.holder,
        }
        for card in records.cards(system)
    ]
    return JSONResponse({"cards": cards})


def only_from_here(request: Request) -> Response | None:
    """A 403 unless peer and Host are loopback addresses, None where they are.

    A request that came through a gateway names the simulator's host, and must not be answered.
    """
    peer = request.client.host if request.client else ""
    if _is_loopback(peer) and _is_loopback(request.url.hostname or ""):
        return None
    return JSONResponse({"error": "only from this machine, by address"}, status_code=403)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
