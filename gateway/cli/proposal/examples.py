"""The examples of a proposal: which cards stand in them, and what is expected."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from gateway.cards import expiry, pan
from gateway.cli.proposal.blanked import Texts, blanked, encoded, test_number
from gateway.cli.proposal.columns import is_fixed
from gateway.cli.proposal.found import FoundCard
from gateway.cli.proposal.leaves import Steps
from gateway.cli.proposal.messages import Document, Message
from gateway.cli.proposal.plan import Planned, Side
from gateway.cli.proposal.scalars import scalar
from gateway.cli.proposal.ways import text_path
from gateway.cli.trial import example_token

_MOST_LINES: Final = 60
_EXPIRES: Final = [expiry.Expiry(2030, 12), *(expiry.Expiry(2031, month) for month in range(1, 12))]


class Made(NamedTuple):
    """An example's message, what is expected of it, and whether it was shortened."""

    text: str
    expect: str
    shortened: bool


def examples_of(route: Planned, name: str) -> Iterator[str]:
    """The examples of a route that is called `name`, as lines."""
    for way, side in (("request", route.request), ("response", route.response)):
        message = next((one for one in side.messages if one.cards), None)
        if not side.acting or message is None:
            continue
        made = _short_enough(message, side, putting_in=way == "request" and not route.pushed)
        if made is None:
            yield f"  # No example of its {way}: it would be too long."
            continue
        yield f"  - route: {scalar(name)}"
        note = "   # shortened: only what leads to the card" if made.shortened else ""
        if "\n" in made.text:
            yield f"    {way}: |-{note}"
            yield from (f"      {line}" for line in made.text.splitlines())
        else:
            quoted = f"'{made.text}'" if "'" not in made.text else json.dumps(made.text)
            yield f"    {way}: {quoted}{note}"
        yield f"    expect: {made.expect}"


def _short_enough(message: Message, side: Side, *, putting_in: bool) -> Made | None:
    """With all cards, or with the first alone."""
    for most in (None, 1):
        made = _made(message, side, most, putting_in=putting_in)
        if made is not None and made.text.count("\n") <= _MOST_LINES:
            return made
    return None


def _made(message: Message, side: Side, most: int | None, *, putting_in: bool) -> Made | None:
    """An example with the first `most` cards; None where there is none."""
    documents = message.with_cards[:most]
    if not documents:
        return None
    cards_of = [card for one in documents for card in one.cards]
    recorded = {leaf.text.strip() for card in cards_of for leaf in card.leaves}
    recorded |= {pan.digits_of(card.number.text) or "" for card in cards_of}
    by_outer = {id(one): one for one in message.documents}
    cards = 0
    numbers: list[str] = []
    texts: dict[int, dict[Steps, str]] = {}
    for document in documents:
        mine = texts.setdefault(id(document), {})
        for card in document.cards[:most]:
            cards += 1
            length = len(pan.digits_of(card.number.text) or "")
            number = test_number(length, recorded)
            numbers.append(number)
            mine.update(
                _card_texts(card, example_token(cards).alias if putting_in else number, recorded)
            )
        mine.update(_said(document, side))
    shortened = False
    # From the inside out: what a document became is a text of the one around it.
    for document in sorted(documents, key=lambda one: -len(one.layers)):
        text, short = blanked(document.taken, texts[id(document)], whole=most is None)
        shortened = shortened or short
        for depth in range(len(document.layers) - 1, -1, -1):
            layer = document.layers[depth]
            outer = next(
                (one for one in by_outer.values() if one.layers == document.layers[:depth]), None
            )
            if outer is None:
                return None
            held = texts.setdefault(id(outer), {})
            held[layer.steps] = encoded(text, layer.coding)
            text, short = blanked(outer.taken, held, whole=most is None)
            shortened = shortened or short
        outermost = text
    expect = _expected(documents[0], numbers, cards, putting_in=putting_in)
    return Made(outermost, expect, shortened)


def _expected(document: Document, numbers: Sequence[str], cards: int, *, putting_in: bool) -> str:
    """What is to come out of an example with these `numbers` in it."""
    if putting_in:
        return f"{{ cards: {cards}, removed: {example_token(1).alias} }}"
    masks = [pan.mask(one) for one in numbers]
    if document.taken.format == "form":  # a mask's stars are escaped there
        return f"{{ cards: {cards}, numbers: [{', '.join(map(json.dumps, masks))}] }}"
    if is_fixed(text_path(document.cards[0].number.steps)):  # tokens of digits, drawn when shown
        gone = ", ".join(json.dumps(one) for one in dict.fromkeys(numbers))
        return f"{{ cards: {cards}, removed: [{gone}] }}"
    if document.taken.format == "text":
        return f"{{ cards: {cards}, contains: {example_token(1).alias} }}"
    masked = ", ".join(json.dumps(one) for one in dict.fromkeys(masks))
    return f"{{ cards: {cards}, contains: [{masked}] }}"


def _card_texts(card: FoundCard, number: str, recorded: Collection[str]) -> dict[Steps, str]:
    texts = {card.number.steps: number}
    if card.expiry is not None:
        for leaf, spelling in zip(card.expiry.at, card.expiry.spellings, strict=True):
            said = [expiry.write(one, spelling) for one in _EXPIRES]
            texts[leaf.steps] = next((one for one in said if one not in recorded), said[0])
    if card.code is not None and card.code.text.strip():
        length = len(card.code.text.strip())
        code = next(
            one for one in ("1234"[:length], "7379"[:length]) if one != card.code.text.strip()
        )
        texts |= {leaf.steps: code for leaf in (card.code, *card.again)}
    for leaf in card.holder:
        texts[leaf.steps] = "Jane Doe" if len(card.holder) == 1 else "Jane"
    return texts


def _said(document: Document, side: Side) -> Texts:
    """The names that stand in fields, where a path asks for them."""
    paths = " ".join(
        path for draft in side.shapes for place in draft.fields.values() for path in place.at
    )
    paths += " ".join(path for draft in side.shapes for path in draft.join)
    return {
        leaf.steps: leaf.text.strip()
        for leaf in document.taken.leaves
        if f"='{leaf.text.strip()}'" in paths
    }
