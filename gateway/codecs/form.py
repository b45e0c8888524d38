"""Form bodies (application/x-www-form-urlencoded, WHATWG URL section 5): pairs as byte spans.

Pairs are split at `&`, and at the first `=`; a `;` is data. A name is compared decoded (`+`, `%5B`),
letter by letter; brackets have no meaning of their own here, but for `cards[*]`: all names that begin
with `cards[` and one index are a card, in the order of their first pairs. Pairs that no change names keep their
bytes, empty ones too.

What is refused, and why (properties.md, P14):
1. `MessageMalformed`: a percent sign without two hex digits, or bytes that are not UTF-8, in any
   name or in a value that is asked for. Readers disagree about what they mean.
2. `MessageForbidden`: a selected field that stands twice, however its names are spelled, or beside
   a field that other readers nest into it or it into (`card` and `card[number]`): some take the
   first, some the last, some both. Also more pairs than any reader accepts, and a name or selected
   value of more than a mebibyte. And a card without an index (`cards[][number]`): which pairs
   belong together is each reader's guess.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, NamedTuple

from gateway.codecs.document import Add, Change, Insert, Members, Node, Remove, Set
from gateway.codecs.edits import Edit, Spliced, apply_edits
from gateway.codecs.embedded import Embedded, Stretch
from gateway.codecs.field_names import canonical, outer_names
from gateway.codecs.form_text import (
    BAD_ESCAPE,
    LONGEST_TEXT,
    SPELLED,
    decode,
    encode,
    quoted,
    spelled,
)
from gateway.codecs.paths import Path
from gateway.codecs.sequence import Addition, NewNames, edit_sequence
from gateway.codecs.template import fill
from gateway.errors import MessageForbidden, MessageMalformed, MessageUnfit

# PHP reads 1,000 pairs, others less; what is beyond is dropped without a word.
MAX_PAIRS: Final = 10_000
_VALUES: Final = re.compile(rb"=[^&]*+")
_INDEX: Final = re.compile(r"\s*[0-9]*\s*\]")


class _Pair(NamedTuple):
    """One pair `body[start:end]`; its name ends at `name_end`, its value starts at `value`.

    A pair without `=` has `value == name_end == end`. `place` counts all pairs, empty ones too.
    A tuple: a frozen dataclass takes three times as long to make.
    """

    place: int
    name: str
    start: int
    name_end: int
    value: int
    end: int

    def __repr__(self) -> str:
        return "<pair of a form>"


@dataclass(frozen=True, slots=True)
class _Form:
    """The whole form, where a path is `$` or `.`."""


@dataclass(frozen=True, slots=True, repr=False)
class _Card:
    """The pairs whose names begin with `name` and a bracket: `cards[0]`."""

    name: str


@dataclass(slots=True, repr=False)
class _Plan:
    """What is to happen to the list of pairs. `names` are those it gets in this splice.

    No pair is changed twice: an empty value has no bytes whose overlap `apply_edits` could see.
    """

    changed: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    added: list[Addition] = field(default_factory=list)
    names: NewNames = field(default_factory=NewNames)


_ROOT: Final = _Form()


def open_form(body: bytes) -> FormDocument:
    """Reads `body`. Raises `MessageMalformed` or `MessageForbidden`."""
    return FormDocument(body)


class FormDocument:
    """One form; fulfils `gateway.codecs.document.Document`."""

    __slots__ = ("_body", "_bracketed", "_named", "_names", "_spans")

    def __init__(self, body: bytes) -> None:
        """Raises as `open_form`."""
        self._body = body
        raw = body.split(b"&", MAX_PAIRS) if body else []
        self._names = _names(body, raw[:MAX_PAIRS])
        if len(raw) > MAX_PAIRS:
            raise MessageForbidden
        ends = accumulate(map(len, raw), lambda end, length: end + 1 + length)
        self._spans = [(end - len(pair), end) for pair, end in zip(raw, ends, strict=True)]
        self._named: dict[str, list[int]] = {}  # the places of the pairs that are not empty
        for place, name in enumerate(self._names):
            if not raw[place]:
                continue
            key = canonical(name)
            if key in self._named:
                self._named[key].append(place)
            else:
                self._named[key] = [place]
        self._bracketed = sorted(name for name in self._named if "[" in name)

    @property
    def root(self) -> Node:
        return _ROOT

    def select(self, path: Path, within: Node | None = None) -> Sequence[Node]:
        """As the Protocol says. Raises `MessageForbidden` where the field is not the only one."""
        if not path.steps:
            return [_ROOT if within is None else within]
        if len(path.steps) != 1 or path.steps[0].axis != "field" or path.steps[0].name is None:
            return []
        name = path.steps[0].name
        if "[*]" in name:
            return self._cards(*name.split("[*]"))
        pair = self._pair(_below(within, name))
        return [] if pair is None else [pair]

    def text(self, node: Node) -> str:
        pair = _pair_of(node)
        if pair is None:
            raise MessageForbidden
        return decode(self._body[pair.value : pair.end])

    def instead(self, node: Node) -> Sequence[Node]:  # noqa: ARG002  # the Protocol names it
        return ()

    def holds(self, outer: Node, inner: Node) -> bool:  # noqa: ARG002  # the Protocol names it
        return False

    def is_number(self, node: Node) -> bool:  # noqa: ARG002  # the Protocol names it
        return False

    def name(self, node: Node) -> str:  # noqa: ARG002  # the Protocol names it
        return ""

    def close(self) -> None:
        """Nothing to do: reference counts free it piece by piece."""

    def splice(self, changes: Iterable[Change]) -> Spliced:
        edits: list[Edit] = []
        plan = _Plan()
        for change in changes:
            match change:
                case Set():
                    edits.append(_set(_changeable(change.node), change.text, plan))
                case Remove():
                    pair = _changeable(change.node)
                    _claim(pair, plan)
                    plan.removed.add(pair.place)
                case Add():
                    self._plan_add(change, plan)
                case _:
                    edits += self._plan_insert(change, plan)
        edits += edit_sequence(self._spans, (0, len(self._body)), plan.removed, plan.added)
        return apply_edits(self._body, edits)

    def embedded(self, nodes: Sequence[Node]) -> list[Embedded]:
        return [self._embedded(_pair_of(node)) for node in nodes]

    def apply(self, edits: Iterable[Edit]) -> Spliced:
        return apply_edits(self._body, edits)

    def _embedded(self, pair: _Pair | None) -> Embedded:
        if pair is None:
            raise MessageForbidden
        if BAD_ESCAPE.search(self._body, pair.value, pair.end):
            raise MessageMalformed
        return Embedded(self._body, [Stretch(pair.value, pair.end, SPELLED, spelled, quoted)])

    def _cards(self, before: str, after: str) -> list[Node]:
        """The cards in a row. Raises `MessageForbidden` for one without an index."""
        pattern = re.compile(re.escape(before) + r"\[([^\]]*)\]" + re.escape(after) + r"(?=\[)")
        found = [match for name in self._named if (match := pattern.match(name))]
        if any(not match[1].strip() for match in found):
            raise MessageForbidden
        return list(dict.fromkeys(_Card(match[0]) for match in found))

    def _pair(self, name: str) -> _Pair | None:
        """The field's pair, or None. Raises `MessageForbidden` where others compete with it."""
        places = self._named.get(canonical(name), ())
        named = [place for place in places if self._names[place] == name]
        if not named:
            if places or self._is_list(name):  # `\ncode`, `code[]`: `code`, to some readers
                raise MessageForbidden
            return None
        if len(places) > 1 or self._is_nested(name):
            raise MessageForbidden
        start, end = self._spans[named[0]]
        equals = self._body.find(b"=", start, end)
        if equals < 0:
            return _Pair(named[0], name, start, end, end, end)
        return _Pair(named[0], name, start, equals, equals + 1, end)

    def _is_nested(self, name: str) -> bool:
        """Whether another field may be nested into that one, or it into another."""
        if not self._bracketed:
            return False
        return self._has_members(name) or any(outer in self._named for outer in outer_names(name))

    def _is_list(self, name: str) -> bool:
        """Whether a field is called as an entry of a list of that name: `code[]`, `code[0]`."""
        if not self._bracketed:
            return False
        inside = f"{name}["
        for place in range(bisect_left(self._bracketed, inside), len(self._bracketed)):
            other = self._bracketed[place]
            if not other.startswith(inside):
                return False
            if _INDEX.fullmatch(other, len(inside)):
                return True
        return False

    def _has_members(self, name: str) -> bool:
        """Whether a field is called as a member of `name` is: `card[number]`, of `card`."""
        inside = f"{name}["
        first = bisect_left(self._bracketed, inside)
        return first < len(self._bracketed) and self._bracketed[first].startswith(inside)

    def _plan_add(self, change: Add, plan: _Plan) -> None:
        steps = change.path.steps
        if len(steps) != 1 or steps[0].name is None:
            raise MessageUnfit
        name = _below(change.within, steps[0].name)
        if self._pair(name) is not None:
            raise MessageUnfit
        name = plan.names.take(name)
        _append(plan, name, change.text, _changeable(change.beside).place)

    def _plan_insert(self, change: Insert, plan: _Plan) -> Iterator[Edit]:
        """Plans the new pairs; answers the edits of those that exist and are overwritten."""
        if not isinstance(change.content, Members) or _pair_of(change.parent) is not None:
            raise MessageUnfit
        for name_template, template in change.content.items:
            name = fill(name_template, change.values, change.position)
            if isinstance(change.parent, _Card):
                name = f"{change.parent.name}[{name}]"
            name = plan.names.take(name, change.position)
            text = fill(template, change.values, change.position)
            existing = self._pair(name)
            if existing is None:
                _append(plan, name, text, len(self._spans) - 1)
            else:
                yield _set(existing, text, plan)


