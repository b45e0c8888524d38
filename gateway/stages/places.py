"""Where in a message a found card stands, and which bytes may change there.

Only called for messages that parse, and only when something was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from gateway.cards.scan import Finding
from gateway.errors import CardDisguised

Place = Literal[
    "text", "number"
]  # a JSON number becomes a string, everything else stays what it is

_JSON_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(?P<colon>\s*+:)?', re.DOTALL)
_JSON_NUMBER_SIGNS: Final = frozenset(b"+-.0123456789eE")
_MARKUP: Final = re.compile(
    rb"<!--(?P<comment>.*?)-->|<!\[CDATA\[(?P<cdata>.*?)\]\]>|<\?[^\s?]*+(?P<instruction>.*?)\?>"
    rb"|<!(?P<declaration>[^>]*+)>|<(?P<tag>[^<>\"']*+(?:\"[^\"]*+\"[^<>\"']*+|'[^']*+'[^<>\"']*+)*+)>",
    re.DOTALL,
)
_ATTRIBUTE_VALUE: Final = re.compile(rb"\"[^\"]*+\"|'[^']*+'")


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding, and the place it stands in. For a JSON number `[start, end)` is the literal."""

    finding: Finding
    place: Place
    start: int
    end: int


def place(format: str | None, body: bytes, found: Sequence[Finding]) -> list[Placed]:
    """Says for each of `found` (in order) where it stands.

    Raises `CardDisguised` where it can not be replaced: in base64, in a name (of an element, an
    attribute, a JSON member, a form field), in a declaration.
    """
    if not all(one.in_place for one in found):
        raise CardDisguised
    if format == "json":
        return list(_json(body, found))
    if format == "xml":
        _check_xml(body, found)
    if format == "form":
        _check_form(body, found)
    return [Placed(one, "text", one.start, one.end) for one in found]


def _json(body: bytes, found: Sequence[Finding]) -> Iterator[Placed]:
    strings = _JSON_STRING.finditer(body)
    string = next(strings, None)
    for one in found:
        while string is not None and string.end() <= one.start:
            string = next(strings, None)
        if string is not None and string.start() < one.start:
            if string["colon"] is not None or one.end > string.end():
                raise CardDisguised  # another name would be another member
            yield Placed(one, "text", one.start, one.end)
            continue
        start, end = one.start, one.end
        while start > 0 and body[start - 1] in _JSON_NUMBER_SIGNS:
            start -= 1
        while end < len(body) and body[end] in _JSON_NUMBER_SIGNS:
            end += 1
        yield Placed(one, "number", start, end)


def _check_xml(body: bytes, found: Sequence[Finding]) -> None:
    digits = sorted(span for one in found for span in one.spans)
    at = 0
    for match in _MARKUP.finditer(body):
        while at < len(digits) and digits[at][1] <= match.start():
            at += 1
        while at < len(digits) and digits[at][0] < match.end():
            if not any(
                start <= digits[at][0] and digits[at][1] <= end for start, end in _free(match)
            ):
                raise CardDisguised
            at += 1
        if at == len(digits):
            return


def _free(match: re.Match[bytes]) -> Iterator[tuple[int, int]]:
    """The parts of a piece of markup whose characters mean nothing to the markup itself."""
    for name in ("comment", "cdata", "instruction"):
        if match[name] is not None:
            yield match.span(name)
    if match["tag"] is not None:
        yield from (
            value.span() for value in _ATTRIBUTE_VALUE.finditer(match.string, *match.span("tag"))
        )


def _check_form(body: bytes, found: Sequence[Finding]) -> None:
    for one in found:
        pair = body.rfind(b"&", 0, one.start) + 1
        if body.find(b"=", pair, one.start) < 0 or body.find(b"&", one.start, one.end) >= 0:
            raise CardDisguised


def literals(placed: Sequence[Placed]) -> list[tuple[int, int]]:
    """The JSON number literals among `placed`, each once."""
    spans = [(one.start, one.end) for one in placed if one.place == "number"]
    return [*spans[:1], *(later for earlier, later in pairwise(spans) if earlier != later)]
