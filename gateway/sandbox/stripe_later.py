"""What the simulated Stripe does after a card was taken: customers, capture, cancel, refund, search.

As stripe-python 16.1 documents the parameters. A payment method that hangs on a customer is charged with
that customer only; `off_session` without an exemption is declined where the guest would be asked;
`expand[]=latest_charge` shows the charge, with the scheme's transaction id. Search is found at once here,
where Stripe says that it may lag.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

from gateway.sandbox.form import Node, level_at, text_at
from gateway.sandbox.stripe_cards import Json, invalid, missing

Objects = dict[str, Json]

_BY_REFERENCE: Final = re.compile(r"metadata\['(\w{1,40})'\]:'([^'\\]{1,200})'")


def new_customer(objects: Objects, form: Mapping[str, Node], id: str) -> Json:
    """POST /v1/customers, with the payment method that is attached to it."""
    method = text_at(form, "payment_method")
    if method is not None:
        attached = objects.get(method)
        if attached is None or attached["object"] != "payment_method":
            text = f"No such PaymentMethod: '{method}'"
            raise invalid(text, code="resource_missing", param="payment_method")
        if attached["customer"] is not None:
            raise invalid(
                "The payment method you provided has already been attached to a customer."
            )
        attached["customer"] = id
    return {
        "id": id,
        "object": "customer",
        "description": text_at(form, "description"),
        "livemode": False,
        "metadata": level_at(form, "metadata") or {},
    }


def check_customer(objects: Objects, method: str, customer: str | None) -> None:
    """Raises StripeError where a payment method is not that customer's."""
    owner = objects[method].get("customer") if method in objects else None
    if customer is not None and customer not in objects:
        text = f"No such customer: '{customer}'"
        raise invalid(text, code="resource_missing", param="customer")
    if owner != customer and owner is not None:
        text = "The provided PaymentMethod is attached to a Customer: include the Customer."
        raise invalid(text, code="payment_method_unexpected_state", param="payment_method")


def new_charge(intent: Json, card: Json, id: str) -> Json:
    """The charge of an intent; the scheme's transaction id is fifteen digits, as real ones are."""
    network = "".join(secrets.choice(string.digits) for _ in range(15))
    return {
        "id": id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_refunded": 0,
        "captured": intent["status"] == "succeeded",
        "currency": intent["currency"],
        "payment_intent": intent["id"],
        "payment_method_details": {
            "card": {**card, "network_transaction_id": network},
            "type": "card",
        },
        "refunded": False,
        "status": "succeeded",
    }


def capture(objects: Objects, intent: Json, form: Mapping[str, Node], part: Fraction) -> Json:
    """POST /v1/payment_intents/{id}/capture; `part` of what was asked for is taken."""
    if intent["status"] != "requires_capture":
        raise _unexpected("captured", intent)
    amount = int(text_at(form, "amount_to_capture") or intent["amount"])
    if not 0 < amount <= intent["amount"]:
        text = "The amount_to_capture must be no more than the amount that was authorized."
        raise invalid(text, code="amount_too_large", param="amount_to_capture")
    intent["status"], intent["amount_received"] = "succeeded", int(amount * part)
    objects[intent["latest_charge"]]["captured"] = True
    return intent


def cancel(intent: Json) -> Json:
    """POST /v1/payment_intents/{id}/cancel."""
    if intent["status"] in {"succeeded", "canceled", "processing"}:
        raise _unexpected("canceled", intent)
    intent["status"], intent["next_action"] = "canceled", None
    return intent


def refund(objects: Objects, form: Mapping[str, Node], id: str, part: Fraction) -> Json:
    """POST /v1/refunds; `part` of what was asked for is given back."""
    named = text_at(form, "payment_intent")
    if named is None:
        raise missing("payment_intent")
    intent = objects.get(named)
    if intent is None or intent["object"] != "payment_intent":
        text = f"No such payment_intent: '{named}'"
        raise invalid(text, code="resource_missing", param="payment_intent", status=404)
    if intent["status"] != "succeeded":
        raise invalid("This PaymentIntent does not have a successful charge to refund.")
    charge = objects[intent["latest_charge"]]
    left = intent["amount_received"] - charge["amount_refunded"]
    amount = int(text_at(form, "amount") or left)
    if not left:
        raise invalid(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if not 0 < amount <= left:
        text = "Refund amount is greater than unrefunded amount on charge"
        raise invalid(text, param="amount")
    amount = int(amount * part)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == intent["amount_received"]
    return {
        "id": id,
        "object": "refund",
        "amount": amount,
        "charge": charge["id"],
        "currency": intent["currency"],
        "payment_intent": intent["id"],
        "reason": None,
        "status": "succeeded",
    }


def search(objects: Objects, query: str) -> Json:
    """GET /v1/payment_intents/search, by one field of the metadata."""
    match = _BY_REFERENCE.fullmatch(query)
    if match is None:
        raise invalid("The query is not one that this sandbox knows.", param="query")
    found = [
        one
        for one in objects.values()
        if one["object"] == "payment_intent" and one["metadata"].get(match[1]) == match[2]
    ]
    return {
        "object": "search_result",
        "data": found,
        "has_more": False,
        "url": "/v1/payment_intents/search",
    }


def expanded(objects: Objects, answer: Json, names: Iterable[Any]) -> Json:
    """The answer with the charge in the place of its id, where that is asked for."""
    wanted = set(names)
    if answer.get("object") == "search_result" and "data.latest_charge" in wanted:
        return {
            **answer,
            "data": [expanded(objects, one, ["latest_charge"]) for one in answer["data"]],
        }
    charge = objects.get(answer.get("latest_charge") or "")
    if "latest_charge" not in wanted or charge is None:
        return answer
    return {**answer, "latest_charge": charge}


def _unexpected(what: str, intent: Json) -> Exception:
    text = f"This PaymentIntent could not be {what} because it has a status of {intent['status']}."
    return invalid(text, code="payment_intent_unexpected_state")
