"""What goes into the vault and what comes out, and the Protocol that every store fulfils."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from gateway.audit import Entry
from gateway.cards.card import Booking, Card
from gateway.cards.digits import DigitsToken
from gateway.cards.hint import Hint
from gateway.cards.kept import LinkTerms
from gateway.cards.token import Token
from gateway.heap import discard
from gateway.secret import Secret


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card to keep for a product. `booking` None: it came without one.

    `cvc` is held until `cvc_until` when both are given; whatever `card.cvc` says is dropped. `came`: when its
    message came, where that was before now: what came later is newer.
    """

    product: str
    test: bool
    card: Card
    booking: Booking | None = None
    cvc: Secret[str] | None = None
    cvc_until: datetime | None = None
    digits: bool = False  # it needs a token of digits as well
    retention: LinkTerms | None = None  # of its link; None: as its product says
    came: datetime | None = None


class Kept(NamedTuple):
    """The token of a card that is now durable. `created`: the product had not seen it before. `digits`:
    its token of digits, where one was wanted.
    """

    token: Token
    created: bool
    digits: DigitsToken | None = None


@dataclass(frozen=True, slots=True)
class Carry:
    """A booking that came without its card, which shall get its last tokens again. `hints`: what the masks
    say that stand in the card's place. `entry` is written for each token; product and iduser are added.
    `digits`: its cards need tokens of digits as well. `came` as of a `NewCard`.
    """

    product: str
    test: bool
    booking: Booking
    hints: tuple[Hint, ...]
    entry: Entry
    digits: bool = False
    came: datetime | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """A token that a booking gets again, with what templates show of its card; `hint`: the mask that fits it."""

    token: Token
    card: Card
    hint: int | None = None
    digits: DigitsToken | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token to resolve, and the products that the caller may resolve for.

    `any_mode`: two fields do not tell test from live as an alias does; the answer's token does.
    `with_cvc`: the card's security code is taken as well, if one is held; it can not be taken again.
    """

    token: Token
    products: frozenset[str]
    any_mode: bool = False
    with_cvc: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A card that was resolved. `booking` is the link made last, for dates of virtual cards.

    `cvc` was taken for this one use; None when it was not asked for, or none is held any more.
    """

    token: Token
    product: str
    card: Card
    booking: Booking | None
    cvc: Secret[str] | None = None
    cvc_until: datetime | None = None


# --- rows, as stores hold them: sealed fields and hashes are opaque bytes to a store ---------------
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
class Plan:
    """The answer to a message, once `changes` are durable."""

    kept: list[Kept]
    changes: Changes
    carried: Sequence[Sequence[Carried]] = ()  # one for each booking that asked


class Taken(Exception):
    """Another writer was first: a card, iduser or link is there by now, or gone, or other keys are in
    use. Read again.
    """


class ExchangeKnown(Exception):
    """The client's exchange id names an answer already, which stands as it was. Keep this one under
    another id.
    """


class AnswerCameOut(Exception):
    """The refused answer that this one was made of is refused no more: another try was first."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An audit entry with its place in the log."""

    id: int
    entry: Entry


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
    """One writer, one transaction a message. Reads block: the service makes them off the event loop.
    Writes answer with a future, which is done once they are durable. Everything raises, or ends in,
    `VaultUnavailable` for anything that the database could not do.
    """

    def filed(self, wanted: Sequence[tuple[bytes, bytes, int]]) -> list[Filed]:
        """The cards with these look-up hashes, those that there are, each with its link to the booking
        with the hash beside it.
        """

    def is_filed(self, look_ups: Sequence[bytes]) -> bool:
        """Whether there is a card with one of these look-up hashes."""

    def linked(self, bookings: Sequence[bytes]) -> list[Linked]:
        """The cards of the bookings with these hashes, the first linked first."""

    def taken(self, idusers: Sequence[int]) -> set[int]:
        """Those of `idusers` that are in use, by a card or by what is left of one."""

    def digits(self, idusers: Sequence[int]) -> dict[int, bytes]:
        """The tokens of digits of these idusers, sealed, those that there are."""

    def digits_taken(self, hashes: Sequence[bytes]) -> set[bytes]:
        """Those of `hashes` that a card's token of digits has."""

    def found(self, idusers: Sequence[int]) -> dict[int, tuple[CardRow, LinkRow | None]]:
        """The cards with these idusers, each with the link that was made last."""

    def keep(self, decide: Callable[[], Plan], *, entries: int = 0) -> Future[Plan]:
        """Writes the changes of what `decide` gives, all or nothing, and answers with it. `entries`:
        how many audit entries that will be. `decide` is called when the writer's turn has come, so that
        it sees what stands. Ends in `Taken` when
        another writer was first nevertheless.
        """

    def record(self, entries: Sequence[Entry]) -> Future[None]:
        """Writes audit rows."""

    def take(
        self, decide: Callable[[], Sequence[int]], entries: Sequence[Entry]
    ) -> Future[dict[int, CvcRow]]:
        """Writes audit rows, and in the same transaction deletes the security codes of the idusers
        that `decide` gives; answers with those that there were.
        """

    def put_back(self, sealed: Callable[[], CvcRow]) -> Future[None]:
        """Holds a security code again, unless a later one is held by now or its card is gone. `sealed` is
        called when the writer's turn has come.
        """
