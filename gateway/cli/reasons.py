"""Why a shape finds nothing in a message, or no card where it looks: for whoever writes the rule.

Nothing of the message's values is told but what kind they are of, and how they are spelled.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.cards import pan
from gateway.cards.card import Failure
from gateway.cards.digits import parse_digits
from gateway.cards.token import parse_alias
from gateway.cli.hiding import printable
from gateway.cli.names import count_names, near
from gateway.codecs.document import Document, Format, Node
from gateway.codecs.paths import Path
from gateway.rules.model_directions import Pair
from gateway.rules.model_shapes import Field, Shape
from gateway.stages.card_place import CardPlace
from gateway.stages.select import bookings_of

_DIGIT: Final = re.compile(r"\d")
_LETTER: Final = re.compile(r"[^\W\d_]")
_MASK_SIGN: Final = re.compile(r"[*#xX•·]")
_LONGEST: Final = 30  # signs of a spelling
_FORMATS: Final = (
    ("xml", re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<")),
    ("json", re.compile(rb"\s*[{\[]")),
    ("form", re.compile(rb"[^\s<{\[=&]{1,80}=")),
)


def reasons(document: Document, shape: Shape | Pair, body: bytes) -> Iterator[str]:
    """Where a shape's, or pair's, way to a card ends in this message. Raises MessageForbidden as reading
    does. Nothing is said where the way leads to a number."""
    names = count_names(body, shape.format)
    if isinstance(shape, Pair):
        yield from _led_nowhere(document, shape.at, [document.root], "", names)
        return
    bookings = bookings_of(document, shape)
    if shape.booking is not None and not bookings:
        yield from _led_nowhere(document, shape.booking, [document.root], "", names)
        return
    where = (
        f"`{shape.booking.text}` is there {_times(len(bookings))}, but " if shape.booking else ""
    )
    cards = [node for booking in bookings for node in document.select(shape.card, booking)]
    if not cards:
        yield from _led_nowhere(document, shape.card, bookings, where, names)
        return
    numbers = [node for card in cards for node in document.select(shape.number.at, card)]
    if not numbers:
        where = f"`{shape.card.text}` is there {_times(len(cards))}, but "
        yield from _led_nowhere(document, shape.number.at, cards, where, names)


def holds(document: Document, shape: Shape, node: Node | None) -> str:
    """What stands in a number's place that is no card, in a few words."""
    if node is None:
        return "no number, only a security code"
    text = document.text(node)
    bare = re.sub(r"[ \u00a0-]", "", text.strip())
    kinds = (
        (text in shape.sentinels, "a sentinel of the shape"),
        (not bare, "nothing"),
        (parse_alias(text) is not None, "a token of ours already"),
        (
            parse_digits(text) is not None,
            "what has the form of a token of digits (one that is none of ours is a card)",
        ),
        (not bare.strip("0"), "zeros: the partner has no card, or wants to be asked again"),
        (not _DIGIT.search(bare) or _MASK_SIGN.search(bare), "a mask"),
        (_LETTER.search(bare), "another's token"),
    )
    return next((said for fits, said in kinds if fits), "no card")


def why_failed(document: Document, place: CardPlace) -> str:
    """What more there is to say of a card that fails: which field is absent, or how it is spelled."""
    if place.failure is Failure.EXPIRY_INVALID:
        shape = place.shape
        said = [
            _spelled(document, place.node, rule)
            for rule in (shape.expiry, shape.expiry_month, shape.expiry_year)
            if rule is not None
        ]
        return "; ".join(said)
    if place.failure is Failure.NUMBER_INVALID and place.number is not None:
        digits = len(_DIGIT.findall(document.text(place.number)))
        return f"it has {digits} digits"
    return ""


def no_token(document: Document, shape: Shape) -> Iterator[str]:
    """What stands in the places where a charge has its tokens, and is none."""
    for booking in bookings_of(document, shape):
        for card in document.select(shape.card, booking):
            for node in document.select(shape.number.at, card):
                text = document.text(node)
                if parse_alias(text) is not None:
                    continue
                digits = pan.digits_of(text)
                if digits is not None and digits.strip("0"):
                    yield (
                        f"`{shape.number.at.text}` holds a card's number: the PMS has to send the"
                        " token that it got in its place"
                    )
                elif text.strip().startswith("tok_"):
                    yield f"`{shape.number.at.text}` begins as a token of ours and is none: cut off?"
                else:
                    yield f"`{shape.number.at.text}` holds {holds(document, shape, node)}"


def other_format(body: bytes, format: Format) -> str:
    """What a body looks like that is not of its shape's format; nothing where nobody can tell."""
    looks = next((name for name, begins in _FORMATS if begins.match(body[:4096])), "")
    return (
        f"the shape reads {format}; the body looks like {looks}"
        if looks not in {"", format}
        else ""
    )


def _led_nowhere(
    document: Document, path: Path, starts: Sequence[Node], where: str, names: Counter[str]
) -> Iterator[str]:
    """How far a path leads from the nodes it starts at."""
    for count in range(1, len(path.steps) + 1):
        part = Path(path.text, path.steps[:count], path.absolute)
        if any(document.select(part, start) for start in starts):
            continue
        name = path.steps[count - 1].name
        step = f", from its `{name}` on" if name and count > 1 else ""
        guess = near(name, names) if name else ""
        condition = path.steps[count - 1]
        if name and name in names and (condition.where or condition.index is not None):
            guess = f"; the message has `{name}`, but not with that condition"
        elif name and name in names and not guess:
            guess = f"; the message has `{name}` {_times(names[name])}, but elsewhere"
        yield f"{where}`{path.text}` leads nowhere{step}{guess}"
        return


def _spelled(document: Document, card: Node, rule: Field) -> str:
    found = document.select(rule.at, card)
    if not found:
        return f"`{rule.at.text}` leads nowhere"
    text = document.text(found[0]).strip()
    if not text:
        return f"`{rule.at.text}` is empty"
    spelled = printable(_LETTER.sub("A", _DIGIT.sub("9", text)))[:_LONGEST]
    reads = f", the shape reads {rule.spelling}" if rule.spelling else ""
    return f"`{rule.at.text}` is spelled like `{spelled}`{reads}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
