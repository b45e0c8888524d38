"""The cards that the simulated PAYCOMET keeps: what it takes, the pair that it gives, what it shows.

Fields and answers: the OpenAPI description of rest.paycomet.com (`addUser`, `infoUser`,
`removeUser`). Two digits for month and year, as in its examples. That a number must fit Luhn, and
that one card sent twice gets two pairs, is assumed.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from gateway.sandbox.cards import brand, is_past, luhn_fits
from gateway.sandbox.paycomet_body import Json
from gateway.sandbox.paycomet_codes import Code, PaycometError
from gateway.sandbox.records import ReceivedCard, Records

# The numbers of PAYCOMET's test environment (month 05, next year, cvc 123), as public clients quote
# them. It refuses others with 102; here every number is taken, as in production.
TEST_NUMBERS: Final = ("4539232076648253", "5445288852200883", "6011454638812167",
                       "377960095195350")  # fmt: skip
# PAYCOMET publishes no number that is declined: these are Stripe's, the codes are PAYCOMET's.
DECLINES: Final = {
    "4000000000000002": Code.NOT_ALLOWED_FOR_CARD,
    "4000000000009995": Code.INSUFFICIENT_FUNDS,
    "4000000000000127": Code.WRONG_CVC,
    "4000000000009987": Code.CARD_LOST,
}
NEEDS_CHALLENGE: Final = "4000002500003155"

TOKEN_LENGTH: Final = 13  # the example in PAYCOMET's SiteMinder document; REST examples show 15
_FIRST_ID: Final = 40_000_001
_BRANDS: Final = {"visa": "VISA", "mastercard": "MASTERCARD", "amex": "AMEX", "discover": "DISCOVER",
                  "jcb": "JCB", "diners": "DINERS"}  # fmt: skip
_AS_LETTERS: Final = str.maketrans(string.digits, "ghijklmnop")


@dataclass(frozen=True, slots=True)
class StoredCard:
    """A card and its pair. `month` and `year` have two digits, as they were sent."""

    id_user: int
    token_user: str = field(repr=False)
    number: str = field(repr=False)
    month: str
    year: str
    cvc: str | None = field(repr=False)
    holder: str | None = field(repr=False)

    @property
    def pair(self) -> Json:
        """`idUser` and `tokenUser`."""
        return {"idUser": self.id_user, "tokenUser": self.token_user}

    @property
    def masked(self) -> str:
        """Only the last four digits, X for the others (OpenAPI, `infoUser`)."""
        return "X" * (len(self.number) - 4) + self.number[-4:]

    @property
    def brand(self) -> str:
        """`VISA`; blank where it is not known (OpenAPI)."""
        return _BRANDS.get(brand(self.number), "")

    def has_expired(self) -> bool:
        """Whether its month is over."""
        return is_past(int(self.month), 2000 + int(self.year), datetime.now(UTC).date())


class PaycometCards:
    """The cards by `idUser`. `records` gets every card that was taken."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._cards: dict[int, StoredCard] = {}
        self._ids = itertools.count(_FIRST_ID)

    def reset(self) -> None:
        """Forgets every card. Ids go on, so that an old pair never names a new card."""
        self._cards.clear()

    def add(self, sent: Json, *, cvc_required: bool) -> StoredCard:
        """POST /v1/cards, and a payment with a card in it. Raises PaycometError."""
        if "jetToken" in sent:
            raise PaycometError(Code.WRONG_JET_TOKEN)  # no page here gives one
        number, month, year, cvc = _checked(sent, cvc_required=cvc_required)
        token = secrets.choice(string.ascii_letters) + "".join(
            secrets.choice(string.ascii_letters + string.digits) for _ in range(TOKEN_LENGTH - 1)
        )
        card = StoredCard(
            next(self._ids), token, number, month, year, cvc, sent.get("cardHolderName")
        )
        self._cards[card.id_user] = card
        self._records.add_card(
            ReceivedCard("paycomet", str(card.id_user), number, month, year, cvc, card.holder)
        )
        return card

    def of(self, level: Json) -> StoredCard:
        """The card of a pair. Raises PaycometError: both halves must be of the same card."""
        card = self._cards.get(level["idUser"])
        if card is None or card.token_user != level["tokenUser"]:
            raise PaycometError(Code.CARD_NOT_FOUND)
        return card

    def remove(self, card: StoredCard) -> None:
        """POST /v1/cards/delete."""
        del self._cards[card.id_user]


def shown(card: StoredCard) -> Json:
    """The answer to POST /v1/cards/info. Country and kind of card are always the same ones."""
    return {
        "errorCode": 0,
        "pan": card.masked,
        "cardBrand": card.brand,
        "cardType": "CREDIT",
        "cardICountryISO3": "ESP",
        "expiryDate": f"20{card.year}/{card.month}",
        # Letters only: it must never look like a card number.
        "cardHash": hashlib.sha256(card.number.encode()).hexdigest().translate(_AS_LETTERS),
        "cardCategory": "CONSUMER",
        "sepaCard": 1,
        "psd2Card": "Y",
        "tokenCOF": 0,
        "eeaCard": "Y",
    }


def _checked(sent: Json, *, cvc_required: bool) -> tuple[str, str, str, str | None]:
    """Number, month, year and cvc. Raises PaycometError with the code of the first that is wrong."""
    number = sent.get("pan", "")
    if not re.fullmatch(r"[0-9]{12,19}", number) or not luhn_fits(number):
        raise PaycometError(Code.BAD_PAN)
    month, year = sent.get("expiryMonth", ""), sent.get("expiryYear", "")
    if not month and not year:
        raise PaycometError(Code.BAD_EXPIRY)
    if not re.fullmatch(r"0[1-9]|1[0-2]", month):
        raise PaycometError(Code.BAD_MONTH)
    if not re.fullmatch(r"[0-9]{2}", year):
        raise PaycometError(Code.BAD_YEAR)
    if is_past(int(month), 2000 + int(year), datetime.now(UTC).date()):
        raise PaycometError(Code.BAD_EXPIRY)
    cvc = sent.get("cvc2") or None
    if cvc is None and cvc_required:
        raise PaycometError(Code.BAD_CVC)
    if cvc is not None and not re.fullmatch(r"[0-9]{3,4}", cvc):
        raise PaycometError(Code.BAD_CVC_FORMAT)
    return number, month, year, cvc
