"""A pack's shapes: paths parsed, spellings checked, what is relative kept relative."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Final

from gateway.cards import expiry as expiries
from gateway.cards.bin_ranges import Range
from gateway.codecs.document import Format
from gateway.codecs.envelope import Envelope
from gateway.codecs.paths import Path, PathError, Step, parse_cards, parse_path
from gateway.rules.bins import compile_bins
from gateway.rules.model_shapes import Field, Shape, TokenPlace, VirtualPlace
from gateway.rules.notes import Notes, Place
from gateway.rules.schema_shapes import (
    DayEntry,
    ExpiryEntry,
    HolderEntry,
    ShapeEntry,
    TokenEntry,
    VirtualEntry,
)
from gateway.rules.schema_words import FieldEntry
from gateway.yaml_model import suggest

NOWHERE: Final = Path(".", ())  # stands in for a path that was told to be wrong
_WHOLE: Final = tuple(expiries.WHOLE_SPELLINGS)


def path_of(text: str | None, form: Format, place: Place, notes: Notes) -> Path | None:
    """A path, parsed; None where there is none, or where a problem was noted."""
    return None if text is None else _parsed(parse_path, text, form, place, notes)


def _parsed(
    parse: Callable[[str, str], Path], text: str, form: Format, place: Place, notes: Notes
) -> Path | None:
    try:
        return parse(text, form)
    except PathError as error:
        notes.add(place, str(error))
        return None


def compile_shape(
    name: str,
    entry: ShapeEntry,
    place: Place,
    notes: Notes,
    tables: Mapping[str, Sequence[Range]] | None = None,
) -> Shape:
    """The shape; problems go to `notes`. `tables`: ranges of numbers by name; None: not known."""
    return _Compiler(entry.format, notes, tables).shape(name, entry, place)


def number_places(shape: Shape) -> Iterator[tuple[bool, tuple[Step, ...]]]:
    """Where in a message the shape's numbers stand, by the steps that lead there; equal for two
    shapes of the same steps, however those are divided into booking, card and number."""
    for booking, card in product(shape.bookings or (None,), shape.cards):
        start = booking if booking is not None else card
        before = booking.steps if booking is not None else ()
        for number in shape.number.places:
            steps = (*before, *card.steps, *number.steps)
            # `/a` begins with the root's own name, `a` below it. For JSON they are one, as for `//a`.
            rooted = shape.format == "xml" and start.absolute and steps[0].axis != "descendant"
            yield rooted, steps


def _levels(card: Path) -> int:
    """How many levels a path leads down at least; a list in JSON is none."""
    return sum(
        step.axis == "every" or (step.name is not None and step.axis != "attribute")
        for step in card.steps
    )


class _Compiler:
    def __init__(
        self, form: Format, notes: Notes, tables: Mapping[str, Sequence[Range]] | None
    ) -> None:
        self._form, self._notes, self._tables = form, notes, tables
        self._rows = False  # the cards of a form stand in a row
        self._levels: int | None = None  # from the cards up to the booking; None: there is none

    def shape(self, name: str, entry: ShapeEntry, place: Place) -> Shape:
        if entry.booking is not None and self._form in {"form", "multipart"}:
            self._notes.add_key((*place, "booking"), "a form is one booking; remove `booking`")
        self._rows = self._form == "form" and any("[*]" in text for text in entry.card)
        card, *more_cards = self._cards(entry, (*place, "card")) or [NOWHERE]
        if entry.booking is not None:
            self._levels = min(map(_levels, (card, *more_cards)))
        booking, *more_bookings = self._bookings(entry.booking, (*place, "booking")) or [None]
        return Shape(
            name=name,
            format=self._form,
            card=card,
            number=self._field(entry.number, (*place, "number"), inside=True) or Field(NOWHERE),
            envelopes=self._envelopes(entry, (*place, "envelope")),
            booking=booking,
            expiry=self._field(entry.expiry, (*place, "expiry"), _WHOLE),
            expiry_month=self._field(
                entry.expiry_month, (*place, "expiry_month"), expiries.MONTH_SPELLINGS
            ),
            expiry_year=self._field(
                entry.expiry_year, (*place, "expiry_year"), expiries.YEAR_SPELLINGS
            ),
            cvc=self._field(entry.cvc, (*place, "cvc"), inside=True),
            cvc_required=entry.cvc is not None and entry.cvc.required,
            holder=self._holder(entry.holder, (*place, "holder")),
            brand=self._field(entry.brand, (*place, "brand")),
            token=self._token(entry.token, (*place, "token")),
            hotel=self._of_booking(entry.hotel, (*place, "hotel")),
            booking_id=self._of_booking(entry.booking_id, (*place, "booking_id")),
            departure=self._day(entry.departure, (*place, "departure")),
            virtual=self._virtual(entry.virtual, (*place, "virtual")),
            foreign=entry.foreign,
            show=entry.show,
            keep=self._keep(entry, (*place, "keep")),
            sentinels=frozenset(entry.sentinels),
            not_cards=tuple(
                path
                for n, text in enumerate(entry.not_cards)
                if (path := self._path(text, (*place, "not_cards", n))) is not None
            ),
            more_cards=tuple(more_cards),
            own_card=entry.own_card,
            more_bookings=tuple(path for path in more_bookings if path is not None),
        )

    def _envelopes(self, entry: ShapeEntry, place: Place) -> tuple[Envelope, ...]:
        found = []
        for n, one in enumerate(entry.envelope or ()):
            at = path_of(one.at, one.format, (*place, n, "at"), self._notes)
            if at is not None and not at.steps:
                message = "an envelope's `at` names the text that holds the next document"
                self._notes.add((*place, n, "at"), message)
            elif at is not None:
                found.append(Envelope(one.format, at, one.as_))
        return tuple(found)

    def _bookings(self, said: Sequence[str] | None, place: Place) -> list[Path | None]:
        self._check_once(said or (), place)
        for n, text in enumerate(said or ()):
            if text.startswith("../"):
                self._notes.add((*place, n), "nothing stands above the document; remove `../`")
        found = [self._path(text, (*place, n)) for n, text in enumerate(said or ())]
        return [path for path in found if path is not None]

    def _of_booking(self, said: Sequence[str] | None, place: Place) -> Field | None:
        """A booking's text: in one place, or the first of several that holds something."""
        return None if said is None else self._day(DayEntry(at=tuple(said)), place)

    def _cards(self, entry: ShapeEntry, place: Place) -> list[Path]:
        self._check_once(entry.card, place)
        cards = [
            path
            for n, text in enumerate(entry.card)
            if (path := _parsed(parse_cards, text, self._form, (*place, n), self._notes))
            is not None
        ]
        if any(card.up for card in cards):
            self._notes.add(place, "`card` leads out of the booking; let `booking` lead further up")
        if entry.booking is not None and any(card.absolute for card in cards):
            start = ".//PaymentCard" if self._form == "xml" else "guarantee"
            hint = f"It starts at the booking, like `{start}`."
            self._notes.add(place, "`card` must be relative to the booking", hint)
        if self._rows and not all("[*]" in text for text in entry.card):
            self._notes.add(place, "cards of a form stand in rows, or in one: give two shapes")
        return cards

    def _check_once(self, texts: Sequence[str], place: Place) -> None:
        if len(set(texts)) < len(texts):
            self._notes.add(place, "a path is named twice; remove one")

    def _token(self, entry: TokenEntry | None, place: Place) -> TokenPlace | None:
        if entry is None:
            return None
        return TokenPlace(
            self._card_path(entry.iduser, (*place, "iduser"), inside=True) or NOWHERE,
            self._card_path(entry.tokenuser, (*place, "tokenuser"), inside=True) or NOWHERE,
        )

    def _virtual(self, entry: VirtualEntry | None, place: Place) -> VirtualPlace | None:
        if entry is None:
            return None
        flag = entry.flag
        return VirtualPlace(
            flag=self._card_path(flag.at, (*place, "flag", "at"), shared=True) if flag else None,
            raised_by=frozenset(text.strip().casefold() for text in flag.is_)
            if flag
            else frozenset(),
            active_from=self._field(entry.active_from, (*place, "active_from"), _WHOLE),
            active_until=self._field(entry.active_until, (*place, "active_until"), _WHOLE),
            balance=self._card_path(entry.balance, (*place, "balance"), shared=True),
            currency=self._card_path(entry.currency, (*place, "currency"), shared=True),
            decimals=self._card_path(entry.decimals, (*place, "decimals"), shared=True),
            holders=entry.holders,
            bins=compile_bins(entry.bins, self._tables, (*place, "bins"), self._notes),
        )

    def _holder(self, entry: HolderEntry | None, place: Place) -> Field | None:
        if entry is None:
            return None
        if entry.join is None:
            at = FieldEntry(at=entry.at or (), type=entry.type)
            return self._field(at, place)
        found = self._field(FieldEntry(at=entry.join), (*place, "join"))
        return None if found is None else replace(found, joined=True)

    def _day(self, entry: DayEntry | None, place: Place) -> Field | None:
        """A booking's day: in one place, or the first of several that holds something."""
        if entry is None:
            return None
        self._check_spellings(entry.as_, _WHOLE, (*place, "as"))
        self._check_once(entry.at, (*place, "at"))
        found = [self._path(text, (*place, "at", n)) for n, text in enumerate(entry.at)]
        paths = [path for path in found if path is not None]
        if not paths:
            return None
        return Field(paths[0], "".join(entry.as_[:1]), False, tuple(paths[1:]), entry.as_[1:])

    def _keep(self, entry: ShapeEntry, place: Place) -> frozenset[str]:
        for n, name in enumerate(entry.keep):
            if getattr(entry, name) is None:
                message = f"`keep` names `{name}`, which the shape does not have"
                self._notes.add((*place, n), message)
        return frozenset(entry.keep)

    def _field(
        self,
        entry: FieldEntry | None,
        place: Place,
        spellings: Sequence[str] = (),
        *,
        inside: bool = False,
    ) -> Field | None:
        if entry is None:
            return None
        number = entry.type == "number"
        if number and self._form != "json":
            message = f"`type: number` is for json; this shape is {self._form}"
            self._notes.add((*place, "type"), message)
        said = entry.as_ if isinstance(entry, ExpiryEntry | DayEntry) else ()
        self._check_spellings(said, spellings, (*place, "as"))
        optional = isinstance(entry, ExpiryEntry) and entry.optional
        self._check_once(entry.at, (*place, "at"))
        paths = [
            path
            for n, text in enumerate(entry.at)
            if (
                path := self._card_path(
                    text, (*place, "at", n), inside=inside, shared=not (spellings or inside)
                )
            )
            is not None
        ]
        if not paths:
            return None
        return Field(paths[0], "".join(said[:1]), number, tuple(paths[1:]), said[1:], optional)

    def _check_spellings(self, said: Sequence[str], known: Sequence[str], place: Place) -> None:
        hint = f"Known spellings: {', '.join(known)}."
        wrong = [(n, spelling) for n, spelling in enumerate(said) if spelling not in known]
        for n, spelling in wrong:
            guess = suggest(spelling.upper(), known)
            self._notes.add((*place, n), f"unknown spelling `{spelling}`{guess}", hint)
        clash = expiries.clash(said) if known == _WHOLE and not wrong else None
        if clash is not None:
            message = f"`{clash[0]}` and `{clash[1]}` read one text as different months"
            self._notes.add(place, message, "Name the one that the messages have.")

    def _card_path(
        self, text: str | None, place: Place, *, inside: bool = False, shared: bool = False
    ) -> Path | None:
        """A path from the card. `inside`: never out of it, for a number, a code or a token of which
        nobody could say whose it is, or that would be missed where the card itself is missing.
        `shared`: what may be all cards' in a form that has several."""
        path = self._path(text, place)
        if path is None:
            return None
        if path.absolute and (inside or self._levels is not None):
            message = f"`{text}` must be relative to the card, or all cards would share it"
            self._notes.add(place, message, "" if inside else "`../name` is beside the card.")
        below, rows = text is not None and text.startswith("["), self._rows
        if self._form == "form" and (below != rows) and (below or not shared):
            hint = 'A row of cards is `card: "cards[*]"`, and `"[number]"` is below each.'
            message = (
                f"`{text}` is not below one card of a row" if rows else f"`{text}` is below no card"
            )
            self._notes.add(place, message, hint)
        if path.up and inside:
            message = f"`{text}` must stand inside the card; let `card` lead further up"
            self._notes.add(place, message)
        elif self._levels is not None and path.up > self._levels:
            message = f"`{text}` may leave the booking, and be another one's"
            hint = "Name the steps from the booking to the card; `../` goes up one of them."
            self._notes.add(place, message, hint)
        return path

    def _path(self, text: str | None, place: Place) -> Path | None:
        return path_of(text, self._form, place, self._notes)
