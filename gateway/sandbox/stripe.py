"""A card processor that speaks Stripe's form API, as strict as Stripe about what it is sent.

POST /v1/tokens, /v1/payment_methods, /v1/payment_intents (and /{id}/confirm), /v1/charges;
GET /v1/payment_intents/{id} and the like. Bearer (or Basic user) `sk_test_…`. Idempotency-Key as
Stripe honours it. Test numbers as published: `stripe_cards.DECLINES`, `NEEDS_ACTION`.

`metadata[echo]=number` makes the answer carry the full card number in `card.number`, and the
description `echo` makes it come back in the description: a processor that leaks, to try what
stands before it. GET /_sandbox/received shows the cards that came in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import string
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sandbox.form import FormWrong, Node, Schema, check, level_at, read_form, text_at
from gateway.sandbox.records import ReceivedCard, Records
from gateway.sandbox.stripe_cards import (
    NEEDS_ACTION,
    Json,
    StripeCard,
    StripeError,
    read_card,
    refuse_declined,
    shown_card,
    shown_legacy_card,
)
from gateway.sandbox.stripe_forms import CHARGE, CONFIRM, INTENT, PAYMENT_METHOD, TOKEN
from gateway.sandbox.wire import received_cards

_KEY: Final = re.compile(r"sk_test_[A-Za-z0-9]{3,}")
Operation = Callable[[dict[str, Node]], Json]


class Stripe:
    """The simulator: its objects by id, the answers it gave to idempotency keys."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.objects: dict[str, Json] = {}
        self._cards: dict[str, StripeCard] = {}
        self._answered: dict[tuple[str, str], tuple[bytes, int, Json]] = {}
        posts: dict[str, tuple[Schema, Operation]] = {
            "/v1/tokens": (TOKEN, self._token),
            "/v1/payment_methods": (PAYMENT_METHOD, self._payment_method),
            "/v1/payment_intents": (INTENT, self._intent),
            "/v1/charges": (CHARGE, self._charge),
        }
        kinds = "tokens|payment_methods|payment_intents|charges"
        self._posts = posts
        self._object = re.compile(rf"/v1/(?:{kinds})/([A-Za-z0-9_]+)")
        self._confirming = re.compile(r"/v1/payment_intents/(pi_[A-Za-z0-9]+)/confirm")
        self.app = Starlette(
            routes=[
                Route("/_sandbox/received", self._received, methods=["GET"]),
                Route("/{path:path}", self._serve, methods=["GET", "POST", "DELETE", "PUT"]),
            ]
        )

    def reset(self) -> None:
        """Forgets every object and idempotency key."""
        self.objects.clear()
        self._cards.clear()
        self._answered.clear()

    async def _received(self, request: Request) -> Response:
        return received_cards(request, self.records, "stripe")

    async def _serve(self, request: Request) -> Response:
        headers = {"request-id": _id("req")}
        for name in ("stripe-version", "idempotency-key"):
            if name in request.headers:
                headers[name] = request.headers[name]
        try:
            owner = _authorize(request)
            if request.method == "GET":
                status, answer = 200, self._find(request)
            elif request.method == "POST":
                status, answer, replayed = self._post(request, owner, await request.body())
                if replayed:
                    headers["idempotent-replayed"] = "true"
            else:
                raise _unrecognized(request)
        except StripeError as error:
            status, answer = error.status, {"error": error.error}
            if status == 401:
                headers["www-authenticate"] = 'Basic realm="Stripe"'
        return JSONResponse(answer, status, headers)

    def _find(self, request: Request) -> Json:
        match = self._object.fullmatch(request.url.path)
        if match is None:
            raise _unrecognized(request)
        return self._known(match[1])

    def _known(self, id: str) -> Json:
        found = self.objects.get(id)
        if found is None:
            text = f"No such object: '{id}'"
            raise _invalid(text, code="resource_missing", param="id", status=404)
        return found

    # --- POST, and at most once -----------------------------------------------------------------

    def _post(self, request: Request, owner: str, body: bytes) -> tuple[int, Json, bool]:
        """Status, answer, and whether it is the earlier answer given again."""
        operation = self._operation(request)
        key = request.headers.get("idempotency-key")
        if key is None:
            return (*self._run(request, operation, body), False)
        digest = hashlib.sha256(request.url.path.encode() + b"\n" + body).digest()
        earlier = self._answered.get((owner, key))
        if earlier is None:
            status, answer = self._run(request, operation, body)
            self._answered[owner, key] = (digest, status, answer)
            return status, answer, False
        if earlier[0] != digest:
            text = (
                "Keys for idempotent requests can only be used with the same parameters they were "
                "first used with. Try using a key other than the one that was sent if you meant to "
                "execute a different request."
            )
            raise StripeError(400, "idempotency_error", text)
        return earlier[1], earlier[2], True

    def _operation(self, request: Request) -> tuple[Schema, Operation]:
        path = request.url.path
        if path in self._posts:
            return self._posts[path]
        match = self._confirming.fullmatch(path)
        if match is None:
            raise _unrecognized(request)
        intent = self._known(match[1])
        return CONFIRM, lambda form: self._confirm(intent, form)

    def _run(
        self, request: Request, operation: tuple[Schema, Operation], body: bytes
    ) -> tuple[int, Json]:
        """A 402 is an answer that an idempotency key keeps; a 400 is raised and kept by none."""
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if body and kind != "application/x-www-form-urlencoded":
            raise _invalid(
                "Invalid request (check that your POST content type is "
                "application/x-www-form-urlencoded)."
            )
        schema, act = operation
        try:
            form = read_form(body)
            if isinstance(form.get("source"), str):  # an id; a level when it is a card
                check({**form, "source": {}}, schema)
            else:
                check(form, schema)
        except FormWrong as wrong:
            raise _invalid(wrong.message, code=wrong.code, param=wrong.param) from None
        try:
            return 200, act(form)
        except StripeError as error:
            if error.status != 402:
                raise
            return 402, {"error": error.error}

    # --- the operations -------------------------------------------------------------------------

    def _token(self, form: dict[str, Node]) -> Json:
        level = level_at(form, "card")
        if level is None:
            raise _missing("card")
        card = read_card(level)
        id = self._keep("tok", card)
        shown = shown_legacy_card(card, _id("card"))
        self.objects[id] = {
            **_common(id, "token"),
            "card": _echoed(shown, card, level_at(level, "metadata")),
            "client_ip": "127.0.0.1",
            "type": "card",
            "used": False,
        }
        return self.objects[id]

    def _payment_method(self, form: dict[str, Node]) -> Json:
        if text_at(form, "type") is None:
            raise _missing("type")
        if text_at(form, "type") != "card":
            raise _invalid("Invalid type: only card is supported here", param="type")
        level = level_at(form, "card")
        if level is None:
            raise _missing("card")
        card = read_card(level)
        id = self._keep("pm", card, text_at(form, "billing_details", "name"))
        self.objects[id] = {
            **_common(id, "payment_method"),
            "billing_details": {
                name: text_at(form, "billing_details", name) for name in ("email", "name", "phone")
            },
            "card": _echoed(shown_card(card), card, level_at(form, "metadata")),
            "customer": None,
            "metadata": level_at(form, "metadata") or {},
            "type": "card",
        }
        return self.objects[id]

    def _intent(self, form: dict[str, Node]) -> Json:
        amount, currency = _price(form)
        id = _id("pi")
        intent = {
            **_common(id, "payment_intent"),
            "amount": amount,
            "amount_received": 0,
            "capture_method": text_at(form, "capture_method") or "automatic",
            "client_secret": f"{id}_{_id('secret')}",
            "currency": currency,
            "customer": text_at(form, "customer"),
            "description": text_at(form, "description"),
            "last_payment_error": None,
            "latest_charge": None,
            "metadata": level_at(form, "metadata") or {},
            "next_action": None,
            "payment_method": None,
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
        }
        self._attach(intent, form)
        if text_at(form, "confirm") == "true":
            self._charge_intent(intent, form)
        self.objects[id] = intent
        return intent

    def _confirm(self, intent: Json, form: dict[str, Node]) -> Json:
        if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
            text = (
                f"You cannot confirm this PaymentIntent because its status is {intent['status']}."
            )
            raise _invalid(text, code="payment_intent_unexpected_state")
        self._attach(intent, form)
        self._charge_intent(intent, form)
        return intent

    def _attach(self, intent: Json, form: dict[str, Node]) -> None:
        data, given = level_at(form, "payment_method_data"), text_at(form, "payment_method")
        if data is not None and given is not None:
            raise _invalid("Only one of payment_method and payment_method_data may be given")
        if data is not None:
            try:
                given = self._payment_method(data)["id"]
            except StripeError as error:
                if error.error.get("code") == "parameter_missing":
                    error.error["param"] = _below("payment_method_data", error.error["param"])
                raise
        if given is None:
            return
        if given not in self._cards:
            text = f"No such PaymentMethod: '{given}'"
            raise _invalid(text, code="resource_missing", param="payment_method")
        intent["payment_method"], intent["status"] = given, "requires_confirmation"

    def _charge_intent(self, intent: Json, form: Mapping[str, Node]) -> None:
        if intent["payment_method"] is None:
            raise _invalid(
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code="payment_intent_unexpected_state",
            )
        card = self._cards[intent["payment_method"]]
        if card.number in NEEDS_ACTION:
            back = text_at(form, "return_url")
            url = f"https://hooks.stripe.sandbox.test/3ds/{intent['id']}"
            intent["status"] = "requires_action"
            intent["next_action"] = (
                {"type": "redirect_to_url", "redirect_to_url": {"return_url": back, "url": url}}
                if back
                else {
                    "type": "use_stripe_sdk",
                    "use_stripe_sdk": {"type": "three_d_secure_redirect"},
                }
            )
            return
        try:
            refuse_declined(card)
        except StripeError as error:
            intent["status"] = "requires_payment_method"
            intent["payment_method"], intent["last_payment_error"] = None, dict(error.error)
            self.objects[intent["id"]] = intent
            error.error["payment_intent"] = dict(intent)
            raise
        manual = intent["capture_method"] == "manual"
        intent["status"] = "requires_capture" if manual else "succeeded"
        intent["amount_received"] = 0 if manual else intent["amount"]
        intent["latest_charge"] = _id("ch")
        _leak(intent, card, "payment_method_card")

    def _charge(self, form: dict[str, Node]) -> Json:
        amount, currency = _price(form)
        level = level_at(form, "source") or level_at(form, "card")
        source = text_at(form, "source")
        if level is not None:
            card = read_card(level)
            self._keep("card", card)
        elif source in self._cards:
            card = self._cards[source or ""]
        elif source is not None:
            raise _invalid(f"No such token: '{source}'", code="resource_missing", param="source")
        else:
            raise _invalid("Must provide source or customer.", code="parameter_missing")
        id = _id("ch")
        if card.number in NEEDS_ACTION:
            text = "Your card was declined. This transaction requires authentication."
            raise StripeError(
                402, "card_error", text, code="authentication_required", charge=id,
                decline_code="authentication_required",
            )  # fmt: skip
        refuse_declined(card, charge=id)
        charge = {
            **_common(id, "charge"),
            "amount": amount,
            "amount_captured": amount,
            "captured": text_at(form, "capture") != "false",
            "currency": currency,
            "description": text_at(form, "description"),
            "metadata": level_at(form, "metadata") or {},
            "outcome": {"network_status": "approved_by_network", "type": "authorized"},
            "paid": True,
            "payment_method_details": {"card": shown_card(card), "type": "card"},
            "source": shown_legacy_card(card, _id("card")),
            "status": "succeeded",
        }
        _leak(charge, card, "card")
        self.objects[id] = charge
        return charge

    def _keep(self, prefix: str, card: StripeCard, holder: str | None = None) -> str:
        id = _id(prefix)
        self._cards[id] = card
        self.records.add_card(
            ReceivedCard(
                "stripe", id, card.number, card.month, card.year, card.cvc, card.name or holder
            )
        )
        return id


