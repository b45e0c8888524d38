"""What is decided of a collection inside the transaction that writes it, and what there is to decide by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from gateway.audit import Entry
from gateway.cards.card import Booking
from gateway.secret import Secret
from gateway.vault.charge import Charge
from gateway.vault.charge_facts import FactReader
from gateway.vault.collection import CollectionEvent, CollectionState, OpenCollection
from gateway.vault.database import Connection
from gateway.vault.link import OpenLink
from gateway.vault.links import LinkTable
from gateway.vault.model import Wanted
from gateway.vault.notices import NewNotice
from gateway.vault.recapture import Recapture
from gateway.vault.recaptures import RecaptureTable

Answering = Callable[[OpenCollection, Sequence[CollectionEvent]], bytes]


@dataclass(frozen=True, slots=True)
class PageLinkToAdd:
    """A link for the guest, added with what it is for."""

    link: OpenLink
    secret: Secret[str]
    entry: Entry


@dataclass(frozen=True, slots=True)
class CollectionChange:
    """What a decision makes of a collection; all of it is written, or nothing. `withdrawn`: the id of a
    link that is open no more; `charge`: the id of a charge that is its own from now on.
    """

    collection: OpenCollection
    events: Sequence[CollectionEvent] = ()
    entries: Sequence[Entry] = ()
    notices: Sequence[NewNotice] = ()
    link: PageLinkToAdd | None = None
    withdrawn: str | None = None
    charge: str | None = None


@dataclass(frozen=True, slots=True)
class CollectionFilter:
    """Which collections are listed; None: whichever. `before`: those older than the one so numbered."""

    products: frozenset[str]
    client: str | None = None
    booking: Booking | None = None
    reference: str | None = None
    states: Collection[CollectionState] | None = None
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """What a card and its product are when a collection begins. `product` None: the token is unknown."""

    product: str | None
    booking: bytes  # the hash by which the collection's booking is found
    bookings: tuple[Booking, ...]  # of the card; the named one alone, if it is among them
    reference_taken: bool


class Look:
    """What is read inside the transaction that decides by it."""

    def __init__(
        self,
        connection: Connection,
        facts: FactReader,
        links: LinkTable,
        recaptures: RecaptureTable,
        charges: Callable[[Connection, str], tuple[Charge, ...]],
    ) -> None:
        self._connection, self._facts = connection, facts
        self._links, self._recaptures, self._charges = links, recaptures, charges

    def charges(self, collection: str) -> tuple[Charge, ...]:
        """Those that were made for the collection, in their order."""
        return self._charges(self._connection, collection)

    def code(self, charge: str) -> str | None:
        """Why the charge did not come to a word of its processor's; None: it came to one."""
        statement = (
            "SELECT code FROM charge_event JOIN charge ON charge.number = charge_event.charge"
            " WHERE charge.id = ? ORDER BY charge_event.number DESC LIMIT 1"
        )
        row = self._connection.execute(statement, (charge,)).fetchone()
        return None if row is None else row[0]

    def link(self, id: str) -> OpenLink | None:
        """The guest's link; None: it was erased. Raises RecordDamaged."""
        return self._links.read(self._connection, id)

    def recapture(self, client: str, system: str, itinerary: str) -> Recapture | None:
        """The booking's that counts."""
        return self._recaptures.current(self._connection, client, system, itinerary)

    def bookings(self, wanted: Wanted, booking: Booking | None) -> tuple[Booking, ...]:
        """The card's bookings as they are now; none where the card is gone. Raises RecordDamaged."""
        return self._facts.bookings(self._connection, wanted, booking)
