"""Taking cards out of a message: what changes once each has its token, or the reason why none.

Pure, like `reading.py`; `swap.py` calls the vault between the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.cards import pan
from gateway.cards.bins import Bins
from gateway.cards.card import Failure
from gateway.codecs.document import Change, Document, Insert, Node, Remove, Set
from gateway.rules.model_directions import Inserted, Tokenize
from gateway.stages.card_place import CardPlace
from gateway.stages.fields import around
from gateway.stages.reading import BookingPlace


def take_out(
    document: Document, bookings: Sequence[BookingPlace], rule: Tokenize, bins: Bins
) -> list[Change]:
    """What changes in the message: numbers masked, CVCs gone, tokens and failures inserted."""
    changes: list[Change] = []
    for booking in bookings:
        for place in booking.cards:
            changes += _hide(document, place)
        if booking.has_card_data and not booking.outside:
            clear = [place for place in booking.cards if not place.left_alone]
            several = len(booking.cards) > 1
            changes += _insert(document, booking, clear, rule, bins, several=several)
        elif booking.carried:
            changes += _hand_out(document, booking, rule, bins)
    return changes


def _hand_out(
    document: Document, booking: BookingPlace, rule: Tokenize, bins: Bins
) -> Iterator[Change]:
    """The tokens that a booking gets again, as if their cards had come."""
    for place in booking.carried:
        if place.number is not None:
            yield Set(place.number, shown(place))
    several = len(booking.carried) > 1
    yield from _insert(document, booking, booking.carried, rule, bins, several=several)


def _hide(document: Document, place: CardPlace) -> Iterator[Change]:
    if place.number is not None and not place.left_alone:
        text = shown(place)
        for node in (place.number, *place.copies):
            written = around(document.text(node), text.strip())
            # Digits stay what the number was: in JSON a number, where every reader reads the same.
            yield Set(node, written, written.isdecimal() and document.is_number(node))
    for node in place.cvcs:
        # A clear CVC beside a masked number, or beside none, is still a CVC.
        cvc = document.text(node).strip()
        if cvc and (not place.left_alone or any(map(str.isnumeric, cvc))):
            yield Remove(node)


def shown(place: CardPlace) -> str:
    """What stands in the number's place afterwards."""
    if place.shape.show == "alias" and place.token is not None:
        return place.token.alias
    if place.shape.show == "digits" and place.digits is not None:
        return place.digits.text
    text = place.text.reveal()
    if place.failure is Failure.CARD_MALFORMED and place.number == place.node:
        return pan.mask_every_digit(text)  # a text, of which no field tells number from CVC
    digits = place.card.pan.reveal() if place.card is not None else pan.digits_of(text)
    if digits is None:
        return pan.mask_unreadable(text)
    return pan.last4(digits) if place.shape.show == "last4" else pan.mask(digits)


def token_text(place: CardPlace) -> str:
    """The card's token as one text: its digits where the shape shows those, else its alias; empty where
    it got none."""
    if place.token is None:
        return ""
    return place.digits.text if place.digits is not None else place.token.alias


def _insert(
    document: Document,
    booking: BookingPlace,
    clear: Sequence[CardPlace],
    rule: Tokenize,
    bins: Bins,
    *,
    several: bool,
) -> Iterator[Change]:
    values = [_values(place, rule, bins) for place in clear]
    for place, said in zip(clear, values, strict=True):
        position = place.position if several else None
        for item in rule.insert if place.token is not None else rule.on_failure:
            if item.each != "card" or (item.shapes and place.shape.name not in item.shapes):
                continue
            if not booking.stray or _takes(document, place):
                yield Insert(_parent(document, item, booking, place), item.content, said, position)
    if booking.stray:
        return
    any_token = any(place.token is not None for place in clear)
    any_b2b = any(said["b2b"] == "1" for said in values)
    whole = {**values[0], "b2b": "1" if any_b2b else "0"}
    for item in (*rule.insert, *(() if any_token else rule.on_failure)):
        if item.each == "booking":
            yield Insert(_parent(document, item, booking, clear[0]), item.content, whole)


def _values(place: CardPlace, rule: Tokenize, bins: Bins) -> dict[str, str]:
    digits = place.card.pan.reveal() if place.card is not None else ""
    token = place.token
    failure = place.failure if token is None else None
    return {
        "b2b": "1" if digits and bins.prefixes and bins.is_b2b(digits) else "0",
        "masked": shown(place),
        "position": str(place.position),
        "iduser": "" if token is None else str(token.iduser),
        "tokenuser": "" if token is None else token.tokenuser,
        "alias": "" if token is None else token.alias,
        "error": "" if failure is None else rule.errors.get(failure, failure.value),
        "last4": digits[-4:],
        "brand": pan.brand_of(digits) if digits else "",
    }


def _takes(document: Document, place: CardPlace) -> bool:
    """Whether a card takes what its booking, a list, can not."""
    malformed = place.failure is Failure.CARD_MALFORMED
    return not malformed and not document.instead(place.node)


def _parent(document: Document, item: Inserted, booking: BookingPlace, place: CardPlace) -> Node:
    """Where something is inserted: a booking that is a list takes nothing, its cards do."""
    if item.of == "card" and place.node == booking.node and place.shape.card.steps:
        return booking.node  # the card's node is missing
    base = place.node if item.of == "card" or booking.stray else booking.node
    found = document.select(item.into, base)
    fits = found and not document.instead(found[0])
    if fits:
        return found[0]
    return place.node if booking.stray else booking.node
