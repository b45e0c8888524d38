"""What is decided of a charge inside the transaction that writes it, and what there is to decide by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.audit import Entry
from gateway.cards.card import Booking
from gateway.errors import GatewayError
from gateway.secret import Secret
from gateway.vault.charge import Charge, ChargeState, Event, OpenCharge
from gateway.vault.database import Connection
from gateway.vault.link import LinkState, OpenLink
from gateway.vault.model import Wanted
from gateway.vault.notices import NewNotice

Also = Callable[[Connection, Charge, datetime], GatewayError | None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when a charge is begun."""

    product: str | None  # None: the token is unknown to these products
    booking: bytes  # the hash by which the charge's booking is found
    bookings: tuple[Booking, ...]  # of the card; the named one alone, if it is among them
    consumed: bool
    reference_taken: bool
    earlier: tuple[Charge, ...]  # of the same card
    network: OpenCharge | None  # the card's newest that was authenticated


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to the charge's page that is to be kept, and what the audit says of it."""

    link: OpenLink
    secret: Secret[str]
    entry: Entry


@dataclass(frozen=True, slots=True)
class Change:
    """What a decision makes of a charge; all of it is written, or nothing. `opens`, `closes`: the link
    to its page, and how that ends. `answer` makes what the request is answered, from the charge and
    its history.
    """

    charge: OpenCharge
    events: Sequence[Event] = ()
    entries: Sequence[Entry] = ()
    notices: Sequence[NewNotice] = ()
    opens: NewLink | None = None
    closes: LinkState | None = None
    consumed: bool = False
    answer: Callable[[OpenCharge, Sequence[Event]], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision that leaves all as it is, but for the audit."""

    error: GatewayError
    entries: Sequence[Entry] = ()


@dataclass(frozen=True, slots=True)
class Repeated:
    """The request was made before: what it was answered, or the charge that it began."""

    answer: bytes | None
    charge: str | None


@dataclass(frozen=True, slots=True)
class Begin:
    """What is looked at when a charge begins. `also` is done in the same transaction with the charge
    that begins; a refusal of its own is the answer, and then there is none.
    """

    wanted: Wanted
    booking: Booking | None
    reference: str
    processor: str
    also: Also | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which charges are listed; None: whichever. `before`: those older than the one so numbered."""

    products: frozenset[str]
    client: str | None = None
    booking: Booking | None = None
    reference: str | None = None
    states: Collection[ChargeState] | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 100


Decision = Change | Refusal
Outcome = OpenCharge | Repeated
