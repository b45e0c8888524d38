"""Where the fields of a card stand in a message: a loaded rule's shapes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from gateway.cards.bin_ranges import Ranges
from gateway.codecs.document import Format
from gateway.codecs.envelope import Envelope, Layout
from gateway.codecs.paths import Path

Show = Literal["mask", "last4", "alias", "digits"]

_NO_BINS: Final = Ranges()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a card: its places relative to the card, its spelling, its JSON type.

    A message has it at `at`, or at one of `others`; where it has none of them, `at` is added.
    """

    at: Path
    spelling: str = ""  # of an expiry or a day: MMYY …, MM, YYYY; this one is written
    number: bool = False  # JSON: written as a bare number
    others: tuple[Path, ...] = ()
    also_read: tuple[str, ...] = ()  # more spellings
    optional: bool = False  # of an expiry: a card without one is whole
    joined: bool = False  # its text is that of all places, a blank between; never written

    @property
    def places(self) -> tuple[Path, ...]:
        """Every place that the field may have, in the rule's order."""
        return (self.at, *self.others)

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every spelling that is read."""
        return (self.spelling, *self.also_read)

    @property
    def outside(self) -> tuple[Path, ...]:
        """The places that may be outside of the card's node, and so another card's, too."""
        return tuple(path for path in self.places if path.up or path.absolute)


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a token stands as two fields (relative to the card), both removed when it is used."""

    iduser: Path
    tokenuser: Path


@dataclass(frozen=True, slots=True)
class VirtualPlace:
    """Where a message tells that a card is virtual (paths relative to the card; None: nowhere)."""

    flag: Path | None = None
    raised_by: frozenset[str] = frozenset()  # what the flag then says; empty: yes, in any spelling
    active_from: Field | None = None
    active_until: Field | None = None
    balance: Path | None = None
    currency: Path | None = None
    decimals: Path | None = None  # of a balance that is written without its point
    holders: tuple[str, ...] = ()  # holder names that mean "virtual": `Bookingcom Agent`
    bins: Ranges = _NO_BINS  # numbers that mean it


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Where a card's fields stand in a message; used to read a card out and to write one in."""

    name: str
    format: Format
    card: Path  # relative to the booking, as `more_cards` are
    number: Field
    envelopes: tuple[Envelope, ...] = ()  # what the document stands in, the outermost first
    booking: Path | None = None  # None: the whole message is one booking
    expiry: Field | None = None
    expiry_month: Field | None = None
    expiry_year: Field | None = None
    cvc: Field | None = None
    cvc_required: bool = False
    holder: Field | None = None
    brand: Field | None = None
    token: TokenPlace | None = None
    hotel: Field | None = None  # relative to the booking, as are the next two
    booking_id: Field | None = None
    departure: Field | None = None
    virtual: VirtualPlace | None = None
    foreign: bool = False  # the number's place holds a token of the partner's own
    show: Show = "mask"
    keep: frozenset[str] = frozenset()  # field names that detokenising leaves as the caller sent
    sentinels: frozenset[str] = frozenset()  # numbers that say "no card", beyond the usual ones
    not_cards: tuple[Path, ...] = ()  # places whose digits are known not to be cards
    more_cards: tuple[Path, ...] = ()  # cards stand at these, too
    own_card: bool = False  # another card than that of the other shapes of the same node
    more_bookings: tuple[Path, ...] = ()  # bookings stand at these, too; none in a route's shapes

    @property
    def cards(self) -> tuple[Path, ...]:
        """Every path that leads to cards."""
        return (self.card, *self.more_cards)

    @property
    def bookings(self) -> tuple[Path, ...]:
        """Every path that leads to bookings; none where the whole message is one."""
        return () if self.booking is None else (self.booking, *self.more_bookings)

    @property
    def by_booking(self) -> tuple[Shape, ...]:
        """The same shape once for each place of bookings, as routes have it."""
        if not self.more_bookings:
            return (self,)
        return tuple(replace(self, booking=path, more_bookings=()) for path in self.bookings)

    @property
    def layout(self) -> Layout:
        """How a message is read to get to the cards."""
        return Layout(self.format, self.envelopes)

    @property
    def expires_outside(self) -> bool:
        """Whether an expiry, or a part of it, may stand where another card has its own."""
        fields = (self.expiry, self.expiry_month, self.expiry_year)
        return any(field.outside for field in fields if field is not None)
