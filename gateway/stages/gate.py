"""Which messages hold no card of a rule, told without looking for one. Pure.

A rule finds a card by names: that of its node, and those of its number and its code. Where a message is
in order and none of either stands in it, nothing would be found, and nothing is looked for. The gate only ever says
"nothing here"; whatever it does not say that of goes the ordinary way, which alone refuses.

So that it says so only where the ordinary way would have come to the same:

1. What the rule needs is understood: a shape that says anything which is not known here has no gate.
   Nor has one with envelopes (the name may stand in base64), with `not_cards`, or with a condition on a
   child (`[name='v']`), whose text could refuse the message.
2. A name can not be spelled in another way than the one that is searched for: no UTF-16 in XML, no
   escaped letters in JSON's strings (and no rule with a name that has other spellings), no `%` and `+`
   in the names of a form's fields.
3. The message is one that the codec reads: XML is parsed by the same parser, which need build nothing; JSON by one in C that takes
   nothing more than ours; a form's names say it themselves.
4. No name on the way to the card stands twice in a JSON object: that refuses the message.
5. Where only the number's and the code's names are absent, what stands in the card's place is an object:
   a text or number could be a card. And no XML booking stands in another: a card of both is refused.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, fields, replace
from functools import lru_cache
from typing import Any, Final

from pydantic_core import from_json

from gateway.codecs.document import Format, Known
from gateway.codecs.form import MAX_PAIRS
from gateway.codecs.json_scan import MAX_DEPTH
from gateway.codecs.paths import Path, Step
from gateway.codecs.xml import reads_as_xml
from gateway.rules.model_directions import Direction, Tokenize
from gateway.rules.model_shapes import Shape

MOST: Final = 1 << 20  # bytes: what is larger is freed, and walked, in short steps elsewhere
_KEPT: Final = 256  # rules
_WITHOUT_NAMES: Final = frozenset(
    {"multipart", "text"}
)  # or with names that nothing here searches for

# What a rule says of a card that is there; without one it is nothing to the message.
_OF_A_CARD: Final = frozenset({
    "name", "format", "card", "more_cards", "booking", "number", "cvc",
    "expiry", "expiry_month", "expiry_year", "cvc_required", "holder", "brand", "token", "hotel",
    "booking_id", "departure", "virtual", "foreign", "show", "keep", "sentinels",
})  # fmt: skip
_OF_TOKENS: Final = frozenset({"shapes", "insert", "on_failure", "errors", "header", "retention"})
# What else happens to a message, and has been done or is done later whatever is found.
_BESIDE: Final = frozenset({"tokenize", "detokenize", "exchange", "harmless", "opaque"})


def _others(entry: type, understood: frozenset[str]) -> tuple[Field[Any], ...]:
    return tuple(one for one in fields(entry) if one.name not in understood)


_MORE_OF_A_CARD: Final = _others(Shape, _OF_A_CARD)
_MORE_OF_TOKENS: Final = _others(Tokenize, _OF_TOKENS)
_MORE_BESIDE: Final = _others(Direction, _BESIDE)

_FORMATS: Final = frozenset({"xml", "json", "form"})
_AXES: Final = frozenset({"child", "descendant", "attribute", "member", "below", "item", "field"})

_DECLARED: Final = 4  # bytes: a mark of the encoding, and where an XML declaration begins
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SHORT_ESCAPES: Final = frozenset('"\\/')
# ASCII by number, and surrogates, which a parser may take where ours does not.
_ESCAPED: Final = re.compile(rb"\\u(?:00[0-7]|[dD])")
_VALUES: Final = re.compile(rb"=[^&]*")
_FEW: Final = 100_000  # as many entries as ours takes in one list
_ROOM: Final = 201 - MAX_DEPTH  # the parser takes 201 levels: so many are filled up


@dataclass(frozen=True, slots=True)
class Gate:
    """Where `names` are absent from a message of `format`, a rule finds nothing: those of the cards'
    nodes, or those of their numbers and codes.

    `ways`: the steps that lead to where these would be, for JSON. `cards`: the steps to the nodes that
    may be there, which in JSON must be objects. `nesting`: the tags of XML's bookings, which then may not
    stand in one another.
    """

    format: Format
    names: tuple[bytes, ...]
    ways: tuple[tuple[Step, ...], ...] = ()
    cards: tuple[Step, ...] | None = None
    nesting: re.Pattern[bytes] | None = None


def holds_nothing(direction: Direction, body: bytes, known: Known) -> bool:
    """Whether a message is in order and its rule's shapes find nothing in it. Refuses nothing."""
    if len(body) > MOST:
        return False
    for gate in gates_of(direction):
        if gate.format == "form":
            if _nothing_in_form(gate, body):
                return True
        elif not any(name in body for name in gate.names):
            if gate.format == "xml":
                return _nothing_in_xml(gate, body, known)
            return _nothing_in_json(gate, body)
    return False


