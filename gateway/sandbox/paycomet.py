"""A card processor that speaks PAYCOMET's REST API, as strict as its description.

POST only, JSON only, header `PAYCOMET-API-TOKEN`: /v1/heartbeat; /v1/cards, /v1/cards/info,
/v1/cards/delete; /v1/payments, /v1/payments/preauth; /v1/payments/{order}/info, …/refund,
…/preauth/confirm, …/preauth/cancel. Terminal 1 takes a card without its CVC (PAYCOMET turns that on
where it is asked to), terminal 2 does not, there are no others. Any token is good but `wrong` (1004);
`query` may ask and not act (1031).

Sources: the OpenAPI description of rest.paycomet.com, in its generated clients
spazious/paycomet-client and avaibook/paycomet; PAYCOMET/woocommerce for what a shop sends. The
description has the statuses 200, 422 (`error.message`, `error.detail`) and, for /v1/cards/info and
/v1/cards/delete, 403. So a fault of the content is 200 with its `errorCode`, a missing field or a
wrong type 422, a refused token 403 on those two and 200 elsewhere. 429 with Retry-After for 1332 is assumed, as
are 404, 405 and 1015 for what is not there.

`productDescription: echo` makes the answer to a payment carry the full number in `pan`: a processor
that leaks. `settings` switches faults and a limit; POST /_sandbox/settings does so from outside, GET
/_sandbox/received shows the cards that came in, both from this machine only. A challenge's page is
GET /challenge/{id}, which agrees, or with `?outcome=ko` does not.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from gateway.sandbox.cards import VISA_TWO
from gateway.sandbox.faults import FAULTS
from gateway.sandbox.paycomet_body import CARD, PAIR, TERMINAL, Json, check, read_body
from gateway.sandbox.paycomet_cards import PaycometCards, shown
from gateway.sandbox.paycomet_codes import Code, PaycometError
from gateway.sandbox.paycomet_payments import PaycometPayments
from gateway.sandbox.records import Records
from gateway.sandbox.wire import FaultResponse, only_from_here, received_cards

Operation = Callable[[Json, str], Json]

# What can befall an answer once the request was read; `error_500` is a server's own page.
PLAYED: Final = frozenset(name for name, each in FAULTS.items() if each.accepts and each.answers)
_CVC_REQUIRED: Final = {1: False, 2: True}
_TELLS_403: Final = frozenset({"/v1/cards/info", "/v1/cards/delete"})
_QUERIES: Final = re.compile(r"/v1/heartbeat|/v1/cards/info|/v1/payments/[^/]+/info")
_OF_ORDER: Final = re.compile(r"/v1/payments/([^/]+)/(info|refund|preauth/confirm|preauth/cancel)")
_MINUTE: Final = 60.0


@dataclass(slots=True)
class PaycometSettings:
    """What is switched while it runs. `fault` is a name of `PLAYED`, `error_500`, or nothing."""

    fault: str = ""
    per_minute: int | None = None

    def __post_init__(self) -> None:
        if self.fault not in PLAYED | {"", "error_500"}:
            raise ValueError("no such fault")
        if self.per_minute is not None and not isinstance(self.per_minute, int):
            raise ValueError("per_minute is a number")


class Paycomet:
    """The simulator over HTTP: who may ask, how often, and for what."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.settings = PaycometSettings()
        self.cards = PaycometCards(records)
        self.payments = PaycometPayments(self.cards, _product)
        self._asked: deque[float] = deque()
        self._operations: dict[str, Operation] = {
            "/v1/heartbeat": self._heartbeat,
            "/v1/cards": self._add_card,
            "/v1/cards/info": self._show_card,
            "/v1/cards/delete": self._delete_card,
            "/v1/payments": self.payments.pay,
            "/v1/payments/preauth": self.payments.preauthorise,
        }
        self._of_order: dict[str, Callable[[str, Json], Json]] = {
            "info": self.payments.info,
            "refund": self.payments.refund,
            "preauth/confirm": self.payments.confirm,
            "preauth/cancel": self.payments.cancel,
        }
        self.app = Starlette(
            routes=[
                Route("/_sandbox/received", self._received, methods=["GET"]),
                Route("/_sandbox/settings", self._set, methods=["POST"]),
                Route("/challenge/{id}", self._challenge, methods=["GET"]),
                Route("/{path:path}", self._serve, methods=["GET", "POST", "PUT", "DELETE"]),
            ]
        )

    def reset(self) -> None:
        """Forgets every card, order and setting."""
        self.settings = PaycometSettings()
        self.cards.reset()
        self.payments.reset()
        self._asked.clear()

    async def _serve(self, request: Request) -> Response:
        fault = self.settings.fault
        if fault == "error_500":
            return PlainTextResponse("Internal Server Error", 500)
        if fault:
            return FaultResponse(FAULTS[fault], VISA_TWO)
        try:
            self._may_ask(request)
            operation = self._operation(request)
            body = read_body(request.headers.get("content-type", ""), await request.body())
            return JSONResponse(operation(body, str(request.base_url).rstrip("/")))
        except PaycometError as error:
            headers = {"retry-after": str(self._wait())} if error.status == 429 else None
            return JSONResponse(error.body, error.status, headers)

    def _wait(self) -> int:
        """Seconds until another call is within the limit."""
        oldest = self._asked[0] if self._asked else time.monotonic()
        return math.ceil(oldest + _MINUTE - time.monotonic())

    def _may_ask(self, request: Request) -> None:
        """1. The token, 2. what it is for, 3. how often. Raises PaycometError."""
        path = request.scope["path"]
        status = 403 if path in _TELLS_403 else 200
        token = request.headers.get("paycomet-api-token", "")
        if token in ("", "wrong"):
            raise PaycometError(Code.FORBIDDEN, status=status)
        if token == "query" and not _QUERIES.fullmatch(path):
            raise PaycometError(Code.NO_RIGHTS, status=status)
        now = time.monotonic()
        while self._asked and self._asked[0] <= now - _MINUTE:
            self._asked.popleft()
        limit = self.settings.per_minute
        if limit is not None and len(self._asked) >= limit:
            raise PaycometError(Code.TOO_MANY_REQUESTS, status=429)
        self._asked.append(now)

    def _operation(self, request: Request) -> Operation:
        path = request.scope["path"]
        match = _OF_ORDER.fullmatch(path)
        if path not in self._operations and match is None:
            raise PaycometError(Code.NO_SUCH_RESOURCE, status=404)
        if request.method != "POST":
            raise PaycometError(Code.NO_SUCH_RESOURCE, status=405)
        if match is None:
            return self._operations[path]
        order, act = match[1], self._of_order[match[2]]
        return lambda body, _base: act(order, body)

    # --- cards ----------------------------------------------------------------------------------

    def _heartbeat(self, body: Json, _base: str) -> Json:
        check(body, TERMINAL)
        _product(body["terminal"])
        return {"errorCode": 0, "time": "1", "processorTime": "1", "processorStatus": "true"}

    def _add_card(self, body: Json, _base: str) -> Json:
        check(body, CARD)
        card = self.cards.add(body, cvc_required=_product(body["terminal"]))
        return {**card.pair, "errorCode": 0}

    def _show_card(self, body: Json, _base: str) -> Json:
        check(body, PAIR)
        _product(body["terminal"])
        return shown(self.cards.of(body))

    def _delete_card(self, body: Json, _base: str) -> Json:
        check(body, PAIR)
        _product(body["terminal"])
        self.cards.remove(self.cards.of(body))
        return {"errorCode": 0}

    # --- what the real one has not, or has as a page --------------------------------------------

    async def _received(self, request: Request) -> Response:
        return received_cards(request, self.records, "paycomet")

    async def _set(self, request: Request) -> Response:
        refused = only_from_here(request)
        if refused is not None:
            return refused
        try:
            self.settings = PaycometSettings(**json.loads(await request.body()))
        except (TypeError, ValueError):
            return JSONResponse({"error": "fault and per_minute may be set"}, 400)
        return JSONResponse({"fault": self.settings.fault, "per_minute": self.settings.per_minute})

    async def _challenge(self, request: Request) -> Response:
        agreed = request.query_params.get("outcome", "ok") == "ok"
        order = self.payments.answer_challenge(request.path_params["id"], agreed=agreed)
        if order is None:
            return PlainTextResponse("No challenge waits here.", 404)
        url = order.urls[0 if agreed else 1]
        if url:
            return RedirectResponse(url, 302)
        return PlainTextResponse("Authenticated." if agreed else "Cancelled.")


def _product(terminal: int) -> bool:
    """Whether that terminal asks for a CVC. Raises PaycometError: there is no such terminal."""
    if terminal not in _CVC_REQUIRED:
        raise PaycometError(Code.BAD_TERMINAL)
    return _CVC_REQUIRED[terminal]
