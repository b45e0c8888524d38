"""One card node, and what is read there by the shapes that name it. Pure.

1. Where two shapes fit one card node, the first whose number is clear is the card. Two clear numbers
   in one node are refused.
2. Where a shape's number has several places, the same clear one may stand in all of them; two that
   differ are refused, for nothing says which is the card. So are two security codes of one shape. Of
   two expiries that differ neither is taken, and the card fails; so it is with one in a field and one in two.
3. A clear CVC is found with or without a number beside it.
4. Where a partner's own token stands (`foreign`), what could be no real card is that token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.cards import expiry as expiries
from gateway.cards import pan
from gateway.cards.card import Card, Failure, Left
from gateway.cards.digits import DigitsToken
from gateway.cards.expiry import Expiry
from gateway.cards.scan import find_cards
from gateway.cards.token import Token, parse_alias
from gateway.codecs.document import Document, Node
from gateway.errors import MessageForbidden
from gateway.rules.model_shapes import Shape
from gateway.secret import Secret
from gateway.stages.fields import expiry_texts_of, places_of, text_of, texts_of


@dataclass(slots=True)
class CardPlace:
    """One card node: where its number and CVCs stand, and what was read.

    At most one of `card` and `failure` is set at first; neither where there is no clear card
    (`left_alone`, and `left` says why). The swap then sets `token`, with `digits` where the shape shows
    those, or a `failure` that it met. `number` is None where a node holds nothing but a CVC. `copies` are the other places that hold the same
    clear number.
    """

    shape: Shape
    node: Node
    number: Node | None
    cvcs: tuple[Node, ...]
    text: Secret[str]
    position: int
    card: Card | None = None
    failure: Failure | None = None
    token: Token | None = None
    digits: DigitsToken | None = None
    left: Left | None = None
    copies: tuple[Node, ...] = ()

    @property
    def left_alone(self) -> bool:
        """Whether the number is absent, empty, a mask, a sentinel or a token already."""
        return self.card is None and self.failure is None

    @property
    def asks_again(self) -> bool:
        """Whether all zeros stand where the number should: the partner failed to read the card."""
        return self.left_alone and self.left is Left.ZEROS


def read_place(
    document: Document, shapes: Sequence[Shape], node: Node, position: int
) -> CardPlace | None:
    """The card of one node, read by the shape whose number is clear; None where it holds nothing."""
    cvcs = _read_cvcs(document, shapes, node)
    alone: CardPlace | None = None
    clear: CardPlace | None = None
    for shape in shapes:
        place, digits, is_clear = _read_number(document, shape, node, position)
        if place is None:
            continue
        place.cvcs = cvcs
        if not is_clear:
            alone = alone or place
            continue
        if clear is not None:
            raise MessageForbidden
        place.card, place.failure = _read_card(document, place, digits)
        clear = place
    if clear is None and alone is None and cvcs:
        return CardPlace(shapes[0], node, None, cvcs, Secret(""), position)
    return clear or alone


def _read_cvcs(document: Document, shapes: Sequence[Shape], node: Node) -> tuple[Node, ...]:
    """Every place of a security code, of all shapes. Raises `MessageForbidden` where one shape's
    places hold two codes."""
    found: list[Node] = []
    for shape in shapes:
        places = places_of(document, shape.cvc, node)
        if len(places) > 1:
            said = {document.text(place).strip() for place in places}
            if len([code for code in said if any(map(str.isnumeric, code))]) > 1:
                raise MessageForbidden
        found += places
    return tuple(dict.fromkeys(found) if len(found) > 1 else found)


def _read_number(
    document: Document, shape: Shape, node: Node, position: int
) -> tuple[CardPlace | None, str | None, bool]:
    """The place of one shape's number, the digits that it spells, and whether it is clear.

    Raises `MessageForbidden` where two of its places hold clear numbers that differ.
    """
    alone: CardPlace | None = None
    clear: CardPlace | None = None
    clear_digits: str | None = None
    for number in places_of(document, shape.number, node):
        text = document.text(number)
        digits = pan.digits_of(text)
        left = left_alone(shape, text, digits)
        if left is None and shape.foreign and _is_foreign(text):
            left = Left.FOREIGN
        if left is not None:
            if alone is None or alone.left is Left.EMPTY:
                alone = CardPlace(shape, node, number, (), Secret(text), position, left=left)
        elif clear is None:
            clear, clear_digits = CardPlace(shape, node, number, (), Secret(text), position), digits
        elif digits != clear_digits or (
            digits is None and text.strip() != clear.text.reveal().strip()
        ):
            raise MessageForbidden
        else:
            clear.copies += (number,)
    return clear or alone, clear_digits, clear is not None


def left_alone(shape: Shape, text: str, digits: str | None) -> Left | None:
    """Why a number's `text` is no clear card, None where it may be one; `digits` are the 12 to 19 that
    it spells."""
    if digits is not None and digits.strip("0") and text not in shape.sentinels:
        return None  # no mask and no token is all digits
    if pan.is_zeros(text):
        return Left.ZEROS
    if text in shape.sentinels:
        return Left.SENTINEL
    if parse_alias(text) is not None:
        return Left.OURS
    if not pan.is_no_card(text):
        return None
    return Left.MASK if text.strip() else Left.EMPTY


def _is_foreign(text: str) -> bool:
    """Whether a partner's token stands here. The guard asks the same of the whole answer, so that
    what is left alone arrives, and what looks like a card is one: better a token lost than a card
    told.
    """
    return not find_cards(text.encode("utf-8", "surrogatepass"))


def _read_card(
    document: Document, place: CardPlace, digits: str | None
) -> tuple[Card | None, Failure | None]:
    shape = place.shape
    if digits is None:
        return None, Failure.NUMBER_INVALID
    expiry, said = read_expiry(document, shape, place.node)
    rule = shape.expiry or shape.expiry_year
    if expiry is None and rule is not None and (said or not rule.optional):
        return None, Failure.EXPIRY_INVALID
    codes = [text for one in place.cvcs if (text := document.text(one).strip())]
    cvc = codes[0] if codes else ""
    if len(codes) > 1:  # a mask may stand in the first of its places
        cvc = next((code for code in codes if any(map(str.isnumeric, code))), cvc)
    if shape.cvc_required and not cvc:
        return None, Failure.CVC_MISSING
    holder = text_of(document, shape.holder, place.node)
    return (
        Card(Secret(digits), expiry, Secret(holder) if holder else None, Secret(cvc) if cvc else None),
        None,
    )  # fmt: skip


def read_expiry(document: Document, shape: Shape, card: Node) -> tuple[Expiry | None, bool]:
    """The card's expiry, and whether the message says one, read or not."""
    texts: list[str] = []
    if shape.expiry:
        texts = expiry_texts_of(document, shape.expiry, card)
        if len(texts) == 1 and not shape.expiry.also_read and not shape.expiry_month:
            return expiries.parse(texts[0], shape.expiry.spelling), True
    read = {expiries.parse_any(text, shape.expiry.spellings) for text in texts if shape.expiry}
    said = bool(texts)
    if shape.expiry_month:
        months = texts_of(document, shape.expiry_month, card)
        years = texts_of(document, shape.expiry_year, card)
        read |= {expiries.from_fields(month, year) for month in months for year in years}
        said = said or bool(months or years)
    read.discard(None)
    return (read.pop() if len(read) == 1 else None), said
