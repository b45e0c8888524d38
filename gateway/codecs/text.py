"""Plain text: mails, lists of names and values, separated or fixed columns. Values as byte spans.

A path is what stands around a value: `Card number: {}`, `^{*};{*};{};`, `CC{*2}{16}EXP`. There are no
regular expressions in it, so no message can make one slow: what is made of a path has no part that could
give back what it took, and none takes more than `_LONGEST` signs.

- `{}` is the value: up to what follows it in the path, or to the end of its line, without the
  blanks around it. `{16}` is a value of sixteen bytes.
- `{*}` is anything up to what follows, `{*2}` any two signs; neither leaves its line.
- `^`, or a brace, at the start: a line begins there. `{line}` alone is each line that holds something.
- `{...}` is anything up to what follows, over several lines: for a booking, or a card among others. What
  follows may end its last value, too.
- A line ends with LF, CRLF or a CR alone; each in a path stands for any of them.

Bytes that are not UTF-8 are taken as ISO-8859-1: what is around a card is copied, whatever it is.

Refused, as `MessageForbidden`: text of more than `_MOST` bytes, and what is no such text at all (a zero
byte, a mark of UTF-16): a card may stand in it where nobody looks. As `MessageUnfit`: a text that would
end its value or its line, or is longer than its columns, and a field that is not there, for nothing says
where it would go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from gateway.codecs.around import literal, made_ready
from gateway.codecs.document import Change, Node, Remove, Set
from gateway.codecs.edits import Edit, Spliced, apply_edits
from gateway.codecs.embedded import Embedded, Stretch
from gateway.codecs.paths import Path
from gateway.errors import MessageForbidden, MessageUnfit

_MOST: Final = 1 << 19  # bytes; a mail has ten thousand, a day's bookings a few hundred thousand
_MOST_PLACES: Final = 100_000


class _Spot(NamedTuple):
    """`body[start:end]`; `width`: as many signs always; `stop`: a sign that would end it; `reach`: of a
    part the end of what ends it, which may end the part's last value, too."""

    start: int
    end: int
    width: int | None = None
    stop: bytes = b""
    reach: int = 0

    def __eq__(self, other: object) -> bool:
        """Two paths to the same signs lead to one place, whatever each says that ends it."""
        return isinstance(other, _Spot) and self[:2] == other[:2]

    def __hash__(self) -> int:
        return hash(self[:2])

    def __repr__(self) -> str:
        return "<place in a text>"


def open_text(body: bytes) -> TextDocument:
    """Reads `body`. Raises `MessageForbidden`."""
    if len(body) > _MOST or b"\0" in body or body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise MessageForbidden
    return TextDocument(body)


class TextDocument:
    """One text; fulfils `gateway.codecs.document.Document`."""

    __slots__ = ("_body", "_encoding")

    def __init__(self, body: bytes) -> None:
        self._body = body
        try:
            body.decode()
            self._encoding = "utf-8"
        except UnicodeDecodeError:
            self._encoding = "iso-8859-1"

    @property
    def root(self) -> Node:
        return _Spot(0, len(self._body))

    def select(self, path: Path, within: Node | None = None) -> Sequence[Node]:
        top = _spot(self.root if within is None else within)
        if not path.steps:
            return [top]
        if len(path.steps) != 1 or path.steps[0].axis != "around" or path.steps[0].name is None:
            return []
        before, between, after = path.steps[0].name.partition("{...}")
        found = self._regions(top, before, after) if between else self._values(top, before)
        places: list[Node] = []
        for place in found:
            places.append(place)
            if len(places) > _MOST_PLACES:
                raise MessageForbidden
        return places

    def _values(self, top: _Spot, path: str) -> Iterator[_Spot]:
        around = made_ready(path)
        for match in self._matches(around.pattern, top):
            start, end = match.span(match.lastindex or 0)
            if around.width is None and match.lastindex:
                value = self._body[start:end]
                start, end = end - len(value.lstrip()), start + len(value.rstrip())
            yield _Spot(start, max(start, end), around.width, around.stop)

    def _matches(self, pattern: re.Pattern[bytes], top: _Spot) -> Iterator[re.Match[bytes]]:
        """In a part, and at its end: a code whose last sign ends the part would stay where it is."""
        within: set[int] = set()
        for match in pattern.finditer(self._body, top.start, top.end):
            within.add(match.start())
            yield match
        if top.reach > top.end:
            for match in pattern.finditer(self._body, top.start, top.reach):
                at_end = match.end(match.lastindex or 0) <= top.end < match.end()
                if at_end and match.start() not in within:
                    yield match

    def _regions(self, top: _Spot, before: str, after: str) -> Iterator[_Spot]:
        """From each `before` up to the next `after`; where that is missing up to the end."""
        begins, ends = literal(before), literal(after) if after else None
        place = top.start
        while begin := begins.search(self._body, place, top.end):
            end = ends.search(self._body, begin.end(), top.end) if ends else None
            place = end.start() if end else top.end
            yield _Spot(begin.start(), place, reach=end.end() if end else top.reach)

    def text(self, node: Node) -> str:
        """`null` is empty, as in JSON: a line of JSON without its value would be none."""
        place = _spot(node)
        value = self._body[place.start : place.end]
        if value == b"null" and place.width is None:
            return ""
        return value.decode(self._encoding, "replace")  # columns may cut a sign

    def instead(self, node: Node) -> Sequence[Node]:  # noqa: ARG002  # the Protocol names it
        return ()

    def holds(self, outer: Node, inner: Node) -> bool:  # noqa: ARG002  # the Protocol names it
        return False

    def is_number(self, node: Node) -> bool:  # noqa: ARG002  # the Protocol names it
        return False

    def name(self, node: Node) -> str:  # noqa: ARG002  # the Protocol names it
        return ""

    def close(self) -> None:
        """Nothing to do: reference counts free it."""

    def embedded(self, nodes: Sequence[Node]) -> list[Embedded]:
        spots = [_spot(node) for node in nodes]
        return [Embedded(self._body, [Stretch(spot.start, spot.end)]) for spot in spots]

    def apply(self, edits: Iterable[Edit]) -> Spliced:
        return apply_edits(self._body, edits)

    def splice(self, changes: Iterable[Change]) -> Spliced:
        edits = []
        changed: set[int] = set()
        for change in changes:
            if not isinstance(change, Set | Remove):
                raise MessageUnfit
            place = _spot(change.node)
            if place.start in changed:  # two empty values would not overlap
                raise MessageUnfit
            changed.add(place.start)
            new = self._written(change.text if isinstance(change, Set) else "", place)
            edits.append(Edit(place.start, place.end, new))
        return apply_edits(self._body, edits)

    def _written(self, text: str, place: _Spot) -> bytes:
        """Raises `MessageUnfit` for what would be read as more, or less, than a value."""
        try:
            new = text.encode(self._encoding)
        except UnicodeEncodeError:
            raise MessageUnfit from None
        if any(sign in new for sign in (b"\r", b"\n", *((place.stop,) if place.stop else ()))):
            raise MessageUnfit
        if place.width is None:
            return new
        if len(new) > place.width:
            raise MessageUnfit
        return new.ljust(place.width)


def _spot(node: Node) -> _Spot:
    if not isinstance(node, _Spot):
        raise MessageUnfit
    return node
