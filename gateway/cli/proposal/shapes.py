"""Shapes for the cards of one message: cards that stand in one place alike share one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.cli.proposal import ways, words
from gateway.cli.proposal.agencies import BIN, agency_of, is_agencys, marks_of
from gateway.cli.proposal.called import called
from gateway.cli.proposal.columns import head_of
from gateway.cli.proposal.found import FoundCard
from gateway.cli.proposal.leaves import Leaf, Steps, Taken
from gateway.codecs.document import Format
from gateway.codecs.envelope import Coding

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T.*)?")


@dataclass(frozen=True, slots=True)
class Layer:
    """An envelope: the document outside, the way to the text, and how that is written."""

    format: Format
    at: str
    steps: Steps
    coding: Coding = "text"


@dataclass(frozen=True, slots=True)
class Place:
    """A field's paths, with its spellings where it is an expiry; `number`: a JSON number."""

    at: tuple[str, ...]
    spellings: tuple[str, ...] = ()
    number: bool = False

    def beside(self, other: Place | None) -> Place:
        """Beside these places, those of another card."""
        if other is None:
            return self
        return Place(
            tuple(dict.fromkeys((*self.at, *other.at))),
            tuple(dict.fromkeys((*self.spellings, *other.spellings))),
            self.number or other.number,
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """One shape. `fields`: key of the language → place, in the order in which they are written."""

    format: Format
    layers: tuple[Layer, ...]
    card: str
    fields: dict[str, Place]
    booking: str = ""
    around: dict[str, str] = field(default_factory=dict)  # hotel, booking_id, departure
    join: tuple[str, ...] = ()  # the holder's name in parts
    doubts: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    guessed: bool = False  # what is taken for the code
    other_codes: tuple[str, ...] = ()  # the paths of what could be it as well
    virtual: tuple[tuple[str, str], ...] = ()  # key → path of what marks an agency's card
    agency: str = ""  # whose name stands as the holder's
    bins: tuple[
        tuple[str, bool], ...
    ] = ()  # of each number the first six digits; an agency's card?
    sentinels: tuple[str, ...] = ()  # what stands in the number's place and is none
    unread: str = ""  # the path of what is called the expiry, and says none
    flat: bool = False  # another card stands beside it in the same node
    cards: int = 0

    @property
    def layout(self) -> tuple[object, ...]:
        """What all shapes of one direction share."""
        return (self.format, tuple((one.format, one.at, one.coding) for one in self.layers))


def shapes_of(
    taken: Taken, layers: tuple[Layer, ...], cards: Sequence[FoundCard], *, bookings: bool
) -> list[Draft]:
    """The shapes that find `cards`. `bookings`: what is around them is of interest."""
    drafts: dict[tuple[str, str], Draft] = {}
    nodes: dict[tuple[str, str], set[Steps]] = {}
    made = [_draft(taken, layers, card, bookings=bookings) for card in cards]
    known: set[str] = set()
    for n, card in enumerate(cards):  # a number that is said again shows no more of its range
        if card.number.text in known:
            made[n] = (replace(made[n][0], bins=()), made[n][1])
        known.add(card.number.text)
    beside = {(one.booking, one.card, one.fields["number"].at[0]) for one, _ in made if one.flat}
    for draft, node in made:
        number = draft.fields["number"].at[0]
        key = (draft.booking, draft.card)
        flat = taken.format in {"form", "multipart", "text"} and draft.card == "$"
        if flat or (*key, number) in beside:
            key = (number, draft.card)  # side by side, each is a card of its own
        elif node in nodes.get(key, set()):
            key = (number, draft.card)
        nodes.setdefault(key, set()).add(node)
        drafts[key] = merged(drafts[key], draft) if key in drafts else draft
    return list(drafts.values())


def merged(one: Draft, other: Draft) -> Draft:
    """One shape for both."""
    fields = {name: place.beside(other.fields.get(name)) for name, place in one.fields.items()} | {
        name: place for name, place in other.fields.items() if name not in one.fields
    }
    if "expiry" in fields and "expiry_month" in fields:
        fields = {name: place for name, place in fields.items() if not name.startswith("expiry_")}
    return replace(
        one,
        fields={name: fields[name] for name in _ORDER if name in fields},
        around={**other.around, **one.around},
        join=one.join or other.join,
        doubts=tuple(dict.fromkeys((*one.doubts, *other.doubts))),
        unsure=tuple(dict.fromkeys((*one.unsure, *other.unsure))),
        guessed=one.guessed or other.guessed,
        other_codes=tuple(dict.fromkeys((*one.other_codes, *other.other_codes))),
        unread=one.unread or other.unread,
        virtual=one.virtual or other.virtual,
        agency=one.agency or other.agency,
        bins=one.bins + other.bins,
        flat=one.flat or other.flat,
        cards=one.cards + other.cards,
    )


_ORDER: Final = ("number", "expiry", "expiry_month", "expiry_year", "cvc", "holder", "brand")


def _draft(
    taken: Taken, layers: tuple[Layer, ...], card: FoundCard, *, bookings: bool
) -> tuple[Draft, Steps]:
    path, scope = ways.to_card(taken, card.scope, card.number)
    booking = _booking(taken, scope) if bookings else ()
    deep = scope != card.scope

    def place(leaf: Leaf, *spellings: str) -> Place:
        way = ways.relative(taken, scope, leaf.steps, any_depth=deep)
        return Place((way,), spellings, leaf.number)

    fields = {"number": place(card.number)}
    if card.expiry is not None and len(card.expiry.at) == 1:
        fields["expiry"] = place(card.expiry.at[0], *card.expiry.spellings)
    elif card.expiry is not None:
        fields["expiry_month"] = place(card.expiry.at[0], card.expiry.spellings[0])
        fields["expiry_year"] = place(card.expiry.at[1], card.expiry.spellings[1])
    if card.code is not None:
        said = [place(one) for one in (card.code, *card.again)]
        fields["cvc"] = replace(said[0], at=tuple(dict.fromkeys(one.at[0] for one in said)))
    join: tuple[str, ...] = ()
    if len(card.holder) == 1 and _reachable(booking, scope, card.holder[0].steps):
        fields["holder"] = Place(place(card.holder[0]).at)
    elif len(card.holder) > 1 and all(_reachable(booking, scope, one.steps) for one in card.holder):
        join = tuple(place(one).at[0] for one in card.holder)
    if bookings and card.brand is not None:
        fields["brand"] = Place(place(card.brand).at)
    draft = Draft(
        taken.format,
        layers,
        path,
        fields,
        join=join,
        doubts=card.doubts,
        unsure=card.unsure,
        guessed=card.guessed,
        other_codes=tuple(place(one).at[0] for one in card.other_codes),
        sentinels=_sentinels(taken, fields["number"]),
        unread=place(card.unread).at[0] if card.unread is not None else "",
        flat=card.flat,
        cards=1,
    )
    if bookings and taken.format in {"xml", "json"}:
        near = taken.under(booking or scope[:-1])
        marks = marks_of(taken, near, list(card.leaves))
        said_of = [(key, one) for key, one in marks if ways.can_be_written(one.steps, taken.format)]
        virtual = tuple((key, place(one).at[0]) for key, one in said_of)
        agency = agency_of(card.holder)
        bins = ((card.number.text[:BIN], is_agencys(marks, agency)),)
        draft = replace(draft, virtual=virtual, agency=agency, bins=bins)
    if booking:
        draft = _with_booking(taken, booking, scope, draft)
    return draft, scope


def _sentinels(taken: Taken, number: Place) -> tuple[str, ...]:
    """The name of a column of numbers, which stands in its first line."""
    head = head_of(taken, number.at[0]) if taken.format == "text" else ""
    return (head,) if head else ()


def _reachable(booking: Steps, scope: Steps, steps: Steps) -> bool:
    """Whether a field around the card stays within its booking."""
    return not booking or steps[: len(booking)] == booking or steps[: len(scope)] == scope


def _booking(taken: Taken, scope: Steps) -> Steps:
    """The outermost node above a card that is called as a booking is; in JSON the item of such a list
    or object."""
    if taken.format not in {"xml", "json"}:
        return ()
    for n, step in enumerate(scope[:-1]):
        if not words.names_booking(step.name):
            continue
        if taken.format == "json" and _is_one_of_many(taken, scope[: n + 2], above=n):
            return scope[: n + 2]
        below = scope[n + 1] if n + 1 < len(scope) else None
        if below is not None and words.names_booking(below.name):
            continue  # `HotelReservations/HotelReservation`
        return scope[: n + 1]
    if scope and (scope[0].axis == "item" or ways.is_keyed(taken, scope[:1])):
        return scope[:1] if _is_booking(taken, scope[:1]) else ()
    lists = [n for n in range(1, len(scope)) if _is_one_of_many(taken, scope[: n + 1], above=n - 1)]
    if (
        lists
        and not words.is_of_card(scope[lists[0] - 1].name)
        and _is_booking(taken, scope[: lists[0] + 1])
    ):
        return scope[: lists[0] + 1]
    return ()


def _is_one_of_many(taken: Taken, node: Steps, *, above: int) -> bool:
    """Whether a node below that step is an item of its list, or a member that has its own number for a name."""
    return len(node) > above + 1 and (node[-1].axis == "item" or ways.is_keyed(taken, node))


def _is_booking(taken: Taken, item: Steps) -> bool:
    """Whether a list's item says where somebody stays, or until when, or which booking it is."""
    names = [leaf.name for leaf in taken.under(item)]
    said = (words.names_hotel, words.names_departure, words.names_bookings_own_id)
    return any(named(name) for name in names for named in said)


def _with_booking(taken: Taken, booking: Steps, scope: Steps, draft: Draft) -> Draft:
    if taken.format == "xml":
        path, card = f"//{booking[-1].name}", f".//{scope[-1].name}"
    else:
        path = ways.absolute(taken, booking)
        card = draft.card.removeprefix(path).removeprefix(".")
    return replace(draft, booking=path, card=card or ".", around=dict(_around(taken, booking)))


def _around(taken: Taken, booking: Steps) -> Iterator[tuple[str, str]]:
    """What the booking says of itself, nearest to its node."""
    near = sorted(taken.under(booking), key=lambda leaf: len(leaf.steps))
    for key, named in (
        ("hotel", words.names_hotel),
        ("booking_id", words.names_booking_id),
        ("departure", words.names_departure),
    ):
        for leaf in near:
            name = called(taken, leaf)
            if not named(leaf.name) and not (key == "booking_id" and named(name)):
                continue
            if not leaf.text.strip() or not ways.can_be_written(leaf.steps, taken.format):
                continue
            if key == "departure" and not _DAY.fullmatch(leaf.text.strip()):
                continue
            if key == "booking_id" and not _is_booking_id(leaf, booking):
                continue
            yield key, ways.relative(taken, booking, leaf.steps)
            break


def _is_booking_id(leaf: Leaf, booking: Steps) -> bool:
    above = leaf.steps[-2].name if len(leaf.steps) > 1 else ""
    plain = words.squash(leaf.name)
    if plain in {"id", "code"}:
        return len(leaf.steps) == len(booking) + 1 or words.names_booking_id(above)
    return True
