"""Two texts side by side: the lines in which they differ, and in them the spans that differ."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from gateway.cards.scan import find_cards

# What is compared: a tag, an attribute's name, a quoted value, a word; a number is never cut.
_TOKEN: Final = re.compile(
    r"""</?[\w:.-]+>|<[\w:.-]+|\s[\w:.-]+=|"[^"\n]*"|'[^'\n]*'|[\w*.-]+|\n|[^\S\n]+|.""", re.DOTALL
)
_QUOTES: Final = "\"'"
_AROUND: Final = 60  # characters of a long line that are kept on each side of a change
_LONG: Final = 140
_CUT: Final = "…"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one side; `changed`: the other side does not have it."""

    text: str
    changed: bool = False


Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Sides:
    """The excerpt of both sides: only lines with a change, not indented."""

    before: tuple[Line, ...]
    after: tuple[Line, ...]


def compare(before: str, after: str) -> Sides:
    """Where `before` and `after` differ. Both are text of any format; nothing is raised."""
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    gone: list[Piece] = []
    come: list[Piece] = []
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind == "equal":
            gone.append(Piece("".join(old[start:end])))
            come.append(Piece("".join(new[other_start:other_end])))
            continue
        removed, inserted = old[start:end], new[other_start:other_end]
        gone += _marked(removed, inserted)
        come += _marked(inserted, removed)
    return Sides(_excerpt(gone), _excerpt(come))


def hide_cards(text: str) -> str:
    """`text` with an `x` for the inner digits of each clear card number: 444433xxxxxx1111."""
    data = bytearray(text.encode())
    for found in find_cards(bytes(data)):
        spans = found.spans[6:-4] if found.in_place else found.spans
        for start, end in reversed(spans):
            data[start:end] = b"x"
    return data.decode(errors="replace")


def plain(line: Line, *, opening: str, closing: str) -> str:
    """A line for a pipe: marks stand around what changed."""
    return "".join(f"{opening}{p.text}{closing}" if p.changed else p.text for p in line)


def coloured(line: Line, style: str) -> Text:
    """A line for a terminal: what changed has `style`, the rest is dim."""
    text = Text()
    for piece in line:
        text.append(piece.text, style=style if piece.changed else "dim")
    return text


def _marked(mine: list[str], theirs: list[str]) -> Iterator[Piece]:
    """The tokens of one side that changed. A quote that both sides have is no change."""
    for place, token in enumerate(mine):
        other = theirs[place] if place < len(theirs) else ""
        if token[0] in _QUOTES and other[:1] == token[0] and len(token) > 1 and len(other) > 1:
            yield from (Piece(token[0]), Piece(token[1:-1], changed=True), Piece(token[-1]))
        else:
            yield Piece(token, changed=True)


def _excerpt(pieces: Iterable[Piece]) -> tuple[Line, ...]:
    changed = (line for line in _lines(pieces) if any(piece.changed for piece in line))
    return tuple(_shortened(_outdented(line)) for line in changed)


def _lines(pieces: Iterable[Piece]) -> Iterator[Line]:
    line: list[Piece] = []
    for piece in pieces:
        first, *more = piece.text.split("\n")
        _add(line, first, changed=piece.changed)
        for text in more:
            yield tuple(line)
            line = []
            _add(line, text, changed=piece.changed)
    yield tuple(line)


def _add(line: list[Piece], text: str, *, changed: bool) -> None:
    """Puts text at a line's end. Blanks and commas have no colour of their own."""
    if not text:
        return
    changed = changed and (bool(text.strip(" \t\r,")) or bool(line and line[-1].changed))
    if line and line[-1].changed == changed:
        line[-1] = Piece(line[-1].text + text, changed)
    else:
        line.append(Piece(text, changed))


def _shortened(line: Line) -> Line:
    """A long line without what stands far from every change."""
    if sum(len(piece.text) for piece in line) <= _LONG:
        return line
    last = len(line) - 1
    return tuple(
        piece if piece.changed else Piece(_cut(piece.text, first=place == 0, last=place == last))
        for place, piece in enumerate(line)
    )


def _cut(text: str, *, first: bool, last: bool) -> str:
    """A stretch without its middle, or without the end that is far from a change."""
    if len(text) <= _AROUND:
        return text
    head = "" if first else re.split(r"(?=[<\s])", text[:_AROUND])[:-1]
    tail = "" if last else re.split(r"(?=[<\s])", text[-_AROUND:], maxsplit=1)[-1]
    return "".join(head) + _CUT + tail


def _outdented(line: Line) -> Line:
    first, *rest = line
    if first.changed or first.text.strip():
        return (Piece(first.text.lstrip(), first.changed), *rest)
    return tuple(rest)
