"""What goes into the vault and what comes out, and the Protocol that every store fulfils."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.audit import Entry
from gateway.cards.card import Booking, Card
from gateway.cards.token import Token


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card to keep for a product. `booking` None: it came without one."""

    product: str
    test: bool
    card: Card
    booking: Booking | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The token of a card that is now durable. `created`: the product had not seen it before."""

    token: Token
    created: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token to resolve, and the products that the caller may resolve for."""

    token: Token
    products: frozenset[str]


@dataclass(frozen=True, slots=True)
class Found:
    """A card that was resolved. `booking` is the link made last, for dates of virtual cards."""

    token: Token
    product: str
    card: Card
    booking: Booking | None


# --- rows, as stores hold them: sealed fields are opaque bytes to a store -------------------------


@dataclass(frozen=True, slots=True)
class CardRow:
    """`look_up` is HMAC(product, PAN, expiry); `sealed` the PAN and expiry."""

    product: str
    look_up: bytes
    iduser: int
    tokenuser_hash: bytes
    test: bool
    sealed: bytes
    sealed_tokenuser: bytes
    created: datetime


@dataclass(frozen=True, slots=True)
class LinkRow:
    """What belongs to one card in one booking; `sealed` holds the holder's name and dates."""

    product: str
    iduser: int
    system: str
    hotel: str
    booking_hash: bytes
    sealed: bytes
    departure: str | None  # ISO date, for retention
    seen: datetime


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


class Store(Protocol):
    """One writer thread, one transaction per call. Every method blocks; the service calls them off
    the event loop. Raises `VaultUnavailable` for anything that the database could not do.
    """

    def keep(
        self, cards: Sequence[tuple[CardRow, LinkRow | None]], entries: Sequence[Entry]
    ) -> Sequence[CardRow]:
        """Inserts what is new, answers for each the row that now stands (an older one when the same
        product and look_up exist), writes the links and `entries`; commits, durable, then returns.

        `entries` line up with `cards` (same length) or are empty; each gets its card's iduser."""

    def find(
        self, idusers: Sequence[int], entries: Sequence[Entry]
    ) -> Sequence[tuple[CardRow, LinkRow | None] | None]:
        """The rows with these idusers, each with its latest link, after `entries` are durable."""

    def record(self, entries: Sequence[Entry]) -> None:
        """Writes audit rows, durable."""
