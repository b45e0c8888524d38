"""What the simulated BookingSync takes at API v3: `{"bookings": [{…}]}`, `{"payments": [{…}]}`.

Written after the reference's tables of parameters. Attributes that no table names are left out, as
Rails leaves them out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway.sandbox.bookingsync_records import (
    BOOKING_WRITABLE,
    PAYMENT_WRITABLE,
    Booking,
    Payment,
    Rental,
)

Json = dict[str, Any]
Errors = dict[str, list[str]]

CURRENCIES: Final = frozenset(
    "AED AUD BRL CAD CHF CZK DKK EUR GBP HUF IDR INR JPY MYR NZD PLN RUB THB UAH USD".split()  # noqa: SIM905  # a table
)
_QUEUED_KINDS: Final = frozenset({"instant-booking", "bookingsync"})  # paid later, by a gateway
KINDS: Final = _QUEUED_KINDS | {
    "cash", "cheque", "credits", "credit-card", "online", "paypal", "travel-cheque", "wiretransfer",
}  # fmt: skip
_LONGEST: Final = {"address1": 100, "address2": 100, "city": 100, "state": 100, "zip": 10}
_BLANK: Final = "can't be blank"
_INVALID: Final = "is invalid"


class ApiRefused(Exception):
    """An error answer of API v3: a status, and what stands in `errors`."""

    def __init__(self, status: int, errors: object) -> None:
        super().__init__(status)
        self.status, self.errors = status, errors


def read_resource(body: Json, kind: str) -> Json:
    """The one resource of a body. Raises ApiRefused."""
    listed = body.get(kind)
    if not (isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], dict)):
        raise ApiRefused(422, {kind: [_INVALID]})
    return listed[0]


def read_booking(form: Json, rental: Rental, id: int, now: datetime) -> Booking:
    """A new booking. Raises ApiRefused."""
    errors: Errors = {}
    start, end = (_time(form, name, errors, required=True) for name in ("start_at", "end_at"))
    expires = _time(form, "tentative_expires_at", errors)
    booked = form.get("booked", False)
    if not isinstance(booked, bool):
        errors["booked"] = [_INVALID]
    currency = form.get("currency", rental.currency)
    if currency not in CURRENCIES:
        errors["currency"] = ["is not included in the list"]
    if start and end and start >= end:
        errors["end_at"] = ["must be after start_at"]
    if errors or start is None or end is None:
        raise ApiRefused(422, errors)
    return Booking(
        id=id,
        rental=rental,
        start_at=start,
        end_at=end,
        currency=currency,
        created_at=now,
        booked=booked,
        tentative_expires_at=expires,
        details=_known(form, BOOKING_WRITABLE),
    )


def read_payment(form: Json, booking: Booking, id: int, now: datetime) -> Payment:
    """A new payment of a booking. Raises ApiRefused."""
    errors = _wrong_price(form, booking) | _wrong_payer(form)
    kind = form.get("kind")
    if kind not in KINDS:
        errors["kind"] = [_BLANK if kind is None else "is not included in the list"]
    paid = _time(form, "paid_at", errors, required=kind in KINDS - _QUEUED_KINDS)
    if errors:
        raise ApiRefused(422, errors)
    if paid is not None:
        booking.booked = True  # "creating a paid payment … ensures that the booking is booked"
    return Payment(
        id=id,
        booking=booking,
        amount_in_cents=form["amount_in_cents"],
        currency=form["currency"],
        kind=str(kind),
        created_at=now,
        paid_at=paid,
        details=_known(form, PAYMENT_WRITABLE),
    )


def _wrong_price(form: Json, booking: Booking) -> Errors:
    errors: Errors = {}
    amount, currency = form.get("amount_in_cents"), form.get("currency")
    if amount is None:
        errors["amount_in_cents"] = [_BLANK]
    elif not isinstance(amount, int) or isinstance(amount, bool) or amount <= 0:
        errors["amount_in_cents"] = ["is not a number"]
    if currency is None:
        errors["currency"] = [_BLANK]
    elif currency not in CURRENCIES:
        errors["currency"] = ["is not included in the list"]
    elif currency != booking.currency:
        errors["currency"] = ["must be the same as booking's currency"]
    return errors


def _wrong_payer(form: Json) -> Errors:
    errors: Errors = {
        name: [f"is too long (maximum is {longest} characters)"]
        for name, longest in _LONGEST.items()
        if len(str(form.get(name) or "")) > longest
    }
    email = form.get("email")
    if email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", str(email)):
        errors["email"] = [_INVALID]
    if form.get("country_code") == "US" and not form.get("state"):
        errors["state"] = [_BLANK]
    return errors


def _time(form: Json, name: str, errors: Errors, *, required: bool = False) -> datetime | None:
    """An ISO 8601 time, or a date; notes in `errors` what is wrong with it."""
    text = form.get(name)
    if text is None:
        if required:
            errors[name] = [_BLANK]
        return None
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        errors[name] = [_INVALID]
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _known(form: Mapping[str, Any], names: tuple[str, ...]) -> Json:
    return {name: form[name] for name in names if name in form}
