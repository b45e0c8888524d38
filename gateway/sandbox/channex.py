r"""A JSON channel manager in the manner of Channex: a feed of booking revisions, acknowledged one by one.

GET /api/v1/booking_revisions/feed, /api/v1/booking_revisions/{id}, /api/v1/bookings; POST
/api/v1/booking_revisions/{id}/ack. `user-api-key` is asked for; any key but `wrong` is taken. A
revision comes again until it is acknowledged. As in real answers, a list's `meta` stands twice at
the root, before and after `data`. `filter[property_id]` chooses one property:

    CARD        a clear card with its cvv            MASKED      411111******1111, ***
    VIRTUAL     is_virtual and meta.virtual_card_*   NOGUARANTEE no guarantee at all
    NOTES       a card typed into the notes          NULL        guarantee: null
    NUMBERS     the card as JSON numbers             BADEXPIRY   13/2030
    UNICODE     the number's digits as \u escapes     ONEMETA     a card; meta stands once
    BULK-n      n revisions, n distinct cards

Without a filter the feed gives the ordinary ones: CARD, VIRTUAL, MASKED, NOGUARANTEE, NOTES.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sandbox.cards import MASTERCARD, VISA, VISA_TWO, generated

Json = dict[str, Any]

PROPERTIES: Final = (
    "CARD", "VIRTUAL", "MASKED", "NOGUARANTEE", "NOTES", "NULL", "NUMBERS", "BADEXPIRY", "UNICODE",
    "ONEMETA",
)  # fmt: skip
ORDINARY: Final = PROPERTIES[:5]
_SPACE: Final = uuid.UUID("6f7d0c1e-8d3b-4f0e-9a51-3b1c5f2a7e10")
_BULK: Final = re.compile(r"BULK-([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Revision:
    """One booking message. `number` tells those of a property apart."""

    hotel: str
    number: int = 1
    card: Json | None = field(default=None, repr=False)
    notes: str | None = field(default="A quiet room, please.", repr=False)

    @property
    def id(self) -> str:
        """The revision's id, the same every time."""
        return _lettered(uuid.uuid5(_SPACE, f"{self.hotel}/{self.number}"))

    def attributes(self) -> Json:
        """The booking as the feed gives it."""
        reference = f"{self.hotel}{self.number:04d}"
        listed: Json = {
            "id": self.id,
            "booking_id": _lettered(uuid.uuid5(_SPACE, reference)),
            "property_id": self.hotel,
            "unique_id": f"BDC-{reference}",
            "ota_reservation_code": reference,
            "ota_name": "BookingCom",
            "status": "new",
            "amount": "153.00",
            "currency": "GBP",
            "arrival_date": "2027-11-13",
            "departure_date": "2027-11-15",
            "arrival_hour": None,
            "payment_collect": "property",
            "payment_type": "credit_card" if self.card else None,
            "customer": {
                "name": "Ana María",
                "surname": "Núñez",
                "mail": "guest@example.com",
                "phone": "+34 600 000 000",
                "country": "ES",
                "meta": {"is_genius": False},
            },
            "rooms": [
                {
                    "amount": "153.00",
                    "checkin_date": "2027-11-13",
                    "checkout_date": "2027-11-15",
                    "days": {"2027-11-13": "76.50", "2027-11-14": "76.50"},
                    "occupancy": {"adults": 2, "children": 0, "infants": 0},
                    "services": [],
                    "taxes": [],
                }
            ],
            "services": [],
            "notes": self.notes,
            "inserted_at": "2026-11-12T11:39:50.111087",
        }
        if self.card is not None or self.hotel == "NULL":
            listed["guarantee"] = self.card
        return listed

    def resource(self) -> Json:
        """The booking with type and id around it."""
        return {"type": "booking_revision", "id": self.id, "attributes": self.attributes()}


def guarantee(number: str = VISA, holder: str = "Ana María Núñez", **members: Any) -> Json:
    """A guarantee with a card; `members` replace or add."""
    return {
        "card_number": number,
        "card_type": "VI",
        "cardholder_name": holder,
        "cvv": "123",
        "expiration_date": "12/2030",
        "is_virtual": False,
        "token": None,
    } | members


_VIRTUAL: Final = guarantee(
    MASTERCARD,
    "Bookingcom Agent",
    card_type="MC",
    is_virtual=True,
    meta={
        "virtual_card_currency_code": "EUR",
        "virtual_card_current_balance": "6755",
        "virtual_card_decimal_places": "2",
        "virtual_card_effective_date": "2027-11-14",
        "virtual_card_expiration_date": "2028-11-14",
    },
)
_CARDS: Final[dict[str, Json | None]] = {
    "CARD": guarantee(),
    "ONEMETA": guarantee(),
    "UNICODE": guarantee(),
    "VIRTUAL": _VIRTUAL,
    "MASKED": guarantee("411111******1111", cvv="***", token="CARD_TOKEN"),
    "NUMBERS": guarantee(card_number=int(VISA), cvv=123),
    "BADEXPIRY": guarantee(expiration_date="13/2030"),
}


