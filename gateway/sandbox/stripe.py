"""A card processor that speaks Stripe's form API, as strict as Stripe about what it is sent.

POST /v1/tokens, /v1/payment_methods, /v1/customers, /v1/payment_intents (and /{id}/confirm, /capture,
/cancel), /v1/refunds, /v1/charges; GET /v1/payment_intents/{id} and the like, /v1/payment_intents/search. Bearer (or Basic user) `sk_test_…`. Idempotency-Key as
Stripe honours it. Test numbers as published: `stripe_cards.DECLINES`, `NEEDS_ACTION`.

A `next_action` leads to /3ds/{id}, where the guest agrees or does not, and goes on to `return_url`.

`metadata[echo]=number` makes the answer carry the full card number in `card.number`, and the
description `echo` makes it come back in the description: a processor that leaks, to try what
stands before it. GET /_sandbox/received shows the cards that came in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sandbox import bank
from gateway.sandbox.form import FormWrong, Node, Schema, check, level_at, read_form
from gateway.sandbox.records import Records
from gateway.sandbox.stripe_account import StripeAccount, new_id
from gateway.sandbox.stripe_cards import Json, StripeError, invalid
from gateway.sandbox.stripe_forms import (
    CANCEL,
    CAPTURE,
    CHARGE,
    CONFIRM,
    CUSTOMER,
    INTENT,
    PAYMENT_METHOD,
    REFUND,
    TOKEN,
)
from gateway.sandbox.stripe_later import expanded, search
from gateway.sandbox.wire import received_cards

_CHANGES: Final = {"confirm": CONFIRM, "capture": CAPTURE, "cancel": CANCEL}
_KEY: Final = re.compile(r"sk_test_[A-Za-z0-9]{3,}")
Operation = Callable[[dict[str, Node]], Json]


class Stripe:
    """The simulator over HTTP: who may ask, what for, and the answers to idempotency keys."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.account = StripeAccount(records)
        self._answered: dict[tuple[str, str], tuple[bytes, int, Json]] = {}
        posts: dict[str, tuple[Schema, Operation]] = {
            "/v1/tokens": (TOKEN, self.account.token),
            "/v1/payment_methods": (PAYMENT_METHOD, self.account.payment_method),
            "/v1/payment_intents": (INTENT, self.account.intent),
            "/v1/charges": (CHARGE, self.account.charge),
            "/v1/customers": (CUSTOMER, self.account.customer),
            "/v1/refunds": (REFUND, self.account.refund),
        }
        kinds = "tokens|payment_methods|payment_intents|charges|customers|refunds"
        self._posts = posts
        self._object = re.compile(rf"/v1/(?:{kinds})/([A-Za-z0-9_]+)")
        self._changing = re.compile(
            r"/v1/payment_intents/(pi_[A-Za-z0-9]+)/(confirm|capture|cancel)"
        )
        self.app = Starlette(
            routes=[
                Route("/_sandbox/received", self._received, methods=["GET"]),
                Route("/3ds/{id}", self._challenge, methods=["GET", "POST"]),
                Route("/{path:path}", self._serve, methods=["GET", "POST", "DELETE", "PUT"]),
            ]
        )

    def reset(self) -> None:
        """Forgets every object and idempotency key."""
        self.account.reset()
        self._answered.clear()

    async def _received(self, request: Request) -> Response:
        return received_cards(request, self.records, "stripe")

    async def _challenge(self, request: Request) -> Response:
        """The bank's page of a `next_action`."""
        agreed = await bank.answered(request)
        if agreed is None:
            return bank.asks()
        try:
            intent = self.account.known(request.path_params["id"])
            return bank.sends_on(self.account.authenticate(intent, agreed=agreed))
        except StripeError as error:
            return bank.says(error.error["message"], error.status)

    async def _serve(self, request: Request) -> Response:
        self.account.base = bank.here(request)
        headers = {"request-id": new_id("req")}
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
        objects, query = self.account.objects, request.query_params
        expand = [value for name, value in query.multi_items() if name.startswith("expand")]
        if request.url.path == "/v1/payment_intents/search":
            return expanded(objects, search(objects, query.get("query", "")), expand)
        match = self._object.fullmatch(request.url.path)
        if match is None:
            raise _unrecognized(request)
        return expanded(objects, self.account.known(match[1]), expand)

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
        match = self._changing.fullmatch(path)
        if match is None:
            raise _unrecognized(request)
        intent, act = self.account.known(match[1]), match[2]
        return _CHANGES[act], lambda form: self.account.change(intent, act, form)

    def _run(
        self, request: Request, operation: tuple[Schema, Operation], body: bytes
    ) -> tuple[int, Json]:
        """A 402 is an answer that an idempotency key keeps; a 400 is raised and kept by none."""
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if body and kind != "application/x-www-form-urlencoded":
            raise invalid(
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
            raise invalid(wrong.message, code=wrong.code, param=wrong.param) from None
        try:
            expand = level_at(form, "expand") or {}
            return 200, expanded(self.account.objects, act(form), expand.values())
        except StripeError as error:
            if error.status != 402:
                raise
            return 402, {"error": error.error}


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


def _unrecognized(request: Request) -> StripeError:
    text = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return invalid(text, status=404)
