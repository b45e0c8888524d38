"""What the simulated Rapid keeps: bookings, the verification of their cards, the payment_change link.

1. A booking's card is verified by a pre-authorisation, later than the booking.
2. It fails: the booking gets a link, alive 24 h with check-in more than 48 h away, 12 h within them;
   a stay of ten nights or more that was booked within 48 h of check-in: 2 h from the booking.
3. A card that is sent to the link is verified again (from 1); the link is used up.
4. No card for 24 h: the supplier may cancel. While a card is verified, and before, it may not.

Check-in is counted from the start of its day, UTC. A virtual card is never recaptured.
"""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal

from gateway.sandbox.rapid_errors import Json, invalid_input, link_invalid, not_found
from gateway.sandbox.rapid_settings import RapidSettings, stamped
from gateway.sandbox.records import ReceivedCard, Records

LONG_STAY: Final = 10  # nights
NEAR: Final = timedelta(hours=48)
SUPPLIER_WAITS: Final = timedelta(hours=24)
_RECAPTURED: Final = ("customer_card", "corporate_card")
_TOKEN_BYTES: Final = 375  # five hundred signs, as the published link has


@dataclass(frozen=True, slots=True)
class Stay:
    """What a booking link is for."""

    property_id: str
    checkin: date
    checkout: date

    @property
    def nights(self) -> int:
        """At least one."""
        return (self.checkout - self.checkin).days


@dataclass(frozen=True, slots=True)
class Link:
    """A token, and until when it is good."""

    token: str = field(repr=False)
    until: datetime


@dataclass(slots=True)
class Itinerary:
    """One booking. `card` is what is being verified, or was."""

    id: str
    stay: Stay
    booked_at: datetime
    form: Json = field(repr=False)
    card: Json = field(repr=False)
    token: str = field(repr=False)  # of the retrieve link
    card_state: Literal["verifying", "good", "failed"] = "verifying"
    failed_at: datetime | None = None
    link: Link | None = None
    canceled: bool = False
    changes: set[str] = field(default_factory=set)

    @property
    def reference(self) -> str:
        """The affiliate reference id, or nothing."""
        return str(self.form.get("affiliate_reference_id", ""))


