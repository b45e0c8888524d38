"""A message put through a rule without vault, keys or network: for `rules test` and `explain`.

The stages are the real ones. Tokens are invented and always the same (`Example000001`, …); where
cards are put in, every token resolves to one published test card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final

from gateway.cards.bins import Bins
from gateway.cards.card import Card, Failure
from gateway.cards.digits import DigitsToken, draw_digits
from gateway.cards.expiry import Expiry
from gateway.cards.token import Presented, Token
from gateway.codecs.document import Change, Document, Known, Node, Remove, Set
from gateway.codecs.edits import Edit
from gateway.codecs.envelope import Layout, open_layout, opened
from gateway.errors import MessageUnfit
from gateway.rules.model_directions import Pair, Tokenize
from gateway.rules.model_shapes import Shape
from gateway.secret import Secret
from gateway.stages.card_place import CardPlace
from gateway.stages.carrying import give, hints_of, mark_asking
from gateway.stages.detokenize import TokenSpot, put_in, read_tokens
from gateway.stages.digits_back import came_back, leave
from gateway.stages.messages import layout_of
from gateway.stages.reading import BookingPlace, read_bookings
from gateway.stages.tokenize import shown, take_out
from gateway.stages.virtual import read_virtual
from gateway.vault.carried import fitting
from gateway.vault.model import Found

EXAMPLE_NUMBER: Final = "4111111111111111"
EXAMPLE_EXPIRY: Final = Expiry(2030, 12)
EXAMPLE_HOLDER: Final = "Jane Doe"


@dataclass(frozen=True, slots=True)
class TriedCard:
    """One card node (or token): where it stands, and what becomes of it."""

    shape: Shape | Pair
    booking: int  # 1-based, among the bookings that hold a card node
    position: int  # 1-based, within its booking
    offset: int  # where the number's (or token's) text starts in the message
    shown: str  # what stands there afterwards
    left_alone: bool = False
    asks_again: bool = False  # left alone, for all zeros stand there
    failure: Failure | None = None
    virtual: bool = False
    hotel: str | None = None


@dataclass(frozen=True, slots=True)
class TriedBooking:
    """A booking that came without a card and asks for the tokens that it had last."""

    booking_id: str
    hotel: str | None
    carried: int  # of what the vault would have, were that the example card


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a message."""

    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    edits: tuple[Edit, ...]
    cards: tuple[TriedCard, ...]
    bookings: int = 0  # with card data
    issues: tuple[str, ...] = ()  # what an issuer would be sent
    layout: Layout | None = None
    asking: tuple[TriedBooking, ...] = ()

    @property
    def is_coded(self) -> bool:
        """Whether what changes stands in base64."""
        layers = self.layout.envelopes if self.layout is not None else ()
        return any(layer.coding != "text" for layer in layers)

    def texts(self) -> tuple[str, str]:
        """The message before and after, and behind it what its envelopes hold."""
        return _readable(self.layout, self.before), _readable(self.layout, self.after)


def untouched(body: bytes) -> Trial:
    """Nothing comes of `body`."""
    return Trial(body, body, (), ())


def try_tokenize(body: bytes, rule: Tokenize, system: str, *, doctype: bool = False) -> Trial:
    """Takes the cards out of `body`. Raises the codecs' and stages' refusals."""
    layout = layout_of(rule.shapes)
    document = open_layout(layout, body, Known(doctype=doctype))
    bookings = bookings_in(document, rule, system)
    number = 0
    for booking in bookings:
        for place in booking.cards:
            if place.card is not None:
                number += 1
                give_example(place, number)
    if rule.carry_forward:
        give_examples(document, bookings, number)
    cards = tuple(
        TriedCard(
            shape=place.shape,
            booking=n,
            position=place.position,
            offset=offset_of(document, place.number or place.cvcs[0]),
            shown=place.text.reveal() if place.left_alone else shown(place),
            left_alone=place.left_alone,
            asks_again=place.asks_again,
            failure=place.failure,
            virtual=not place.left_alone and read_virtual(document, place) is not None,
            hotel=booking.booking.hotel,
        )
        for n, booking in enumerate((one for one in bookings if one.cards), 1)
        for place in booking.cards
    )
    asking = tuple(
        TriedBooking(one.booking.booking_id or "", one.booking.hotel, len(one.carried))
        for one in bookings
        if one.asks
    )
    changes = take_out(document, bookings, rule, Bins())
    with_cards = sum(booking.has_card_data for booking in bookings)
    trial = trial_of(document, body, changes, cards, with_cards)
    return replace(trial, layout=layout, asking=asking)


