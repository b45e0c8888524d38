"""`rules explain`: what a route would do with a message, told without showing a card.

Numbers appear with their first six and last four digits, security codes not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.cards.failures import advice
from gateway.cli.hiding import context, cross_out, hide, hide_all, printable
from gateway.cli.outside import Outside, find_outside
from gateway.cli.reasons import holds, no_token, reasons, why_failed
from gateway.cli.spans import Piece, Sides
from gateway.cli.trial import Trial, TriedBooking, TriedCard, bookings_in, edits_of
from gateway.cli.trying import Action, try_message
from gateway.codecs.document import Known
from gateway.codecs.edits import Edit
from gateway.codecs.envelope import open_layout, opened
from gateway.rules.by_sign import by_first_sign
from gateway.rules.model import Route
from gateway.rules.model_directions import Direction, Pair, Tokenize
from gateway.rules.model_shapes import Shape
from gateway.stages.messages import layout_of
from gateway.stages.reading import read_not_cards
from gateway.stages.select import bookings_of

_AROUND: Final = 50  # bytes that are shown on each side of a change


@dataclass(frozen=True, slots=True)
class Change:
    """Some bytes of the message, before and after, masked."""

    start: int
    end: int
    line: int
    column: int
    before: str
    after: str
    sides: Sides  # the same, with what stands around it


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything there is to say about one message on one route."""

    action: Action
    trial: Trial
    changes: tuple[Change, ...]
    reasons: tuple[str, ...] = ()  # why nothing was found, or what else stands there
    more: tuple[str, ...] = ()  # of each card that is tokenised, see `describe`
    outside: tuple[Outside, ...] = ()  # cards that no shape led to

    def lines(self) -> Iterator[str]:
        """The cards, for a reader; or why there is none."""
        cards = self.trial.cards
        if self.action == "refuse":
            yield "Nothing stands where the route looks for what it refuses: the message passes."
            return
        if not cards and not self.trial.asking:
            noun = "card" if self.action == "tokenize" else "token"
            yield f"No {noun} was found where the route's shapes look: the message passes as it is."
        for number, card in enumerate(cards, 1):
            more = self.more[number - 1] if self.more else ""
            yield f"{number}. {self.describe(card, more)}"
        for booking in self.trial.asking:
            yield asks_for(booking)
        for reason in self.reasons:
            yield f"  {reason}"
        if cards and not self.changes:
            yield "Nothing changes: the very same bytes go on."

    def describe(self, card: TriedCard, more: str) -> str:
        """One card in one sentence. `more`: what it is that is left alone, or why it fails."""
        line, column = place_of(self.trial.before, card.offset)
        kind = "pair" if isinstance(card.shape, Pair) else "shape"
        where = f"line {line}, column {column}: {path_of(card)} ({kind} `{card.shape.name}`)"
        if self.action == "exchange":
            return f"{where}: ours and the processor's own are exchanged"
        if self.action == "detokenize":
            return f"{where} holds a token; the card takes its place"
        if card.asks_again:
            return f"{where} holds zeros, left alone: the partner wants to be asked again"
        if card.left_alone:
            return f"{where} holds {more}: left alone"
        if card.failure is not None:
            reason = advice(card.failure).reason + (f" ({more})" if more else "")
            return f"{where} becomes {card.shown} and fails: {reason}"
        kind = ", a virtual card" if card.virtual else ""
        return f"{where} becomes {card.shown} and gets a token{kind}"


def asks_for(booking: TriedBooking) -> str:
    """What becomes of a booking without a card, in one sentence."""
    where = f"Booking {printable(hide(booking.booking_id))}"
    said = f"{where} has no card: the gateway would ask the vault for the booking's last card"
    if booking.carried:
        return f"{said}. Shown as if that were 411111******1111, 12/2030."
    return f"{said}, and hand it out if what stands in its place fits."


def explain(route: Route, direction: str, body: bytes) -> Explanation:
    """Runs `body` through one direction of a route. Raises the codecs' and stages' refusals."""
    rule = by_first_sign(getattr(route, direction), body)
    action, trial = try_message(route, direction, body)
    known = Known(doctype=route.doctype)
    said = tuple(_reasons(rule, body, trial, known))
    more = tuple(_more(rule.tokenize, route, body, known)) if rule.tokenize is not None else ()
    places = [*trial.edits, *_numbers(rule, body, known)]
    outside = tuple(find_outside(body, places, _not_cards(rule, body, known)))
    return Explanation(action, trial, tuple(_changes(trial)), said, more, outside)