def _nothing_in_xml(gate: Gate, body: bytes, known: Known) -> bool:
    if body.startswith(_WIDE) or (gate.nesting is not None and _may_nest(gate.nesting, body)):
        return False
    return reads_as_xml(body, doctype=known.doctype)


def _may_nest(tags: re.Pattern[bytes], body: bytes) -> bool:
    """Whether anything but a start tag and its end tag stands one after the other, or could seem to: what is
    no markup looks like it in a comment, and in an instruction behind the declaration."""
    found = tags.findall(body)
    return b"<!" in body or b"<?" in body[_DECLARED:] or found != [b"", b"/"] * (len(found) // 2)


def _nothing_in_json(gate: Gate, body: bytes) -> bool:
    if b"\\" in body and _ESCAPED.search(body):
        return False
    if len(body) > _FEW and body.count(b",") >= _FEW:
        return False
    try:
        value = _read(body)
    except ValueError:
        return False
    if gate.cards is not None and not _are_objects(gate.cards, value, body):
        return False
    return all(_stands_once(way, value, body) for way in gate.ways)


def _read(body: bytes) -> Any:
    """The value of a JSON body with no more levels than ours takes. Raises ValueError."""
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return _parse(body)
    value = _parse(b"[" * _ROOM + body + b"]" * _ROOM)
    for _ in range(_ROOM):
        (value,) = value  # more than one value, where the body has brackets that were ours
    return value


def _parse(body: bytes) -> Any:
    # Kept for no other message: a remark may hold a card.
    return from_json(body, allow_inf_nan=False, cache_strings="none")


def _stands_once(way: Sequence[Step], value: Any, body: bytes) -> bool:
    """Whether each name on a way stands as often in `body` as the way leads over it: then it stands in
    no object twice."""
    level = [value]
    for step in way:
        if step.name is None:
            lists = [one for one in level if type(one) is list]
            some = slice(step.index, None if step.index is None else step.index + 1)
            level = [item for one in lists for item in one[some]]
            continue
        level = [one[step.name] for one in level if type(one) is dict and step.name in one]
        count = body.count(b'"%b"' % step.name.encode())
        if count > 1 and count != len(level):
            return False
    return True


def _are_objects(way: Sequence[Step], value: Any, body: bytes) -> bool:
    """Whether all that a way leads to are objects, `null` left out, and no name on it stands elsewhere:
    a text or a number there could be a card."""
    level = [value]
    for step in way:
        if step.name is None:
            if step.index is not None or any(type(one) is not list for one in level):
                return False
            level = [item for one in level for item in one if item is not None]
            continue
        level = [one[step.name] for one in level if type(one) is dict and step.name in one]
        if body.count(b'"%b"' % step.name.encode()) != len(level):
            return False
        level = [one for one in level if one is not None]
    return all(type(one) is dict for one in level)


def _nothing_in_form(gate: Gate, body: bytes) -> bool:
    names = _VALUES.sub(b"", body)
    if not body.isascii() or b"%" in names or b"+" in names or names.count(b"&") >= MAX_PAIRS - 1:
        return False
    return not any(name in names for name in gate.names)


# --- what a rule needs ------------------------------------------------------------------------------


def gates_of(direction: Direction) -> Sequence[Gate]:
    """The gates of what happens to a message; any of them will do."""
    rule = direction.tokenize
    if rule is None or _says_more(direction, _MORE_BESIDE) or _says_more(rule, _MORE_OF_TOKENS):
        return ()
    return _made(rule.shapes)


@lru_cache(_KEPT)
def _made(shapes: tuple[Shape, ...]) -> Sequence[Gate]:
    """Made once for each rule: shapes are told apart by their identity."""
    format = shapes[0].format
    if format in _WITHOUT_NAMES or any(_says_more(shape, _MORE_OF_A_CARD) for shape in shapes):
        return ()
    nodes = {_steps(shape, card): shape for shape in shapes for card in shape.cards}
    found = [_gate(format, list(nodes))]
    if len(nodes) == 1 and (format != "form" or () in nodes):
        ((cards, shape),) = nodes.items()
        inside = [path.steps for shape in shapes for path in _inside(shape)]
        by_fields = _gate(format, [(*cards, *steps) for steps in inside if _named(steps)])
        readable = shape.booking is None or shape.booking.text.isascii()  # in whatever charset
        if by_fields and readable and all(map(_named, inside)) and _only_names((*cards, *_END)):
            nesting = _nesting(shape) if format == "xml" else None
            found.append(replace(by_fields, cards=cards, nesting=nesting))
    return tuple(gate for gate in found if gate is not None)


def _gate(format: Format, places: Sequence[tuple[Step, ...]]) -> Gate | None:
    """The gate of what stands at these places; None where their names do not tell."""
    absent: dict[str, None] = {}
    ways: dict[tuple[Step, ...], None] = {}
    for place in places:
        named = _named(place)
        if not named or not _only_names(place):
            return None
        if format == "json" and not all(_spelled_in_one_way(place[at].name or "") for at in named):
            return None
        absent[_plain(place[named[-1]].name or "", format)] = None
        ways[place[: named[-1]]] = None
    if not all(map(str.isascii, absent)):
        return None  # it depends on the encoding how they stand there
    names = tuple((f'"{name}"' if format == "json" else name).encode() for name in absent)
    return Gate(format, names, tuple(ways) if format == "json" else ())


def _steps(shape: Shape, card: Path) -> tuple[Step, ...]:
    return (*(shape.booking.steps if shape.booking else ()), *card.steps)


def _named(steps: Sequence[Step]) -> list[int]:
    return [at for at, step in enumerate(steps) if step.name is not None]


def _nesting(shape: Shape) -> re.Pattern[bytes] | None:
    """The tags of bookings, in a message in which one may stand in another: a card of both is refused."""
    steps = shape.booking.steps if shape.booking else ()
    if not any(step.axis == "descendant" for step in steps):
        return None
    name = _plain(steps[-1].name or "", "xml").encode()
    return re.compile(rb"<(/?)(?:[^\s<>/:]+:)?" + re.escape(name) + rb"[\s/>]")


def _says_more(entry: object, others: Sequence[Field[Any]]) -> bool:
    """Whether an entry says anything in these fields, which are not known here."""
    return any(getattr(entry, one.name) != _default(one) for one in others)


def _default(one: Field[Any]) -> object:
    return one.default if one.default_factory is MISSING else one.default_factory()


def _inside(shape: Shape) -> Iterator[Path]:
    """Where the number and the code of a card stand that is the message itself."""
    yield from shape.number.places
    yield from shape.cvc.places if shape.cvc is not None else ()


_END: Final = (Step("member"),)  # whatever stands in a card's node


def _only_names(steps: Sequence[Step]) -> bool:
    """Whether a message can be refused on a way for nothing but a name that stands twice in an object
    on it: a condition's text may do so, whatever stands on the way that `..name` goes, and any name where
    every member is meant."""
    if not all(step.axis in _AXES for step in steps):
        return False
    below = any(step.axis == "below" for step in steps[:-1])
    return not below and not any(step.named for step in steps)


def _spelled_in_one_way(name: str) -> bool:
    """Whether JSON has this name in no other spelling than by the numbers of its letters. PHP escapes slashes."""
    return name.isascii() and name.isprintable() and not _SHORT_ESCAPES.intersection(name)


def _plain(name: str, format: Format) -> str:
    """A name as it stands in a message: without a prefix, and before the index of a row."""
    if format == "xml":
        return name.rpartition(":")[2]
    return name.partition("[*]")[0] if format == "form" else name
