"""The lines of a proposed shape: where the card and its fields stand, and what somebody should look at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from gateway.cli.proposal.agencies import bin_of
from gateway.cli.proposal.beside import is_another
from gateway.cli.proposal.columns import is_fixed
from gateway.cli.proposal.plan import Planned, Side
from gateway.cli.proposal.scalars import scalar
from gateway.cli.proposal.shapes import Draft, Place


def shape_lines(name: str, draft: Draft, routes: Sequence[Planned]) -> Iterator[str]:
    """A shape under its name; `routes`: those of the whole pack."""
    yield f"  {name}:"
    if draft.layers:
        one = [_envelope(layer.format, layer.at, layer.coding) for layer in draft.layers]
        if len(one) == 1:
            yield f"    envelope: {one[0]}"
        else:
            yield "    envelope:"
            yield from (f"      - {each}" for each in one)
    yield f"    format: {draft.format}"
    if draft.booking:
        yield f"    booking: {scalar(draft.booking)}"
    yield f"    card: {scalar(draft.card)}"
    if is_another(name, draft, routes):
        yield "    own_card: true   # another card than the one beside it, with fields of its own"
    for key, place in draft.fields.items():
        yield f"    {key}: {_place(key, place)}{_note(key, place, draft)}"
    yield from _around_card(name, draft, routes)


def _around_card(name: str, draft: Draft, routes: Sequence[Planned]) -> Iterator[str]:
    """What a shape says beside the card's own fields, and what it could say."""
    if draft.sentinels:
        said = ", ".join(map(scalar, draft.sentinels))
        yield f"    sentinels: [{said}]   # what stands there in the first line"
    if draft.format == "text" and _takes_out(name, routes):
        said = "nothing can be inserted into a text"
        if is_fixed(draft.fields["number"].at[0]):
            yield f"    show: digits   # a token as long as the number, in its place: {said}"
        else:
            yield f"    show: alias   # the token in the number's place: {said}"
    said_of = [f"{key}: {scalar(path)}" for key, path in draft.virtual]
    said_of += [f"holders: [{scalar(draft.agency)}]"] if draft.agency else []
    shared = bin_of(draft.bins)
    said_of += [f'bins: ["{shared}"]'] if shared else []
    if said_of:
        marks = ", ".join(said_of)
        first = any(key == "active_from" for key, _ in draft.virtual)
        note = ": it can not be charged before its first day" if first else ""
        note += "; are all numbers of this range agencies'?" if shared else ""
        yield f"    # virtual: {{ {marks} }}   # an agency's card{note}"
    if draft.unread and not any(name.startswith("expiry") for name in draft.fields):
        at = f"{{ at: {scalar(draft.unread)}, as: MMYY }}"
        yield f"    # expiry: {at}   # called so, but what was recorded there is none: how is it spelled?"
    if draft.join:
        yield f"    holder: {{ join: [{', '.join(map(scalar, draft.join))}] }}"
    for key, path in draft.around.items():
        note = "   # is it what you call the booking by?" if key == "booking_id" else ""
        yield f"    {key}: {scalar(path)}{note}"
    if found := list(_not_cards(name, routes)):
        paths = ", ".join(dict.fromkeys(scalar(path) for path, _ in found))
        why = "; or ".join(dict.fromkeys(why for _, why in found))
        yield f"    # not_cards: [{paths}]   # could pass for a card's number, but {why}; the guard would mask it"


def _takes_out(name: str, routes: Sequence[Planned]) -> bool:
    """Whether a shape takes cards out of messages."""
    return any(
        name in route.response.names or (route.pushed and name in route.request.names)
        for route in routes
    )


def _note(key: str, place: Place, draft: Draft) -> str:
    """What somebody should look at in a field's line."""
    notes: list[str] = []
    if key == "number":
        notes += draft.doubts
        if not draft.unread and not any(name.startswith("expiry") for name in draft.fields):
            notes.append("no expiry was found near it: is there one?")
        if re.search(r"\[1[0-9]\]\Z", place.at[0]):
            notes.append("what is in brackets is the value's length: it differs with the number")
    if key == "expiry":
        notes += draft.unsure
    if key == "cvc" and draft.guessed:
        notes.append("is it the security code? its name does not say so; remove the line if not")
    if key == "cvc":
        others = [path for path in draft.other_codes if path not in place.at]
        both = ", ".join(map(scalar, (*place.at, *others)))
        if others:
            what = " and ".join(map(scalar, others))
            notes.append(f"{what} could be the code, too: instead of it, or both (cvc: [{both}])?")
    return "".join(f"   # {note}" for note in notes)


def _envelope(format: str, at: str, coding: str) -> str:
    how = "" if coding == "text" else f", as: {coding}"
    return f"{{ format: {format}, at: {scalar(at)}{how} }}"


def _place(key: str, place: Place) -> str:
    at = scalar(place.at[0]) if len(place.at) == 1 else f"[{', '.join(map(scalar, place.at))}]"
    more = ""
    if key.startswith("expiry"):
        spellings = place.spellings
        more = (
            f", as: {_word(spellings[0])}"
            if len(spellings) == 1
            else f", as: [{', '.join(map(_word, spellings))}]"
        )
    if place.number and key != "brand":
        more += ", type: number"
    return f"{{ at: {at}{more} }}" if more else at


def _word(text: str) -> str:
    return text if re.fullmatch(r"[A-Z]+(?:[/-][A-Z]+)*", text) else json.dumps(text)


def _not_cards(name: str, routes: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    answers = [route.response for route in routes if name in route.response.names]
    answers += [route.request for route in routes if route.pushed and name in route.request.names]
    found = [(path, why) for side in answers for path, why, _ in like_cards(side)]
    return iter(dict.fromkeys(found))


def like_cards(side: Side) -> Iterator[tuple[str, str, str]]:
    """Numbers in answers that the guard would mask: path, why they are none, format."""
    for message in side.messages:
        for path, why, leaf in message.not_cards:
            outer = message.documents[0].taken
            if outer.at(leaf.steps) is leaf and outer.format != "multipart":
                yield path, why, outer.format