def _reasons(rule: Direction, body: bytes, trial: Trial, known: Known) -> Iterator[str]:
    """Where each shape's way ends, when no shape has found a card."""
    shapes = _shapes(rule)
    if trial.cards or trial.asking or not shapes:
        return
    layout = layout_of(shapes)
    document = open_layout(layout, body, known)
    inside = opened(layout, body)  # the innermost is what the shapes are about
    for shape in shapes:
        kind = "pair" if isinstance(shape, Pair) else "shape"
        said = list(reasons(document, shape, inside[-1] if inside else body))
        if not said and isinstance(shape, Shape) and rule.detokenize:
            said = list(no_token(document, shape))
        for reason in said:
            yield f"{kind} {shape.name}: {reason}"


def _not_cards(rule: Direction, body: bytes, known: Known) -> set[str]:
    """The digits that the rule's shapes say are no card's."""
    if rule.tokenize is None:
        return set()
    document = open_layout(layout_of(rule.tokenize.shapes), body, known)
    return set().union(*(read_not_cards(document, shape) for shape in rule.tokenize.shapes))


def _numbers(rule: Direction, body: bytes, known: Known) -> Iterator[Edit]:
    """The places of a charge's numbers: a card that stands there is where the shape has one."""
    if not rule.detokenize:
        return
    document = open_layout(layout_of(rule.detokenize), body, known)
    for shape in rule.detokenize:
        for booking in bookings_of(document, shape):
            for card in document.select(shape.card, booking):
                for node in document.select(shape.number.at, card):
                    yield from edits_of(document, node)


def _more(rule: Tokenize, route: Route, body: bytes, known: Known) -> Iterator[str]:
    """In the order of a trial's cards."""
    document = open_layout(layout_of(rule.shapes), body, known)
    for booking in bookings_in(document, rule, route.system):
        for place in booking.cards:
            if place.left_alone:
                yield holds(document, place.shape, place.number)
            else:
                yield why_failed(document, place)


def shapes_of(route: Route, direction: str) -> Sequence[Shape | Pair]:
    """The shapes, or pairs, that look at one direction of a route."""
    return _shapes(getattr(route, direction))


def shapes_for(route: Route, direction: str, body: bytes) -> Sequence[Shape | Pair]:
    """Those of them that look at such a body."""
    return _shapes(by_first_sign(getattr(route, direction), body))


def _shapes(rule: Direction) -> Sequence[Shape | Pair]:
    if rule.exchange is not None:
        return rule.exchange.pairs
    return rule.shapes


def path_of(card: TriedCard) -> str:
    """How the shape leads to a card, with its numbers: `//HotelReservation[2] .//PaymentCard[1]`."""
    shape = card.shape
    if isinstance(shape, Pair):
        return f"{shape.at.text} {shape.iduser.at.text}, {shape.tokenuser.at.text}"
    booking = f"{shape.booking.text}[{card.booking}] " if shape.booking else ""
    return f"{booking}{shape.card.text}[{card.position}] {shape.number.at.text}"


def place_of(body: bytes, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of a byte."""
    start = body.rfind(b"\n", 0, offset) + 1
    column = len(body[start:offset].decode("utf-8", "replace")) + 1
    return body.count(b"\n", 0, offset) + 1, column


def _changes(trial: Trial) -> Iterator[Change]:
    body = trial.before
    for edit in trial.edits:
        line, column = place_of(body, edit.start)
        if trial.is_coded:  # nothing in it could be masked
            gone, come = f"({edit.end - edit.start} bytes of base64)", f"({len(edit.new)} bytes)"
            sides = Sides(((Piece(gone, changed=True),),), ((Piece(come, changed=True),),))
            yield Change(edit.start, edit.end, line, column, gone, come, sides)
            continue
        old, new = _text(body[edit.start : edit.end]), _text(edit.new)
        begin = max(body.rfind(b"\n", 0, edit.start) + 1, edit.start - _AROUND)
        newline = body.find(b"\n", edit.end)
        end = min(newline if newline >= 0 else len(body), edit.end + _AROUND)
        lead = Piece(context(_text(body[begin : edit.start])).lstrip())
        tail = Piece(context(_text(body[edit.end : end])))
        sides = Sides(
            ((lead, Piece(cross_out(old), changed=True), tail),),
            ((lead, Piece(hide(new), changed=True), tail),),
        )
        yield Change(edit.start, edit.end, line, column, hide_all(old), hide(new), sides)


def _text(part: bytes) -> str:
    return printable(part.decode("utf-8", "replace"))
