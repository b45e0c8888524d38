r"""Where the objects and arrays of a JSON body open and close, by way of libraries in C.

A parser in C says whether a body is JSON, ten times faster than `json_scan.py` finds it out; what it is
known to be, one expression cuts into stretches that end with a bracket each. The parser takes a few things
that the scan refuses. All of these are looked for here, and where one may be, as where the parser says no,
nothing is answered: the scan reads the body itself, and it alone refuses.

1. `NaN` and `Infinity`, and escaped surrogates.
2. A number longer than the window: no stretch between two brackets is as long.
3. More levels, or more containers, than the scan takes.
4. What is large, or holds many brackets: the parser holds the interpreter's lock until it is through.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core.core_schema import CoreConfig, typed_dict_schema

from gateway.codecs.json_grammar import WINDOW

MOST: Final = 1 << 20  # bytes: some 2 ms of the parser, at worst (`"\\n",` and nothing else) eleven
# Opening brackets: up to 0.16 us of it for each (`[[[[`). A megabyte of bookings has some ten thousand.
_MANY: Final = 1 << 15
_PIECE: Final = 1 << 15  # bytes that one search looks at; at worst each is a bracket

# Any object, and nothing of it is kept: not for the next message, either.
_AN_OBJECT: Final = SchemaValidator(
    typed_dict_schema({}, extra_behavior="ignore"), CoreConfig(cache_strings="none")
)
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_NEITHER: Final = rb'[^{}\[\]"]*+'
_STRETCH: Final = _NEITHER + rb"(?:" + _STRING + _NEITHER + rb")*+[{}\[\]]"
_WHOLE: Final = re.compile(_STRETCH, re.DOTALL)
# What the piece's end cuts is one stretch by itself: nothing is searched for inside.
_STRETCHES: Final = re.compile(_STRETCH + rb"|.++", re.DOTALL)
_SPACE: Final = b" \t\n\r"
_OBJECT: Final = 0x7B  # {
_OPENS: Final = 2  # a bit of { and [, which } and ] lack


@dataclass(frozen=True, slots=True)
class Containers:
    """Every object and array, numbered in the order in which they open.

    `following[n]` is the number of the first container that opens after number n has closed.
    """

    starts: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("q"))
    following: array[int] = field(default_factory=lambda: array("q"))


def find_containers(body: bytes, start: int, levels: int, most: int) -> Containers | None:
    """The containers of a body whose value begins at `start`, with at most so many `levels` and
    containers; None where the scan has to look."""
    if len(body) > MOST or (len(body) > _MANY and body.count(b"[") + body.count(b"{") > _MANY):
        return None
    if not _is_json(body, start):
        return None
    found = Containers()
    starts, ends, following = found.starts, found.ends, found.following
    open_ones: list[int] = []
    position, last = start, len(body.rstrip(_SPACE))
    while position < last:
        stretches = _STRETCHES.findall(body, position, min(position + _PIECE, last))
        if not _WHOLE.fullmatch(stretches[-1]):
            stretches.pop()
        if not stretches or max(map(len, stretches)) >= WINDOW:
            return None
        after = accumulate(map(len, stretches), initial=position)
        position = next(after)
        for stretch, position in zip(stretches, after, strict=True):
            if stretch[-1] & _OPENS:
                open_ones.append(len(starts))
                starts.append(position - 1)
                ends.append(0)
                following.append(0)
                if len(open_ones) > levels:
                    return None
                continue
            number = open_ones.pop()
            ends[number], following[number] = position, len(starts)
            if not open_ones:
                return found if position == last and len(starts) <= most else None
    return None


def _is_json(body: bytes, start: int) -> bool:
    """Whether a parser in C takes a body that begins with an object or an array, and the scan does, too."""
    if b"NaN" in body or b"Infinity" in body:
        return False
    if b"\\" in body and _SURROGATE.search(body):
        return False
    try:
        # An array that is an object's only member; what stood behind it would be seen with its brackets.
        _AN_OBJECT.validate_json(body if body[start] == _OBJECT else b'{"":%b}' % body)
    except ValidationError:  # holds the body
        return False
    return True
