"""The bodies that stand in a log, between whatever else it says. What it costs grows with the log, no faster."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

from gateway.cards.scan import find_cards
from gateway.cli.proposal.leaves import take_apart
from gateway.cli.proposal.mended import is_part
from gateway.cli.ruby_debug import unruby_string

_MOST_LINES: Final = 200
_LONGEST: Final = 1 << 20
_TAG: Final = re.compile(rb"[ \t]*(\[[A-Za-z][\w.-]{1,40}\])(?:[ \t]|\Z)")
_FEWEST_TAGS, _FEWEST_STRINGS = 3, 3
_STRING: Final = re.compile(rb'[ \t]*"((?:[^"\\]|\\.)*+)"(?:[ \t]*\+)?[ \t]*')
# A line that opens a document of several lines, and the lines that may close one.
_OPENS: Final = re.compile(
    rb"([ \t]*)(?:(?:<\?xml[^>]*\?>[ \t]*)?<([A-Za-z_][\w:.-]*)(?:[ \t][^<>]*)?>|([{\[])[ \t]*\r?\Z)"
)
_CLOSING: Final = re.compile(rb"[ \t]*(?:</[A-Za-z_][\w:.-]*>|[}\]])")
# Where a document may begin in what a log says, each with the sign that it ends with; or a form.
_BEGINS: Final = re.compile(rb"(<)[?A-Za-z]|([{\[])\s*[{\[\"]")
_CLOSES: Final = {b"<": b">", b"{": b"}", b"[": b"]"}
_MOST_BEGINS: Final = 20
_PAIR: Final = re.compile(rb"[\w.-]+=[^&]*")
_UNBROKEN: Final = re.compile(rb"[^\s\"'<>]+")


def untagged(log: bytes) -> bytes:
    """A log without what stands before each line, up to the logger's name (`[Partner] <card>…`); as it is
    where it has none. Its lines stay as many. Ruby's strings that are put together with `+` are what they
    say, and YAML in them that goes on in a next line goes on in its own."""
    joined = _joined(log)
    if joined:
        return joined
    lines = log.split(b"\n")
    tags = Counter(found[1] for line in lines if (found := _TAG.match(line)))
    tag, count = tags.most_common(1)[0] if tags else (b"", 0)
    if count < _FEWEST_TAGS or 2 * count < sum(1 for line in lines if line.strip()):
        return log
    return b"\n".join(line.rpartition(tag)[2] for line in lines)


def _joined(log: bytes) -> bytes:
    """What strings say that a program puts together, one in each line; nothing where they are none."""
    lines = [line for line in log.splitlines() if line.strip()]
    found = [_STRING.fullmatch(line) for line in lines]
    strings = [one[1] for one in found if one is not None]
    if len(lines) < _FEWEST_STRINGS or len(strings) < len(lines):
        return b""
    said = b"".join(map(unruby_string, strings))
    return re.sub(rb"\n[ \t]+", b" ", said) if said.startswith(b"---") else said


def bodies_in(log: bytes) -> list[bytes]:
    """What stands in a log; nothing where it is one body, or where none holds a card."""
    if is_part(log):
        return []
    lines = [line.strip().strip(b'"') for line in log.splitlines() if line.strip()]
    if len(lines) > 1 and all(_PAIR.fullmatch(line) for line in lines):
        return []  # names and values, one in each line: a text
    if 1 < len(lines) <= _MOST_LINES and all(take_apart(line) is not None for line in lines):
        return lines
    if take_apart(log) is not None or len(log) > _LONGEST or not find_cards(log):
        return []
    pieces = (list(_laid_out(log)), re.split(rb"\r?\n[ \t]*\r?\n", log), log.splitlines())
    for some in pieces:
        held = [one for piece in some if find_cards(piece) and (one := _document(piece))]
        if held:
            return held
    return []


def _laid_out(log: bytes) -> Iterator[bytes]:
    """Documents over several lines: the last one begins as far from the margin as the first one."""
    lines = log.split(b"\n")
    closing: dict[bytes, list[int]] = {}
    for number, line in enumerate(lines):
        if _CLOSING.fullmatch(line.rstrip()):
            closing.setdefault(line.rstrip(), []).append(number)
    at = 0
    while at < len(lines):
        opened = _OPENS.match(lines[at])
        end = -1
        if opened is not None:
            margin, name, bracket = opened.groups()
            last = b"</" + name + b">" if name else _CLOSES[bracket]
            places = closing.get(margin + last, [])
            behind = bisect_right(places, at)
            end = places[behind] if behind < len(places) else -1
        if end > at:
            yield b"\n".join(lines[at : end + 1])
        at = max(end, at) + 1


def _document(piece: bytes) -> bytes:
    """The first document with a card in a piece of a log; nothing where there is none."""
    for begins in islice(_BEGINS.finditer(piece), _MOST_BEGINS):
        end = piece.rfind(_CLOSES[begins[1] or begins[2]]) + 1
        inside = piece[begins.start() : end]
        if find_cards(inside) and take_apart(inside) is not None:
            return inside
    forms = (one[0] for one in _UNBROKEN.finditer(piece) if b"=" in one[0] and b"&" in one[0])
    return next((one for one in forms if find_cards(one) and take_apart(one) is not None), b"")
