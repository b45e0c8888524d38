"""The reservations that the simulated Octorate has, and the cards that were added to them.

Property 10107:

    900101 TOKEN     a token of Octorate's own          900105 PLAIN    a clear card beside the token
    900102 VIRTUAL   the same, of a virtual card        900106 MISPLACED a card where the token stands
    900103 NOCARD    no card                            900107 REMARK   a card in the guest's remark
    900104 DIGITS    a token that is all digits         900108 ECHO     Add Card answers with the number

Property 20207 has 900201, with a token. A list without `ids[]` gives 900101 to 900104.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.sandbox.cards import MASTERCARD, VISA, VISA_TWO

Json = dict[str, Any]

ECHO: Final = 900108
ORDINARY: Final = (900101, 900102, 900103, 900104, 900201)
_PROPERTIES: Final = {10107: range(900101, 900109), 20207: range(900201, 900202)}
_SPACE: Final = uuid.UUID("0b8f4f5e-36a5-4f0e-8a52-7d0f3c1b9e42")


@dataclass(slots=True)
class Reservation:
    """One reservation; `numbers` are the cards that were added to it."""

    id: int
    property: int
    card: Json | None = field(default=None, repr=False)
    remark: str = field(default="A quiet room, please.", repr=False)
    numbers: set[str] = field(default_factory=set, repr=False)

    def shown(self) -> Json:
        """As it is told."""
        return {
            "id": self.id,
            "refer": f"OCT{self.id}",
            "status": "CONFIRMED",
            "accommodation": {"id": self.property},
            "channelId": 1,
            "firstName": "Ana María",
            "lastName": "Núñez",
            "checkin": "2030-05-01T14:00:00Z",
            "checkout": "2030-05-03T10:00:00Z",
            "createTime": "2030-01-12T11:39:50Z",
            "updateTime": "2030-01-12T11:39:50Z",
            "roomGross": 153.5,
            "totalGuest": 2,
            "totalChildren": 0,
            "totalInfants": 0,
            "channelNotes": self.remark,
            "guests": [{"givenName": "Ana María", "familyName": "Núñez", "type": "ADULT"}],
            "card": self.card,
        }


class Reservations:
    """All of them."""

    def __init__(self) -> None:
        self._all = {
            id: Reservation(id, property, _card(id))
            for property, ids in _PROPERTIES.items()
            for id in ids
        }
        self._all[900107].remark = f"Please charge {VISA_TWO} for the minibar."

    def has(self, property: int) -> bool:
        """Whether the caller has such a property."""
        return property in _PROPERTIES

    def of(self, property: int, id: int) -> Reservation | None:
        """One of a property, or None."""
        found = self._all.get(id)
        return found if found is not None and found.property == property else None

    def one(self, id: int) -> Reservation | None:
        """One of any property, or None."""
        return self._all.get(id)

    def listed(self, property: int, ids: list[int] | None) -> list[Reservation]:
        """The ones of a property among `ids`; without `ids` the ordinary ones."""
        wanted = ORDINARY if ids is None else ids
        return [
            each for each in self._all.values() if each.property == property and each.id in wanted
        ]


def new_token(seed: str) -> str:
    """A token as the simulator makes them: a UUID in which no number looks like a card."""
    return str(uuid.uuid5(_SPACE, seed)).translate(str.maketrans("4567", "abcd"))


def _card(id: int) -> Json | None:
    token = new_token(str(id))
    cards: dict[int, Json | None] = {
        900102: {"token": token, "cardVirtual": True},
        900103: None,
        900104: {"token": "900104900104900104", "cardVirtual": False},
        900105: {
            "token": token,
            "cardVirtual": False,
            "number": VISA,
            "expiryMonth": "12",
            "expiryYear": "2030",
            "cvv": "123",
            "holder": "Ana María Núñez",
        },
        900106: {"token": MASTERCARD, "cardVirtual": True},
        ECHO: None,
    }
    return cards.get(id, {"token": token, "cardVirtual": False})
