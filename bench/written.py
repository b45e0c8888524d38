"""Bookings in JSON and forms, for the cost of reading them. All of it invented.

json-N, form-N             N bookings without a card (a form has one booking: N remarks)
jsoncards-N, formcards-N   the same with a card each
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from gateway.sandbox.cards import generated

HOTEL = "BENCH"
KINDS = ("json", "jsoncards", "form", "formcards")


def body(kind: str, count: int) -> bytes:
    """The body of a `kind` with so many bookings. Raises ValueError."""
    match kind:
        case "json" | "jsoncards":
            data = [_booking(number, with_card=kind == "jsoncards") for number in range(count)]
            return json.dumps({"data": data}).encode()
        case "form" | "formcards":
            return _form(count, with_card=kind == "formcards")
    raise ValueError(kind)


def _booking(number: int, *, with_card: bool) -> dict:
    return {
        "type": "booking",
        "id": f"b-{number}",
        "attributes": {
            "unique_id": f"EXP-{HOTEL}-{number}",
            "property_id": HOTEL,
            "status": "new",
            "arrival_date": "2027-03-12",
            "departure_date": "2027-03-15",
            "inserted_at": "2026-03-02T08:51:45.000000",
            "currency": "EUR",
            "amount": "445.50",
            "customer": {
                "name": "Ana",
                "surname": "Ejemplo",
                "mail": "ana@example.com",
                "phone": "+34 600 000 000",
                "address": "Calle Mayor 1",
                "city": "Palma",
                "country": "ES",
                "zip": "07001",
            },
            "rooms": [
                {
                    "room_type_id": "double-sea-view",
                    "rate_plan_id": "half-board",
                    "checkin_date": "2027-03-12",
                    "checkout_date": "2027-03-15",
                    "days": {
                        "2027-03-12": "148.50",
                        "2027-03-13": "148.50",
                        "2027-03-14": "148.50",
                    },
                    "occupancy": {"adults": 2, "children": 0, "infants": 0},
                    "guests": [{"name": "Ana", "surname": "Ejemplo"}],
                }
            ],
            "notes": "Late arrival, around 22:00. A quiet room, please.",
            **({"guarantee": _card(number)} if with_card else {}),
        },
    }


def _card(number: int) -> dict:
    return {
        "card_number": generated(number),
        "expiration_date": "11/2030",
        "cvv": "123",
        "cardholder_name": "Ana Ejemplo",
        "card_type": "visa",
    }


def _form(count: int, *, with_card: bool) -> bytes:
    pairs = [
        ("hotel", HOTEL), ("booking", "EXP-BENCH-1"), ("arrival", "2027-03-12"),
        ("departure", "2027-03-15"), ("guest", "Ana Ejemplo"), ("mail", "ana@example.com"),
        ("phone", "+34 600 000 000"), ("amount", "445.50"), ("currency", "EUR"),
        *((f"remark_{number}", "Late arrival, around 22:00. A quiet room, please.")
          for number in range(count)),
    ]  # fmt: skip
    if with_card:
        pairs += [
            ("card_number", generated(0)), ("expiry", "1130"), ("cvv", "123"),
            ("holder", "Ana Ejemplo"),
        ]  # fmt: skip
    return urlencode(pairs).encode()
