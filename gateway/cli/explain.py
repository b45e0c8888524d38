"""`rules explain`: what a route would do with a message, told without showing a card.

Numbers appear with their first six and last four digits, security codes not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.cards import pan
from gateway.cards.failures import advice
from gateway.cli.trial import Trial, TriedCard
from gateway.cli.trying import Action, try_message
from gateway.rules.model import Direction, Pair, Route, Shape

_HTTP_HEAD: Final = re.compile(rb"[A-Z]+ \S+ HTTP/[0-9.]+\r?\n")
_ALIAS: Final = re.compile(r"\b(tok_(?:test_)?[0-9]+_)[0-9A-Za-z]{13}\b")
_TOKENUSER: Final = re.compile(r"\b[0-9A-Za-z]{13}\b")
_SHORT: Final = re.compile(r"(?<![*0-9])(?![0-9]{6}\*)[0-9]+")
_DIGITS: Final = re.compile(r"(?<![*0-9])[0-9](?:[ -]?[0-9])+")  # not the end of a mask


@dataclass(frozen=True, slots=True)
class Change:
    """Some bytes of the message, before and after, masked."""

    start: int
    end: int
    line: int
    column: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything there is to say about one message on one route."""

    action: Action
    trial: Trial
    changes: tuple[Change, ...]

    def lines(self) -> Iterator[str]:
        """The same for a reader."""
        cards = self.trial.cards
        if self.action == "refuse":
            yield "Nothing stands where the route looks for what it refuses: the message passes."
            return
        if not cards:
            noun = "card" if self.action == "tokenize" else "token"
            yield f"No {noun} was found where the route's shapes look: the message passes as it is."
            return
        for number, card in enumerate(cards, 1):
            yield f"{number}. {self.describe(card)}"
        yield ""
        if not self.changes:
            yield "Nothing changes: the very same bytes go on."
        for change in self.changes:
            yield f"bytes {change.start}-{change.end}, line {change.line}, column {change.column}"
            yield f"  - {change.before}" if change.before else "  (inserted)"
            yield f"  + {change.after}" if change.after else "  (removed)"

    def describe(self, card: TriedCard) -> str:
        """One card in one sentence."""
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
            return f"{where} is empty, a mask, a sentinel or a token: left alone"
        if card.failure is not None:
            return f"{where} becomes {card.shown} and fails: {advice(card.failure).reason}"
        kind = ", a virtual card" if card.virtual else ""
        return f"{where} becomes {card.shown} and gets a token{kind}"


def explain(route: Route, direction: str, body: bytes) -> Explanation:
    """Runs `body` through one direction of a route. Raises the codecs' and stages' refusals."""
    action, trial = try_message(route, direction, body)
    return Explanation(action, trial, tuple(_changes(trial)))


def shapes_of(route: Route, direction: str) -> Sequence[Shape | Pair]:
    """The shapes, or pairs, that look at one direction of a route."""
    rule: Direction = getattr(route, direction)
    if rule.exchange is not None:
        return rule.exchange.pairs
    return rule.tokenize.shapes if rule.tokenize is not None else rule.detokenize


def body_of(raw: bytes) -> bytes:
    """A file's message: without the head, where the file is a whole HTTP request."""
    if not _HTTP_HEAD.match(raw):
        return raw
    head = re.search(rb"\r?\n\r?\n", raw)
    return raw[head.end() :] if head else b""


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
    for edit in trial.edits:
        line, column = place_of(trial.before, edit.start)
        if trial.is_coded:  # nothing in it could be masked
            before, after = f"({edit.end - edit.start} bytes of base64)", f"({len(edit.new)} bytes)"
            yield Change(edit.start, edit.end, line, column, before, after)
            continue
        before = hide_all(trial.before[edit.start : edit.end].decode("utf-8", "replace"))
        after = hide(edit.new.decode("utf-8", "replace"))
        yield Change(edit.start, edit.end, line, column, before, after)


def hide(text: str) -> str:
    """`text` with card numbers masked, and aliases without their secret half."""
    return _DIGITS.sub(_masked, _ALIAS.sub(r"\1…", text))


def hide_all(text: str) -> str:
    """What was in the message: besides, shorter numbers go (a CVC, half a card) and what may be a
    tokenuser."""
    return _TOKENUSER.sub("…", _SHORT.sub(lambda found: "*" * len(found[0]), hide(text)))


def _masked(found: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", found[0])
    return pan.mask(digits) if len(digits) >= 12 else found[0]
