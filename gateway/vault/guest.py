"""A guest whose data are to go, and by what they are recognised."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from gateway.cards.card import Booking
from gateway.cards.token import Token


@dataclass(frozen=True, slots=True)
class Guest:
    """Whose data: those of a booking, or of a card."""

    booking: Booking | None = None
    token: Token | None = field(default=None, repr=False)


class Names:
    """By what a guest's data are recognised in texts."""

    def __init__(self, guest: Guest) -> None:
        self._booking: dict[str, str | None] | None = None
        text = ""
        if guest.booking is not None:
            one = guest.booking
            self._booking = {"system": one.system, "hotel": one.hotel, "id": one.booking_id}
            text = one.booking_id or ""
        self._alias = None if guest.token is None else guest.token.alias
        if guest.token is not None:
            text = guest.token.tokenuser
        # Not `7` in `1970`: a whole word.
        self._word = re.compile(
            rb"(?<![0-9A-Za-z])" + re.escape(text.encode()) + rb"(?![0-9A-Za-z])"
        )

    def stand_in(self, held: bytes) -> bool:
        """Whether the booking, or the token, is a value in this JSON."""
        return self._is_in(json.loads(held))

    def occur_in(self, body: bytes) -> bool:
        """Whether the booking's number, or the token's half that nobody guesses, is a word in it."""
        return self._word.search(body) is not None

    def _is_in(self, value: object) -> bool:
        if isinstance(value, str):
            return self._alias is not None and value == self._alias
        if isinstance(value, list):
            return any(self._is_in(one) for one in value)
        if not isinstance(value, dict):
            return False
        if self._booking is not None and self._booking.items() <= value.items():
            return True
        return any(self._is_in(one) for one in value.values())
