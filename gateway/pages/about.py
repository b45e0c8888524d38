"""What a page is for, as its visitor reads it: a text, an amount, a booking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.cards.card import Booking
from gateway.pages.locales import Texts
from gateway.processors.currency import EXPONENTS

Json = Any  # what JSON may be


@dataclass(frozen=True, slots=True)
class Amount:
    """In minor units."""

    value: int
    currency: str

    def written(self, texts: Texts) -> str:
        """`1.234,50 EUR`, as the language has it."""
        digits = EXPONENTS[self.currency]
        whole, rest = divmod(self.value, 10**digits)
        text = f"{whole:,}".replace(",", texts("number.thousands"))
        if digits:
            text += texts("number.decimal") + f"{rest:0{digits}d}"
        return f"{text}\N{NO-BREAK SPACE}{self.currency}"


@dataclass(frozen=True, slots=True)
class About:
    """Any of it may be absent."""

    purpose: str | None = None
    amount: Amount | None = None
    booking: Booking | None = None

    def json(self) -> dict[str, Json]:
        """As it is sealed, and as the API shows it."""
        booking, amount = self.booking, self.amount
        return {
            "purpose": self.purpose,
            "amount": None
            if amount is None
            else {"value": amount.value, "currency": amount.currency},
            "booking": None
            if booking is None
            else {"system": booking.system, "hotel": booking.hotel, "id": booking.booking_id},
        }

    @classmethod
    def of(cls, said: Mapping[str, Json]) -> About:
        """Reads back what `json` wrote."""
        amount, booking = said["amount"], said["booking"]
        return cls(
            said["purpose"],
            None if amount is None else Amount(amount["value"], amount["currency"]),
            None
            if booking is None
            else Booking(booking["system"], booking["hotel"], booking["id"]),
        )