def revisions(hotel: str) -> list[Revision] | None:
    """What a property has in store, or None: no such property."""
    bulk = _BULK.fullmatch(hotel)
    if bulk:
        return [
            Revision(hotel, number + 1, guarantee(generated(number)))
            for number in range(int(bulk[1]))
        ]
    if hotel not in PROPERTIES:
        return None
    notes = f"Please charge {VISA_TWO} for the minibar." if hotel == "NOTES" else None
    return [Revision(hotel, card=_CARDS.get(hotel), notes=notes or "A quiet room, please.")]


def open_channel_booking(hotel: str, reservation: str, card: Json | None) -> Json:
    """A booking as the Open Channel API pushes it."""
    booking: Json = {
        "status": "new",
        "provider_code": "SANDBOX",
        "hotel_code": hotel,
        "ota_name": "Sandbox",
        "reservation_id": reservation,
        "arrival_date": "2027-05-09",
        "departure_date": "2027-05-10",
        "arrival_hour": "10:00",
        "currency": "GBP",
        "payment_collect": "property",
        "payment_type": "credit_card",
        "customer": {
            "name": "Ana María",
            "surname": "Núñez",
            "country": "ES",
            "mail": "guest@example.com",
            "meta": {},
        },
        "rooms": [
            {
                "index": 0,
                "room_type_code": "DR",
                "occupancy": {"adults": 1, "children": 0, "infants": 0},
                "days": [{"date": "2027-05-09", "price": "100.00", "rate_plan_code": "RAC"}],
            }
        ],
        "services": [],
    }
    if card is not None:
        booking["guarantee"] = card
    return {"booking": booking}


class Channex:
    """The simulator: which revisions were acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        base = "/api/v1/booking_revisions"
        self.app = Starlette(
            routes=[
                Route(f"{base}/feed", self._feed, methods=["GET"]),
                Route(f"{base}/{{id}}", self._one, methods=["GET"]),
                Route(f"{base}/{{id}}/ack", self._acknowledge, methods=["POST"]),
                Route("/api/v1/bookings", self._bookings, methods=["GET"]),
                Route("/{path:path}", _not_found),
            ]
        )

    def reset(self) -> None:
        """Nothing is acknowledged."""
        self.acknowledged.clear()

    async def _feed(self, request: Request) -> Response:
        return self._list(request, skip=self.acknowledged)

    async def _bookings(self, request: Request) -> Response:
        return self._list(request, skip=set())

    def _list(self, request: Request, skip: set[str]) -> Response:
        if not _let_in(request):
            return _unauthorized()
        asked = request.query_params.get("filter[property_id]")
        found: list[Revision] = []
        for hotel in [asked] if asked else ORDINARY:
            stored = revisions(hotel)
            if stored is None:
                return _error(404, "resource_not_found", "Resource Not Found")
            found += stored
        left = [each.resource() for each in found if each.id not in skip]
        return _json(_list_text(left, asked))

    async def _one(self, request: Request) -> Response:
        if not _let_in(request):
            return _unauthorized()
        found = _find(request.path_params["id"])
        if found is None:
            return _error(404, "resource_not_found", "Resource Not Found")
        return _json(_text({"data": found.resource()}))

    async def _acknowledge(self, request: Request) -> Response:
        if not _let_in(request):
            return _unauthorized()
        id = request.path_params["id"]
        if _find(id) is None and id not in self.acknowledged:
            return _error(404, "resource_not_found", "Resource Not Found")
        self.acknowledged.add(id)
        return _json(_text({"meta": {"message": "Success"}}))


def _find(id: str) -> Revision | None:
    stored = [each for name in PROPERTIES for each in revisions(name) or []]
    return next((each for each in stored if each.id == id), None)


def _list_text(resources: list[Json], asked: str | None) -> str:
    meta = _text({"total": len(resources), "page": 1, "limit": 10})
    again = "" if asked == "ONEMETA" else f',"meta":{meta}'
    text = f'{{"meta":{meta},"data":{_text(resources)}{again}}}'
    if asked == "UNICODE":
        escaped = "".join(f"\\u{ord(sign):04x}" for sign in VISA)
        return text.replace(VISA, escaped)
    return text


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json(text: str) -> Response:
    return Response(text.encode(), headers={"content-type": "application/json; charset=utf-8"})


def _let_in(request: Request) -> bool:
    return request.headers.get("user-api-key", "wrong") not in ("", "wrong")


def _unauthorized() -> Response:
    return _error(401, "unauthorized", "Unauthorized")


def _error(status: int, code: str, title: str) -> Response:
    return JSONResponse({"errors": {"code": code, "title": title}}, status)


async def _not_found(request: Request) -> Response:
    del request
    return _error(404, "resource_not_found", "Resource Not Found")


def _lettered(id: uuid.UUID) -> str:
    """The UUID with its digits 4 to 7 as hex letters: no run of digits can look like a card."""
    return str(id).translate(str.maketrans("4567", "abcd"))