def _names(body: bytes, pairs: Sequence[bytes]) -> list[str]:
    """The name of every pair, empty ones too. Raises as the module's text says."""
    all_at_once = len(body) <= LONGEST_TEXT and len(pairs) < MAX_PAIRS
    names = _VALUES.sub(b"", body) if all_at_once else b"%"
    if names.isascii() and b"%" not in names and b"+" not in names:
        return names.decode("ascii").split("&") if pairs else []
    return [decode(pair.partition(b"=")[0]) for pair in pairs]


def _below(within: Node | None, name: str) -> str:
    """A field's whole name: one that begins with a bracket is below the card at hand."""
    if not name.startswith("["):
        return name
    return within.name + name if isinstance(within, _Card) else name


def _pair_of(node: Node) -> _Pair | None:
    """The node's pair; None for the whole form, and for a card of several pairs."""
    if isinstance(node, _Pair):
        return node
    if isinstance(node, _Form | _Card):
        return None
    raise MessageUnfit


def _changeable(node: Node) -> _Pair:
    pair = _pair_of(node)
    if pair is None:
        raise MessageUnfit
    return pair


def _append(plan: _Plan, name: str, text: str, place: int) -> None:
    # Brackets as the processors' own libraries send them: bare in names, escaped in values.
    entry = encode(name, safe="[]") + b"=" + encode(text)
    plan.added.append(Addition(place, entry, b"&"))


def _claim(pair: _Pair, plan: _Plan) -> None:
    if pair.place in plan.changed:
        raise MessageUnfit
    plan.changed.add(pair.place)


def _set(pair: _Pair, text: str, plan: _Plan) -> Edit:
    _claim(pair, plan)
    equals = b"=" if pair.value == pair.name_end else b""
    return Edit(pair.value, pair.end, equals + encode(text))
