"""The sandbox's own processor: a small JSON API, for whoever has no processor at hand.

Bearer `sandbox` (or any that begins with `sandbox-`). POST /v1/cards keeps a card; POST /v1/payments
pays with it; POST /v1/payments/{id}/capture, …/refund, …/cancel; GET /v1/payments/{id} and GET
/v1/payments?reference=… tell. Fields: `_FORMS`. What a card's number stands for: docs/processors.md.

A challenge's page is /challenge/{id}: the guest agrees there or does not, and goes on to `return_url`; with
`?outcome=ok` or `?outcome=ko` GET does it. GET /_sandbox/received shows the cards that came in; POST /_sandbox/forget {"card": id}
forgets a card; both from this machine only.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sandbox import bank
from gateway.sandbox.cards import luhn_fits
from gateway.sandbox.faults import FAULTS
from gateway.sandbox.processor_payments import (
    CHALLENGES,
    ECHO,
    Json,
    Payment,
    Payments,
    Refused,
)
from gateway.sandbox.processor_payments import (
    FAULTS as BEFALLS,
)
from gateway.sandbox.records import Records
from gateway.sandbox.wire import FaultResponse, only_from_here, received_cards

_TEXT: Final = re.compile(r"[^\x00-\x1f]{1,200}")
_PATTERNS: Final = {
    "number": re.compile(r"[0-9]{12,19}"),
    "expiry_month": re.compile(r"0[1-9]|1[0-2]"),
    "expiry_year": re.compile(r"20[0-9]{2}"),
    "cvc": re.compile(r"[0-9]{3,4}"),
    "currency": re.compile(r"[A-Z]{3}"),
    "reference": re.compile(r"[A-Za-z0-9._:-]{1,80}"),
    "key": re.compile(r"[A-Za-z0-9._:-]{1,160}"),
    "initiator": re.compile(r"guest|no_show|deposit"),
    "network_transaction_id": re.compile(r"[0-9A-Za-z]{9,30}"),
    "return_url": re.compile(r"https://[!-~]{1,500}"),
}
# Path → fields that must be there, and fields that may.
_FORMS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "cards": (frozenset({"number", "expiry_month", "expiry_year"}), frozenset({"cvc", "holder"})),
    "payments": (
        frozenset({"reference", "amount", "currency", "card", "capture", "initiator"}),
        frozenset({"network_transaction_id", "return_url", "booking", "exemption"}),
    ),
    "capture": (frozenset({"amount"}), frozenset()),
    "refund": (frozenset({"amount", "key"}), frozenset()),
    "cancel": (frozenset(), frozenset()),
}


class Processor:
    """The simulator over HTTP."""

    def __init__(self, records: Records) -> None:
        self.records, self.payments = records, Payments(records)
        self.app = Starlette(
            routes=[
                Route("/_sandbox/{action}", self._control, methods=["GET", "POST"]),
                Route("/challenge/{id}", self._challenge, methods=["GET", "POST"]),
                Route("/v1/cards", self._keep, methods=["POST"]),
                Route("/v1/payments", self._pay, methods=["POST"]),
                Route("/v1/payments", self._find, methods=["GET"]),
                Route("/v1/payments/{id}", self._show, methods=["GET"]),
                Route("/v1/payments/{id}/{act}", self._act, methods=["POST"]),
            ],
            exception_handlers={Refused: _told},
        )

    def reset(self) -> None:
        """Forgets everything."""
        self.payments.reset()

    async def _keep(self, request: Request) -> Response:
        said = await _read(request, "cards")
        if not luhn_fits(said["number"]):
            raise Refused(422, "invalid_number")
        return JSONResponse({"id": self.payments.keep(said).id}, 201)

    async def _pay(self, request: Request) -> Response:
        payment, known = self.payments.pay(await _read(request, "payments"))
        if not known and payment.card.number in BEFALLS:
            return FaultResponse(FAULTS[BEFALLS[payment.card.number]], payment.card.number)
        return JSONResponse(_shown(payment, bank.here(request)), 200 if known else 201)

    async def _find(self, request: Request) -> Response:
        _check_bearer(request)
        found = self.payments.of(request.query_params.get("reference", ""))
        return JSONResponse({"payments": [_shown(one, bank.here(request)) for one in found]})

    async def _show(self, request: Request) -> Response:
        _check_bearer(request)
        payment = self.payments.one(request.path_params["id"])
        return JSONResponse(_shown(payment, bank.here(request)))

    async def _act(self, request: Request) -> Response:
        act, id = request.path_params["act"], request.path_params["id"]
        acts: dict[str, Callable[[Json], Payment]] = {
            "capture": lambda said: self.payments.capture(id, said["amount"]),
            "refund": lambda said: self.payments.refund(id, said["amount"], said["key"]),
            "cancel": lambda _: self.payments.cancel(id),
        }
        if act not in acts:
            raise Refused(404, "no_such_path")
        said = await _read(request, act)
        payment = acts[act](said)
        refund = {"refund": {"amount": payment.refunds[said["key"]]}} if act == "refund" else {}
        return JSONResponse(payment.shown() | refund)

    async def _challenge(self, request: Request) -> Response:
        agreed = {"ok": True, "ko": False}.get(request.query_params.get("outcome", ""))
        if request.method == "POST":
            agreed = await bank.answered(request)
        back = (await bank.sent(request)).get("TermUrl", "")
        if agreed is None:
            return bank.asks(back)
        payment = self.payments.answer_challenge(request.path_params["id"], agreed=agreed)
        if not payment.return_url:
            return bank.says("Authenticated." if agreed else "Refused.")
        if back.startswith("https://"):
            said = base64.b64encode(f"PaRes of {payment.id}".encode()).decode()
            return bank.posts_on(back, {"PaRes": said})
        return bank.sends_on(payment.return_url)

    async def _control(self, request: Request) -> Response:
        action = (request.method, request.path_params["action"])
        if action == ("GET", "received"):
            return received_cards(request, self.records, "processor")
        refused = only_from_here(request)
        if refused is not None:
            return refused
        if action != ("POST", "forget"):
            return JSONResponse({"error": "no such call"}, 404)
        self.payments.forget(str(json.loads(await request.body()).get("card")))
        return JSONResponse({})


def _shown(payment: Payment, base: str) -> Json:
    shown = payment.shown()
    if payment.status == "challenged":
        shown["challenge"] = _challenge(payment, f"{base}/challenge/{payment.id}")
    if payment.card.number == ECHO:
        shown["card"] = payment.card.number  # a processor that leaks
    return shown


def _challenge(payment: Payment, url: str) -> Json:
    kind = CHALLENGES[payment.card.number]
    if kind == "redirect":
        return {"url": url}
    if kind == "form":
        return {"acs_url": url, "pa_req": base64.b64encode(payment.id.encode()).decode()}
    page = bank.form(url, {"MD": payment.id})
    return {"page": base64.b64encode(page.encode()).decode()}


def _check_bearer(request: Request) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not re.fullmatch(r"sandbox(-[A-Za-z0-9-]+)?", token):
        raise Refused(401, "unauthorized")


async def _read(request: Request, form: str) -> Json:
    """The request's fields, each checked. Raises Refused."""
    _check_bearer(request)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, "not_json")
    try:
        said = json.loads(await request.body() or b"{}")
    except ValueError:
        raise Refused(400, "not_json") from None
    wanted, possible = _FORMS[form]
    if not isinstance(said, dict) or not wanted <= said.keys() <= wanted | possible:
        raise Refused(422, "invalid_fields")
    if not all(_fits(name, value) for name, value in said.items()):
        raise Refused(422, "invalid_fields")
    return said


def _fits(name: str, value: Any) -> bool:
    if name == "amount":
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    if name == "capture":
        return isinstance(value, bool)
    return isinstance(value, str) and _PATTERNS.get(name, _TEXT).fullmatch(value) is not None


async def _told(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, Refused):  # the only kind that this handles
        raise error
    return JSONResponse({"error": error.error}, error.status)
