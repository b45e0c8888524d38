"""What goes into the vault and what comes out. How it is stored is in `rows.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from gateway.audit import Entry
from gateway.cards.card import Booking, Card
from gateway.cards.digits import DigitsToken
from gateway.cards.hint import Hint
from gateway.cards.kept import LinkTerms
from gateway.cards.token import Token
from gateway.secret import Secret
from gateway.vault.rows import Changes


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
