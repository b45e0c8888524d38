"""Finding tokens in a message, and writing the cards in their place. Pure, like tokenize.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from gateway.cards import expiry as expiries
from gateway.cards import pan
from gateway.cards.token import Presented, present, present_pair
from gateway.codecs.document import Add, Change, Document, Node, Remove, Set
from gateway.errors import (
    CardNotYetActive,
    LiveHostForbidden,
    MessageForbidden,
    MessageUnfit,
    StandInForbidden,
    TokenMalformed,
)
from gateway.rules.model_shapes import Field, Shape
from gateway.stages.fields import around, places_of, shared_expiries, texts_of, to_write
from gateway.stages.select import bookings_of, cards_of, only
from gateway.vault.model import Found


@dataclass(frozen=True, slots=True)
class TokenSpot:
    """A card node that holds what may be a token: a text in the number's place, or a pair of fields.

    An alias can only be ours. What else stands there may be another issuer's, and then passes as it is.
    """

    shape: Shape
    node: Node
    presented: Presented
    numbers: Sequence[Node]  # where the token stands, or with a pair where the number goes
    pair: tuple[Node, Node] | None
    lacks_cvc: bool = False  # the shape has a place for a security code, and the caller sent none


def read_tokens(document: Document, shape: Shape) -> list[TokenSpot]:
    """Every card node that holds what may be a token, in document order.

    Raises `TokenMalformed` where half a pair is missing, `MessageForbidden` where a field stands
    there twice, or two cards share an expiry.
    """
    nodes = [
        node for top in bookings_of(document, shape) for node in cards_of(document, shape, top)
    ]
    found = [_read_token(document, shape, node) for node in nodes]
    spots = [spot for spot in found if spot is not None]
    if spots and _shares(document, shape, nodes):
        raise MessageForbidden
    return spots


def _shares(document: Document, shape: Shape, nodes: Sequence[Node]) -> bool:
    """Whether two cards would get one expiry: the second would be sent with the first one's."""
    if not shape.expires_outside:
        return False
    held = [
        (shape, node)
        for node in nodes
        if any(text.strip(" 0") for text in texts_of(document, shape.number, node))
        or _read_pair(document, shape, node) is not None
    ]
    return bool(shared_expiries(document, held))


def _read_token(document: Document, shape: Shape, node: Node) -> TokenSpot | None:
    numbers, said = _read_text(document, shape, node)
    pair = _read_pair(document, shape, node) if said is None or said.ours is None else None
    if pair is not None:
        said = present_pair(*map(document.text, pair))
        numbers = to_write(document, shape.number, node)
    if said is None or not said.is_token:
        return None
    return TokenSpot(shape, node, said, numbers, pair, _lacks_cvc(document, shape, node))


def _read_text(
    document: Document, shape: Shape, node: Node
) -> tuple[Sequence[Node], Presented | None]:
    """The places of the number that hold a token, and which.

    Raises `MessageForbidden` where a token of ours stands beside another text than itself or a mask:
    the card would be sent together with another one's number.
    """
    places = places_of(document, shape.number, node)
    if len(places) < 2:
        return places, present(document.text(places[0])) if places else None
    told: dict[str, list[Node]] = {}
    for place in places:
        text = document.text(place).strip()
        if not _is_mask(text):
            told.setdefault(text, []).append(place)
    said = {text: present(text) for text in told}
    if len(told) == 1:
        return next(iter(told.values())), next(iter(said.values()))
    if any(one.ours is not None or one.digits is not None for one in said.values()):
        raise MessageForbidden
    return (), None


def _is_mask(text: str) -> bool:
    """Whether a text is empty, or stands for a number that is not shown: no token of anybody's."""
    return pan.is_no_card(text) and not any(map(str.isalpha, text.casefold().replace("x", "")))


def _read_pair(document: Document, shape: Shape, node: Node) -> tuple[Node, Node] | None:
    if shape.token is None:
        return None
    iduser = only(document, shape.token.iduser, node)
    tokenuser = only(document, shape.token.tokenuser, node)
    if iduser is None and tokenuser is None:
        return None
    if iduser is None or tokenuser is None:
        raise TokenMalformed
    return iduser, tokenuser


def _lacks_cvc(document: Document, shape: Shape, node: Node) -> bool:
    if shape.cvc is None:
        return False
    return not texts_of(document, shape.cvc, node)


