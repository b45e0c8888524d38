"""What the simulated Stripe does: its objects, made and changed by one method for each operation.

Each takes a form that was checked against its schema and answers the object, or raises StripeError.
"""

from __future__ import annotations

import re
import secrets
import string
import time
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from gateway.sandbox import stripe_later
from gateway.sandbox.form import Node, level_at, text_at
from gateway.sandbox.records import ReceivedCard, Records
from gateway.sandbox.stripe_cards import (
    NEEDS_ACTION,
    Json,
    StripeCard,
    StripeError,
    invalid,
    missing,
    read_card,
    refuse_declined,
    shown_card,
    shown_legacy_card,
)


class StripeAccount:
    """The objects by id, and the cards behind them."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.objects: dict[str, Json] = {}
        self.base = ""  # where browsers reach it
        self.part = Fraction(1)  # of each sum: another is a Stripe that does otherwise than asked
        self._cards: dict[str, StripeCard] = {}

    def reset(self) -> None:
        """Forgets every object, and the part."""
        self.part = Fraction(1)
        self.objects.clear()
        self._cards.clear()

    def known(self, id: str) -> Json:
        """The object of that id."""
        found = self.objects.get(id)
        if found is None:
            text = f"No such object: '{id}'"
            raise invalid(text, code="resource_missing", param="id", status=404)
        return found

    def token(self, form: dict[str, Node]) -> Json:
        """POST /v1/tokens."""
        level = level_at(form, "card")
        if level is None:
            raise missing("card")
        card = read_card(level)
        id = self._keep("tok", card)
        shown = shown_legacy_card(card, new_id("card"))
        self.objects[id] = {
            **_common(id, "token"),
            "card": _echoed(shown, card, level_at(level, "metadata")),
            "client_ip": "127.0.0.1",
            "type": "card",
            "used": False,
        }
        return self.objects[id]

    def payment_method(self, form: dict[str, Node]) -> Json:
        """POST /v1/payment_methods."""
        if text_at(form, "type") is None:
            raise missing("type")
        if text_at(form, "type") != "card":
            raise invalid("Invalid type: only card is supported here", param="type")
        level = level_at(form, "card")
        if level is None:
            raise missing("card")
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

    def intent(self, form: dict[str, Node]) -> Json:
        """POST /v1/payment_intents."""
        amount, currency = _price(form)
        id = new_id("pi")
        intent = {
            **_common(id, "payment_intent"),
            "amount": amount,
            "amount_received": 0,
            "capture_method": text_at(form, "capture_method") or "automatic",
            "client_secret": f"{id}_{new_id('secret')}",
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

    def confirm(self, intent: Json, form: dict[str, Node]) -> Json:
        """POST /v1/payment_intents/{id}/confirm."""
        if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
            text = (
                f"You cannot confirm this PaymentIntent because its status is {intent['status']}."
            )
            raise invalid(text, code="payment_intent_unexpected_state")
        self._attach(intent, form)
        self._charge_intent(intent, form)
        return intent

    def _attach(self, intent: Json, form: dict[str, Node]) -> None:
        data, given = level_at(form, "payment_method_data"), text_at(form, "payment_method")
        if data is not None and given is not None:
            raise invalid("Only one of payment_method and payment_method_data may be given")
        if data is not None:
            try:
                given = self.payment_method(data)["id"]
            except StripeError as error:
                if error.error.get("code") == "parameter_missing":
                    error.error["param"] = _below("payment_method_data", error.error["param"])
                raise
        if given is None:
            return
        if given not in self._cards:
            text = f"No such PaymentMethod: '{given}'"
            raise invalid(text, code="resource_missing", param="payment_method")
        stripe_later.check_customer(self.objects, given, intent["customer"])
        intent["payment_method"], intent["status"] = given, "requires_confirmation"

    def _charge_intent(self, intent: Json, form: Mapping[str, Node]) -> None:
        if intent["payment_method"] is None:
            raise invalid(
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code="payment_intent_unexpected_state",
            )
        card = self._cards[intent["payment_method"]]
        away = text_at(form, "off_session") not in {None, "false"}
        exempt = level_at(form, "payment_method_options", "card", "mit_exemption") is not None
        if card.number in NEEDS_ACTION and not away:
            back = text_at(form, "return_url")
            url = f"{self.base}/3ds/{intent['id']}"
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
            if card.number in NEEDS_ACTION and not exempt:
                raise _needs_the_guest()
        except StripeError as error:
            intent["status"] = "requires_payment_method"
            intent["payment_method"], intent["last_payment_error"] = None, dict(error.error)
            self.objects[intent["id"]] = intent
            error.error["payment_intent"] = dict(intent)
            raise
        self._paid(intent, card)

    def _paid(self, intent: Json, card: StripeCard) -> None:
        manual = intent["capture_method"] == "manual"
        intent["status"] = "requires_capture" if manual else "succeeded"
        intent["amount"] = int(intent["amount"] * self.part)
        intent["amount_received"] = 0 if manual else intent["amount"]
        charge = stripe_later.new_charge(intent, shown_card(card), new_id("ch"))
        self.objects[charge["id"]] = charge
        intent["latest_charge"] = charge["id"]
        _leak(intent, card, "payment_method_card")

    def authenticate(self, intent: Json, *, agreed: bool) -> str:
        """The guest has answered at the bank; where they go on to, as Stripe writes it. Raises
        StripeError where nobody is waited for.
        """
        if intent["status"] != "requires_action" or intent["next_action"] is None:
            raise invalid("This PaymentIntent waits for nobody.", status=404)
        back: str = intent["next_action"]["redirect_to_url"]["return_url"]
        card = self._cards[intent["payment_method"]]
        intent["next_action"] = None
        if agreed:
            self._paid(intent, card)
        else:
            code = "payment_intent_authentication_failure"
            intent["status"], intent["payment_method"] = "requires_payment_method", None
            intent["last_payment_error"] = {"type": "invalid_request_error", "code": code}
        mark = "&" if "?" in back else "?"
        status = "succeeded" if agreed else "failed"
        return f"{back}{mark}payment_intent={intent['id']}&redirect_status={status}"

    def customer(self, form: dict[str, Node]) -> Json:
        """POST /v1/customers."""
        return self._add(stripe_later.new_customer(self.objects, form, new_id("cus")))

    def refund(self, form: dict[str, Node]) -> Json:
        """POST /v1/refunds."""
        return self._add(stripe_later.refund(self.objects, form, new_id("re"), self.part))

    def change(self, intent: Json, act: str, form: dict[str, Node]) -> Json:
        """POST /v1/payment_intents/{id}/{act}."""
        if act == "confirm":
            return self.confirm(intent, form)
        if act == "cancel":
            return stripe_later.cancel(intent)
        return stripe_later.capture(self.objects, intent, form, self.part)

    def _add(self, made: Json) -> Json:
        self.objects[made["id"]] = made
        return made

    def charge(self, form: dict[str, Node]) -> Json:
        """POST /v1/charges."""
        amount, currency = _price(form)
        level = level_at(form, "source") or level_at(form, "card")
        source = text_at(form, "source")
        if level is not None:
            card = read_card(level)
            self._keep("card", card)
        elif source in self._cards:
            card = self._cards[source or ""]
        elif source is not None:
            raise invalid(f"No such token: '{source}'", code="resource_missing", param="source")
        else:
            raise invalid("Must provide source or customer.", code="parameter_missing")
        id = new_id("ch")
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
            "source": shown_legacy_card(card, new_id("card")),
            "status": "succeeded",
        }
        _leak(charge, card, "card")
        self.objects[id] = charge
        return charge

    def _keep(self, prefix: str, card: StripeCard, holder: str | None = None) -> str:
        id = new_id(prefix)
        self._cards[id] = card
        self._records.add_card(
            ReceivedCard(
                "stripe", id, card.number, card.month, card.year, card.cvc, card.name or holder
            )
        )
        return id


def _needs_the_guest() -> StripeError:
    text = "Your card was declined. This transaction requires authentication."
    code = "authentication_required"
    return StripeError(402, "card_error", text, code=code, decline_code=code)


def _price(form: Mapping[str, Node]) -> tuple[int, str]:
    amount, currency = text_at(form, "amount"), text_at(form, "currency")
    if amount is None:
        raise missing("amount")
    if currency is None:
        raise missing("currency")
    if not re.fullmatch(r"[A-Za-z]{3}", currency):
        raise invalid("Invalid currency", param="currency")
    if int(amount) < 1:
        text = "This value must be greater than or equal to 1."
        raise invalid(text, code="parameter_invalid_integer", param="amount")
    if int(amount) < 50:
        text = "Amount must be at least 50 cents"
        raise invalid(text, code="amount_too_small", param="amount")
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


def new_id(prefix: str) -> str:
    """An id of letters only: it must never look like a card number to what stands before us."""
    return f"{prefix}_" + "".join(secrets.choice(string.ascii_letters) for _ in range(24))


def _below(above: str, param: str) -> str:
    first, bracket, rest = param.partition("[")
    return f"{above}[{first}]{bracket}{rest}"
