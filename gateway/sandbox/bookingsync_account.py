"""What the simulated BookingSync does: bookings and payments through their lives, and the clock.

A payment that was authorised is captured once `capture_seconds` passed, unless its tentative booking
expired before: then the booking is canceled, and the payment is never captured. What is due happens
whenever somebody looks.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from gateway.sandbox.bookingsync_card import (
    DECLINED,
    GATEWAY_FAILURE,
    BookingRefused,
    check_present,
    read_card,
    text_of,
)
from gateway.sandbox.bookingsync_challenge import CHALLENGES, new_uuid
from gateway.sandbox.bookingsync_forms import ApiRefused, read_booking, read_payment
from gateway.sandbox.bookingsync_records import RENTALS, Booking, Payment
from gateway.sandbox.records import ReceivedCard, Records

Json = dict[str, Any]
Failing = Literal["api", "server"]
FAILURES: Final = {
    "api": "could not connect to BookingSync API",
    "server": "something went wrong",
}


@dataclass(frozen=True, slots=True)
class BookingSyncSettings:
    """How long a capture takes, whether gateways with a challenge ask for it, what is broken."""

    capture_seconds: float = 2.0
    challenges: bool = True
    fails_with: Failing | None = None


class BookingSyncAccount:
    """Everything by id. `now` is the clock; a test may replace it."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.base = ""  # where browsers reach it
        self.now: Callable[[], datetime] = _utc_now
        self.reset()

    def reset(self) -> None:
        """Forgets every booking and payment, and every changed setting."""
        self.settings = BookingSyncSettings()
        self.now = _utc_now
        self._bookings: dict[int, Booking] = {}
        self._payments: dict[int, Payment] = {}

    # --- API v3 ---------------------------------------------------------------------------------

    def create_booking(self, rental_id: int, form: Json) -> Booking:
        """POST /rentals/{id}/bookings. Raises ApiRefused."""
        rental = RENTALS.get(rental_id)
        if rental is None:
            raise _not_found()
        booking = read_booking(form, rental, len(self._bookings) + 1, self.now())
        self._bookings[booking.id] = booking
        return self.booking(booking.id)

    def create_payment(self, booking_id: int, form: Json) -> Payment:
        """POST /bookings/{id}/payments. Raises ApiRefused."""
        booking = self.booking(booking_id)
        if booking.canceled_at is not None:
            raise ApiRefused(422, {"booking": ["is canceled"]})
        payment = read_payment(form, booking, len(self._payments) + 101, self.now())
        self._payments[payment.id] = payment
        return payment

    def booking(self, id: int) -> Booking:
        """The booking as it is now. Raises ApiRefused 404."""
        self._settle()
        if id not in self._bookings:
            raise _not_found()
        return self._bookings[id]

    def payment(self, id: int) -> Payment:
        """The payment as it is now. Raises ApiRefused 404."""
        self._settle()
        if id not in self._payments:
            raise _not_found()
        return self._payments[id]

    def payments_of(self, booking: Booking) -> list[int]:
        """The ids of a booking's payments."""
        return [one.id for one in self._payments.values() if one.booking is booking]

    # --- the payment platform -------------------------------------------------------------------

    def execute(self, form: Json) -> Json | None:
        """POST /instant_bookings: None when authorised, else the challenge. Raises BookingRefused.

        1. Every required attribute is there. 2. The card is one. 3. The payment platform reaches
        BookingSync. 4. The payment is a tentative one. 5. The rental has this gateway. 6. It was
        not executed before, and its booking is not lost. 7. The gateway authorises it.
        """
        check_present(form)
        card = read_card(form, self.now().date())
        reference = text_of(form["tentative_payment_id"]).strip()
        self._records.add_card(
            ReceivedCard(
                "bookingsync", reference, card.number, card.month, card.year, card.cvc, card.holder
            )
        )
        if self.settings.fails_with is not None:
            failing = self.settings.fails_with
            raise BookingRefused({failing: [FAILURES[failing]]})
        payment = self._tentative(reference)
        gateway = _check_gateway(payment, form)
        if not payment.chargeable:
            raise BookingRefused({"payment": ["is not chargeable"]})
        if card.number == DECLINED:
            raise BookingRefused({"payment": ["authorization declined"]})
        if card.number == GATEWAY_FAILURE:
            raise BookingRefused({"server": ["payment gateway failure"]})
        payment.details["card"] = f"XXXX-XXXX-XXXX-{card.number[-4:]}"
        if gateway in CHALLENGES and self.settings.challenges:
            payment.challenge = new_uuid()
            stamp = int(self.now().timestamp())
            bank = f"{self.base}/challenge/{payment.challenge}"
            return CHALLENGES[gateway](payment.challenge, payment.order_id, stamp, bank)
        self._authorize(payment)
        return None

    def authenticate(self, uuid: str, *, passed: bool) -> Payment:
        """The traveller ends a challenge. Raises ApiRefused: 404 unknown, 409 booking lost."""
        self._settle()
        for payment in self._payments.values():
            if payment.challenge == uuid:
                break
        else:
            raise _not_found()
        payment.challenge = None
        if not payment.chargeable:
            raise ApiRefused(409, {"payment": ["is not chargeable"]})
        if passed:
            self._authorize(payment)
        else:
            payment.rejected_at = self.now()
        return payment

    def capture(self) -> list[int]:
        """Captures everything that is queued, now; the ids of those payments."""
        queued = [one for one in self._payments.values() if one.capture_at and not one.paid_at]
        for payment in queued:
            payment.capture_at = self.now()
        self._settle()
        return [payment.id for payment in queued if payment.paid_at]

    # --- inside ---------------------------------------------------------------------------------

    def _tentative(self, reference: str) -> Payment:
        self._settle()
        known = re.fullmatch(r"[0-9]{1,18}", reference)
        payment = self._payments.get(int(reference)) if known else None
        if payment is None or payment.kind != "instant-booking":
            raise BookingRefused({"tentative_payment_id": ["is invalid"]})
        return payment

    def _authorize(self, payment: Payment) -> None:
        payment.authorized_at = self.now()
        payment.rejected_at, payment.challenge = None, None
        payment.capture_at = self.now() + timedelta(seconds=self.settings.capture_seconds)

    def _settle(self) -> None:
        """Lets happen what is due: first the captures that come before an expiry, then expiries."""
        now = self.now()
        for payment in self._payments.values():
            due, booking = payment.capture_at, payment.booking
            if due is None or due > now or payment.paid_at or booking.canceled_at:
                continue
            if not booking.booked and _expires_before(booking, due):
                continue
            payment.paid_at, payment.transaction_id = due, _transaction_id()
            booking.booked = True
        for booking in self._bookings.values():
            if not booking.booked and _expires_before(booking, now):
                booking.canceled_at = booking.canceled_at or booking.tentative_expires_at
        for payment in self._payments.values():
            if payment.paid_at is None:
                payment.canceled_at = payment.booking.canceled_at


def _check_gateway(payment: Payment, form: Json) -> str:
    """The name of the rental's gateway, which must be the one named. Raises BookingRefused."""
    gateway = payment.booking.rental.gateway
    named = tuple(text_of(form[f"gateway_{part}"]) for part in ("id", "name", "type"))
    if gateway is None or named != (str(gateway.id), gateway.name, gateway.type):
        raise BookingRefused({"data": ["payment gateway is not set for the rental"]})
    return gateway.name


def _expires_before(booking: Booking, moment: datetime) -> bool:
    expires = booking.tentative_expires_at
    return expires is not None and expires <= moment


def _not_found() -> ApiRefused:
    return ApiRefused(404, [{"code": "not_found"}])


def _transaction_id() -> str:
    # Letters only: it must never look like a card number.
    return "".join(secrets.choice(string.ascii_uppercase) for _ in range(16))


def _utc_now() -> datetime:
    return datetime.now(UTC)