class Itineraries:
    """All bookings, by id."""

    def __init__(
        self, records: Records, settings: RapidSettings, now: Callable[[], datetime]
    ) -> None:
        self._records, self._settings, self._now = records, settings, now
        self._stays: dict[str, Stay] = {}
        self._known: dict[str, Itinerary] = {}

    # --- booking ----------------------------------------------------------------------------------

    def book_link(self, stay: Stay) -> str:
        """What a price check answers: where to book `stay`."""
        token = _token()
        self._stays[token] = stay
        return f"/v3/itineraries?token={token}"

    def check_book_link(self, token: str) -> Stay:
        """The stay that a booking link is for. Raises RapidError 400."""
        stay = self._stays.get(token)
        if stay is None:
            raise link_invalid()
        return stay

    def create(self, stay: Stay, form: Json) -> Itinerary:
        """POST /v3/itineraries. Raises RapidError 400 for a reference that was there before."""
        reference = form.get("affiliate_reference_id")
        if reference and any(each.reference == reference for each in self._known.values()):
            field = {"name": "affiliate_reference_id", "type": "body", "value": reference}
            text = "An itinerary already exists with this affiliate reference id."
            raise invalid_input(
                [{"type": "duplicate_itinerary", "message": text, "fields": [field]}]
            )
        # Its first digit is 7: no scheme issues such a number, so it is never taken for a card.
        id = "7" + "".join(secrets.choice(string.digits) for _ in range(12))
        card = form["payments"][0]
        made = Itinerary(id, stay, self._now(), form, card, _token())
        self._known[id] = made
        for payment in form["payments"]:
            self._receive(id, payment)
        if card["type"] not in _RECAPTURED:
            made.card_state = "good"
        return made

    # --- finding ----------------------------------------------------------------------------------

    def known(self, id: str) -> Itinerary:
        """Raises RapidError 404."""
        found = self._known.get(id)
        if found is None:
            raise not_found()
        return found

    def retrieve(self, id: str, token: str | None, email: str | None) -> Itinerary:
        """By the retrieve link's token, or by the guest's address. Raises RapidError."""
        found = self.known(id)
        if token is not None:
            if not secrets.compare_digest(token.encode(), found.token.encode()):
                raise link_invalid()
        elif email != found.form["email"]:
            raise not_found()
        return found

    def search(self, reference: str, email: str) -> list[Itinerary]:
        """Every booking with that reference and address."""
        return [
            each
            for each in self._known.values()
            if (each.reference, each.form["email"]) == (reference, email)
        ]

    # --- verifying and changing -------------------------------------------------------------------

    def verify(self, itinerary: Itinerary, *, good: bool | None = None) -> bool:
        """Ends a pre-authorisation, as its number says or as told; answers whether it failed."""
        if itinerary.canceled or itinerary.card["type"] not in _RECAPTURED:
            return False
        if good is None:
            good = itinerary.card["number"] not in self._settings.failing
        if good:
            itinerary.card_state, itinerary.link, itinerary.failed_at = "good", None, None
            return False
        now = self._now()
        itinerary.card_state, itinerary.failed_at = "failed", now
        itinerary.link = Link(_token(), self._link_end(itinerary, now))
        return True

    def _link_end(self, itinerary: Itinerary, now: datetime) -> datetime:
        checkin = datetime.combine(itinerary.stay.checkin, time(), UTC)
        if itinerary.stay.nights >= LONG_STAY and checkin - itinerary.booked_at <= NEAR:
            return itinerary.booked_at + timedelta(hours=2)
        return now + timedelta(hours=24 if checkin - now > NEAR else 12)

    def open_link(self, itinerary: Itinerary) -> Link | None:
        """The payment_change link, while it is good."""
        link = itinerary.link
        open = link is not None and self._now() < link.until and not itinerary.canceled
        return link if open else None

    def check_change_link(self, id: str, token: str) -> Itinerary:
        """The booking whose card a link changes. Raises RapidError."""
        itinerary = self.known(id)
        link = self.open_link(itinerary)
        if link is None or not secrets.compare_digest(token.encode(), link.token.encode()):
            raise link_invalid()
        return itinerary

    def change_payment(self, itinerary: Itinerary, form: Json) -> None:
        """PUT …/payment: the new card is verified from here on. Raises RapidError 400."""
        reference = form["change_reference_id"]
        if reference in itinerary.changes:
            field = {"name": "change_reference_id", "type": "body", "value": reference}
            text = "A change already exists with this change reference id."
            raise invalid_input(
                [{"type": "change_reference_id.invalid", "message": text, "fields": [field]}]
            )
        itinerary.changes.add(reference)
        itinerary.card = form["payments"][0]
        itinerary.card_state, itinerary.link, itinerary.failed_at = "verifying", None, None
        self._receive(reference, itinerary.card)

    def supplier_cancel(self, itinerary: Itinerary) -> bool:
        """The supplier cancels, if it may; answers whether it did."""
        waited = itinerary.failed_at and self._now() - itinerary.failed_at >= SUPPLIER_WAITS
        if itinerary.card_state != "failed" or not waited or itinerary.canceled:
            return False
        itinerary.canceled = True
        return True

    def _receive(self, reference: str, card: Json) -> None:
        if card["type"] == "affiliate_collect":
            return
        contact = card["billing_contact"]
        self._records.add_card(
            ReceivedCard(
                "rapid", reference, card["number"], card["expiration_month"],
                card["expiration_year"], card["security_code"],
                f"{contact['given_name']} {contact['family_name']}",
            )
        )  # fmt: skip

    # --- showing ----------------------------------------------------------------------------------

    def shown(self, itinerary: Itinerary) -> Json:
        """As Retrieve answers: never the card."""
        form, stay, link = itinerary.form, itinerary.stay, self.open_link(itinerary)
        href = f"/v3/itineraries/{itinerary.id}/payment?token="
        optional = ("affiliate_reference_id", "affiliate_metadata")
        return {
            "itinerary_id": itinerary.id,
            "property_id": stay.property_id,
            "links": {"payment_change": {"method": "PUT", "href": href + link.token}}
            if link
            else {},
            "email": form["email"],
            "phone": form["phone"],
            "rooms": [
                {
                    "id": str(place),
                    "confirmation_id": {"expedia": itinerary.id[-10:]},
                    "checkin": stay.checkin.isoformat(),
                    "checkout": stay.checkout.isoformat(),
                    "number_of_adults": 2,
                    "given_name": room["given_name"],
                    "family_name": room["family_name"],
                    "status": "canceled" if itinerary.canceled else "booked",
                    "smoking": room.get("smoking", False),
                    **{name: room[name] for name in ("special_request",) if name in room},
                }
                for place, room in enumerate(form["rooms"], 926784314)
            ],
            "billing_contact": itinerary.card["billing_contact"],
            "creation_date_time": stamped(itinerary.booked_at),
            **{name: form[name] for name in optional if name in form},
        }


def _token() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode()
