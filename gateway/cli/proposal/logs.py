"""The bodies that stand in a log, between whatever else it says. What it costs grows with the log, no faster."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
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
# What a logger that writes JSON calls what it was told, how bad that is, and when.
_SAID: Final = ("message", "msg", "@message", "log")
_LEVELS: Final = frozenset(
    {"level", "severity", "log.level", "levelname", "level_name", "loglevel"}
)
_TIMES: Final = frozenset({"@timestamp", "timestamp", "time", "ts", "datetime", "asctime"})
_QUOTED: Final = re.compile(rb"\\x22", re.IGNORECASE)
_HEXED: Final = re.compile(rb"\\x([0-9a-fA-F]{2})")
_NAME: Final = re.compile(rb"(?:<\?[^>]{0,200}\?>\s*)?<([A-Za-z_][\w:.-]*)")
_READER: Final = json.JSONDecoder()
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
    said = _said(log)
    return [said] if said != log and take_apart(said) is not None else _held(_unhexed(said))


def _held(log: bytes) -> list[bytes]:
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
    said = (line for line in pieces[-1] if not _BEGINS.match(line.lstrip()) and find_cards(line))
    return [one for line in said if (one := _document(line, _first))]


def _said(log: bytes) -> bytes:
    """What lines of JSON say that a logger wrote, each with a time and a level; the log as it is, where they are
    others."""
    lines = [line for line in log.splitlines() if line.strip()]
    if (
        len(log) > _LONGEST
        or len(lines) > _MOST_LINES
        or not all(line.lstrip().startswith(b"{") for line in lines)
    ):
        return log
    texts = []
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return log
        said = next((entry[one] for one in _SAID if isinstance(entry.get(one), str)), None)
        if said is None or not (_LEVELS & entry.keys() and _TIMES & entry.keys()):
            return log
        texts.append(said.encode("utf-8", "replace"))
    found = b"\n\n".join(texts)
    return found if find_cards(found) else log


def _unhexed(log: bytes) -> bytes:
    r"""A log of nginx, or of Apache, as it was before quotes became `\x22`."""
    return _HEXED.sub(_byte, log) if _QUOTED.search(log) else log


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])


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


def _longest(text: bytes) -> bytes:
    """As far as the last sign that could end it."""
    return text[: text.rfind(_CLOSES[text[:1]]) + 1]


def _first(text: bytes) -> bytes:
    """The JSON or the element that a text begins with, whatever stands behind it; nothing where it begins with
    neither."""
    if text.startswith(b"<"):
        name = _NAME.match(text)
        end = text.find(b"</" + name[1] + b">") if name else -1
        return text[: end + len(name[1]) + 3] if name and end > 0 else b""
    said = text.decode("utf-8", "surrogateescape")
    try:
        _, end = _READER.raw_decode(said)
    except (ValueError, RecursionError):
        return b""
    return said[:end].encode("utf-8", "surrogateescape")


def _document(piece: bytes, cut: Callable[[bytes], bytes] = _longest) -> bytes:
    """The first document with a card in a piece of a log; nothing where there is none. `cut` says how far it goes,
    of the text that it begins."""
    for begins in islice(_BEGINS.finditer(piece), _MOST_BEGINS):
        inside = cut(piece[begins.start() :])
        if find_cards(inside) and take_apart(inside) is not None:
            return inside
    forms = (one[0] for one in _UNBROKEN.finditer(piece) if b"=" in one[0] and b"&" in one[0])
    return next((one for one in forms if find_cards(one) and take_apart(one) is not None), b"")