def check_use(found: Found, *, test_host: bool, today: date) -> None:
    """Whether a card may be sent there, now.

    1. A test card never reaches a live host (a hotel's books would show a sale that never was).
    2. A live card never reaches a stand-in, whose operator is no partner.
    3. A virtual card is not charged before its activation.
    """
    if found.token.test and not test_host:
        raise LiveHostForbidden
    if not found.token.test and test_host:
        raise StandInForbidden
    virtual = found.booking.virtual if found.booking else None
    if virtual and virtual.active_from and today < virtual.active_from:
        raise CardNotYetActive


def shown_again(spot: TokenSpot, found: Found) -> str:
    """What stands for the card's number wherever the partner repeats it: what the caller sent for it."""
    digits = spot.presented.digits
    return found.token.alias if digits is None else digits.text


def put_in(document: Document, cards: Sequence[tuple[TokenSpot, Found]]) -> list[Change]:
    """What changes in the message: each token's card takes its place.

    Fields that are there are overwritten, absent ones are added beside the number; what the shape's
    `keep:` names and the brand stay as the caller sent them, and so does a CVC that he sent; one that
    he did not send, and that is held, is put in. Raises `MessageUnfit` where two cards would write different
    texts into one place.
    """
    changes: list[Change] = []
    written: dict[Node, str] = {}
    for spot, found in cards:
        changes += _put_in_one(document, spot, found, written)
    if any(
        spot.shape.own_card or (spot.shape.holder and spot.shape.holder.outside)
        for spot, _ in cards
    ):
        return list(dict.fromkeys(changes))  # one holder's name for several cards is written once
    return changes


def _put_in_one(
    document: Document, spot: TokenSpot, found: Found, written: dict[Node, str]
) -> list[Change]:
    beside = (*spot.numbers, *(spot.pair or ()), spot.node)[0]
    changes: list[Change] = []
    for name, rule, text in _texts_of(document, spot, found):
        if rule is None or rule.joined or name in spot.shape.keep:
            continue
        nodes = spot.numbers if name == "number" else to_write(document, rule, spot.node)
        if any(written.setdefault(node, text) != text for node in nodes):
            raise MessageUnfit
        # A month that the caller sent as a JSON number stays one.
        for node in nodes:
            bare = rule.number or (name != "number" and document.is_number(node))
            changes += _set(document, node, text, number=bare)
        if not nodes:
            changes.append(Add(spot.node, rule.at, beside, text, rule.number))
    changes += [Remove(node) for node in spot.pair or ()]
    return changes


def _texts_of(
    document: Document, spot: TokenSpot, found: Found
) -> list[tuple[str, Field | None, str]]:
    """What is to be written of a card: the field's name, its rule, its text."""
    shape, card = spot.shape, found.card
    texts: list[tuple[str, Field | None, str]] = [("number", shape.number, card.pan.reveal())]
    if card.expiry is not None:
        for name, rule in _expiry_fields(document, shape, spot.node):
            texts.append((name, rule, expiries.write(card.expiry, rule.spelling)))
    if card.holder is not None:
        texts.append(("holder", shape.holder, card.holder.reveal()))
    if found.cvc is not None and spot.lacks_cvc:
        texts.append(("cvc", shape.cvc, found.cvc.reveal()))
    return texts


def _expiry_fields(document: Document, shape: Shape, card: Node) -> list[tuple[str, Field]]:
    """The fields that the expiry goes to. Of a shape that has it in one or in two: where something stands,
    else where the message has a place, else the one."""
    whole = [("expiry", shape.expiry)] if shape.expiry else []
    month, year = shape.expiry_month, shape.expiry_year
    parts = [("expiry_month", month), ("expiry_year", year)] if month and year else []
    if not (whole and parts):
        return whole or parts
    ways = (whole, parts)
    held = [way for way in ways if any(texts_of(document, rule, card) for _, rule in way)]
    there = [way for way in ways if any(places_of(document, rule, card) for _, rule in way)]
    return [field for way in held or there[:1] or [whole] for field in way]


def _set(document: Document, node: Node, text: str, *, number: bool) -> list[Set]:
    """The value of a place. Where the caller says the same already, his spelling of it stays."""
    there = document.text(node)
    new = around(there, text)
    same = new == there and number == document.is_number(node)
    return [] if same else [Set(node, new, number)]
