"""What is stored: rows as their tables have them, and the changes that one message makes of them.

Sealed fields and hashes are opaque bytes here. What is asked for and answered in clear is in `model.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from gateway.audit import Entry
from gateway.heap import discard

# Card and link rows are NamedTuples: ten thousand of them go straight into one statement, and a
# frozen dataclass costs six times as much to make.


class CardRow(NamedTuple):
    """A card of a product. Hashes start with the 4-byte id of their key."""

    product: str
    test: bool
    look_up: bytes  # HMAC(product, mode, PAN, expiry)
    iduser: int
    tokenuser_hash: bytes
    sealed: bytes  # PAN, expiry, tokenuser
    created: str  # ISO 8601, UTC


class LinkRow(NamedTuple):
    """What belongs to one card in one booking."""

    iduser: int
    booking_hash: bytes  # HMAC(system, hotel, booking id)
    system: str
    hotel: str | None
    sealed: bytes  # holder, booking id, virtual dates and balance
    departure: str | None  # ISO date, for retention
    seen: str  # ISO 8601, UTC; exact to the hour
    retention: str = ""  # a route's own, see `LinkTerms.text`


class DigitsRow(NamedTuple):
    """A card's token of digits."""

    iduser: int
    hash: bytes  # HMAC(product, mode, digits)
    sealed: bytes


class CvcRow(NamedTuple):
    """A security code that is held."""

    iduser: int
    at: str  # ISO 8601, UTC
    until: str
    sealed: bytes


class AnswerRecord(NamedTuple):
    """An answer that is kept, in the columns' order; `sealed` stands in a table of its own."""

    client: str
    exchange: str
    quarantined: bool
    state: str
    code: str
    at: str  # ISO 8601, UTC
    expires: str
    route: str
    products: str  # JSON
    hotels: str  # JSON
    echo: str | None
    poll: bytes | None
    size: int
    failed: int
    failures: str  # JSON: [booking, card, code] of each
    sealed: bytes  # status, headers, body
    replays: str = ""  # not stored: see `Answer`


# Else many cards of one booking, each of which counts the others, would take their square.
ABREAST_MAX: Final = 100


class Filed(NamedTuple):
    """A card that is there, as far as it tells whose token it is; and its link to a booking, as far as a
    message may change it, None where it has none to that booking. `abreast`: how many links of the booking,
    in whichever product, were seen with it or later, itself among them, ABREAST_MAX where there may be more;
    None where the booking has no number.
    """

    look_up: bytes
    iduser: int
    sealed: bytes
    booking_hash: bytes | None
    link: bytes  # what that link has sealed
    departure: str | None
    seen: str
    retention: str
    abreast: int | None


class Linked(NamedTuple):
    """A card of a booking."""

    card: CardRow
    link: LinkRow


class LinkChange(NamedTuple):
    """A link that is there, as it shall be: only if it still holds `before`."""

    sealed: bytes
    departure: str | None
    seen: str
    retention: str
    iduser: int
    booking_hash: bytes
    before: bytes  # `sealed`, as it was read


@dataclass(frozen=True, slots=True)
class Changes:
    """One message's changes, all or nothing. `entries[i]` is about `idusers[i]`."""

    cards: list[CardRow]
    links: list[LinkRow]
    changed: list[LinkChange]
    entries: Sequence[Entry]
    idusers: Sequence[int | None]
    cvcs: Sequence[CvcRow] = ()
    digits: Sequence[DigitsRow] = ()
    answer: AnswerRecord | None = None
    version: str | None = None  # the keyring that it was sealed under; None: within its transaction

    def with_answer(self, answer: AnswerRecord) -> Changes:
        """The same, and `answer`. `dataclasses.replace` takes four times as long."""
        return Changes(
            self.cards, self.links, self.changed, self.entries, self.idusers, self.cvcs, self.digits,
            answer, self.version,
        )  # fmt: skip

    def forget(self) -> None:
        """Frees the rows of a big message, once they are written. To be called in a thread."""
        discard(self.cards, self.links, self.changed)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A gateway key: all but the key itself."""

    id: str
    name: str
    client: str
    hash: bytes
    scopes: tuple[str, ...]
    products: tuple[str, ...]  # empty: every product
    networks: tuple[str, ...]  # empty: the client's
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """A target that no route allowed, counted; `path` is without query, digits masked."""

    client: str
    listener: str
    method: str
    scheme: str
    host: str
    port: int
    path: str
    code: str
    count: int
    last: datetime