def _authorize(request: Request) -> str:
    """The secret key, from Bearer or as Basic's user. Raises StripeError 401."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    key = value.strip()
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode("ascii").partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if not key or scheme.lower() not in ("bearer", "basic"):
        text = (
            "You did not provide an API key. You need to provide your API key in the Authorization "
            "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
        raise StripeError(401, "invalid_request_error", text)
    if not _KEY.fullmatch(key):
        shown = f"{key[:8]}****{key[-4:]}" if len(key) > 16 else "****"
        raise StripeError(401, "invalid_request_error", f"Invalid API Key provided: {shown}")
    return key


def _price(form: Mapping[str, Node]) -> tuple[int, str]:
    amount, currency = text_at(form, "amount"), text_at(form, "currency")
    if amount is None:
        raise _missing("amount")
    if currency is None:
        raise _missing("currency")
    if not re.fullmatch(r"[A-Za-z]{3}", currency):
        raise _invalid("Invalid currency", param="currency")
    if int(amount) < 1:
        text = "This value must be greater than or equal to 1."
        raise _invalid(text, code="parameter_invalid_integer", param="amount")
    if int(amount) < 50:
        text = "Amount must be at least 50 cents"
        raise _invalid(text, code="amount_too_small", param="amount")
    return int(amount), currency.lower()


def _echoed(shown: Json, card: StripeCard, metadata: Mapping[str, Node] | None) -> Json:
    if text_at(metadata or {}, "echo") == "number":
        return {**shown, "number": card.number}
    return shown


def _leak(answer: Json, card: StripeCard, place: str) -> None:
    """What no processor should do, where a caller asks for it."""
    if text_at(answer["metadata"], "echo") == "number":
        answer[place] = {**shown_card(card), "number": card.number}
    if answer["description"] == "echo":
        answer["description"] = f"echo {card.number}"


def _common(id: str, kind: str) -> dict[str, Any]:
    return {"id": id, "object": kind, "created": int(time.time()), "livemode": False}


def _id(prefix: str) -> str:
    # Letters only: an id must never look like a card number to what stands before the simulator.
    return f"{prefix}_" + "".join(secrets.choice(string.ascii_letters) for _ in range(24))


def _below(above: str, param: str) -> str:
    first, bracket, rest = param.partition("[")
    return f"{above}[{first}]{bracket}{rest}"


def _missing(param: str) -> StripeError:
    return _invalid(f"Missing required param: {param}.", code="parameter_missing", param=param)


def _invalid(message: str, *, status: int = 400, **members: str | None) -> StripeError:
    return StripeError(status, "invalid_request_error", message, **members)


def _unrecognized(request: Request) -> StripeError:
    text = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return _invalid(text, status=404)