def bookings_in(document: Document, rule: Tokenize, system: str) -> list[BookingPlace]:
    """The bookings with their cards. What has the form of a token of digits is one: there is no vault to
    ask."""
    every = rule.carry_forward
    bookings = read_bookings(document, rule.shapes, system, without_cards=every)
    leave(came_back(bookings))
    return bookings


def try_detokenize(body: bytes, shapes: Sequence[Shape], *, doctype: bool = False) -> Trial:
    """Puts the example card in place of each token. Raises the codecs' and stages' refusals."""
    layout = layout_of(shapes)
    document = open_layout(layout, body, Known(doctype=doctype))
    tokens = [
        (spot, token)
        for shape in shapes
        for spot in read_tokens(document, shape)
        if (token := token_meant(spot.presented)) is not None
    ]
    changes = put_in(document, [(spot, example_card(token)) for spot, token in tokens])
    cards = tuple(
        TriedCard(spot.shape, 1, n, offset_of(document, _node(spot)), EXAMPLE_NUMBER)
        for n, (spot, _) in enumerate(tokens, 1)
    )
    return replace(trial_of(document, body, changes, cards, 1 if tokens else 0), layout=layout)


def trial_of(
    document: Document,
    body: bytes,
    changes: Sequence[Change],
    cards: tuple[TriedCard, ...],
    bookings: int,
) -> Trial:
    """What comes of a message when `changes` are made."""
    spliced = document.splice(changes)
    return Trial(body, spliced.body, tuple(spliced.edits), cards, bookings)


def _readable(layout: Layout | None, body: bytes) -> str:
    inside = opened(layout, body) if layout is not None else []
    return "\n".join(text.decode("utf-8", "replace") for text in (body, *inside))


def offset_of(document: Document, node: Node) -> int:
    """Where a place's text starts; where it is the whole message, the beginning."""
    edits = edits_of(document, node)
    return edits[0].start if edits else 0


def edits_of(document: Document, node: Node) -> Sequence[Edit]:
    """A place's bytes: the codec tells them with the edit that would replace its text.

    An empty list or object can not be replaced by a text: for it, those of its removal; where it is the
    whole message, none.
    """
    for change in (Set(node, "-"), Remove(node)):
        try:
            return document.splice([change]).edits
        except MessageUnfit:
            continue
    return ()


def _node(spot: TokenSpot) -> Node:
    held: Sequence[Node] = spot.pair or spot.numbers
    return held[0] if held else spot.node


def example_token(number: int) -> Token:
    """The invented token of the message's n-th card."""
    return Token(number, f"Example{number:06d}", test=False)


def give_examples(document: Document, bookings: Sequence[BookingPlace], number: int) -> None:
    """What the vault would give back, were the example card every booking's last; tokens count on from
    `number`."""
    mark_asking(bookings)
    for booking in bookings:
        if booking.asks:
            number += 1
            card = example_card(example_token(number))
            hints = hints_of(document, booking)
            found = fitting([(card.token, card.card)], hints)
            digits = example_digits(EXAMPLE_NUMBER, number)
            give(document, booking, [replace(one, digits=digits) for one in found])


def give_example(place: CardPlace, number: int) -> None:
    """The invented token of the message's n-th card, for its place; and one of digits that is shown:
    `9900000001` and the last four, for a first card of sixteen digits that the check digit allows."""
    place.token = example_token(number)
    if place.card is not None and place.shape.show == "digits":
        place.digits = example_digits(place.card.pan.reveal(), number)


def example_digits(pan: str, number: int) -> DigitsToken:
    """The invented token of digits of the message's n-th card."""
    drawn = count(number)
    return draw_digits(pan, random=lambda _: next(drawn))


def token_meant(presented: Presented) -> Token | None:
    """The token that stands there; of digits one that is invented, for any card's are told by their form."""
    return example_token(1) if presented.digits is not None else presented.ours


def example_card(token: Token) -> Found:
    """The card that every token resolves to."""
    card = Card(Secret(EXAMPLE_NUMBER), EXAMPLE_EXPIRY, Secret(EXAMPLE_HOLDER))
    return Found(token, "example", card, None)
