"""Paths of a text: what stands around a value (`codecs/text.py` says what they mean).

Each becomes a regular expression of ours, in which every part is possessive and none takes more than a few
hundred signs: whatever a message holds, a path costs so much for each place where it begins, and no more; at
worst, in a text that is nothing but such places, some seconds for the half megabyte that there may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

_LONGEST: Final = 256  # signs of a value, or between two
_KEPT: Final = 1024  # paths that are kept ready
_PART: Final = re.compile(r"\{(\*?)([0-9]{0,3})\}|(\r\n?|\n)|\^")
_LINE: Final = rb"[^\r\n]*[^\s][^\r\n]*+"
_END: Final = rb"(?:\r\n|\n|\r(?!\n))"
_LAST: Final = _END[:-1] + rb"|\Z)"  # a text's last line may lack its end, and so does a part's
_BEGIN: Final = rb"(?:^|(?<=\r)(?!\n))"  # `^` alone knows no line that only a CR ends


class Around(NamedTuple):
    """A path made ready: what finds it, and of its value the width and what ends it."""

    pattern: re.Pattern[bytes]
    width: int | None
    stop: bytes


def mistake(path: str) -> str:
    """What is wrong with a path of a text; empty where nothing is."""
    return "" if path in {"$", ".", "{line}"} else next(_mistakes(path), "")


def _mistakes(path: str) -> Iterator[str]:
    if not path or not re.sub(r"[\r\n\t]", "", path).isprintable():
        yield "it has signs that no message shows"
    before, between, after = path.partition("{...}")
    if between:
        if not before.strip("^") or any(sign in before + after for sign in "{}"):
            yield "`{...}` stands alone, behind the text that it begins with"
        return
    parts = list(_PART.finditer(path))
    if "^" in path[1:]:
        yield "`^` is the start of a line, and of the path"
    if len([part for part in parts if part[0][0] == "{" and not part[1]]) != 1:
        yield "one `{}` stands for the value: `Card number: {}`"
    if any(sign in _PART.sub("", path) for sign in "{}"):
        yield "braces hold nothing, a number of signs, `*`, `...` or `line`"
    if any(part[2] and not 0 < int(part[2]) <= _LONGEST for part in parts):
        yield f"a value has 1 to {_LONGEST} signs"
    if re.search(r"\{\*?\}\{", path):
        yield "something must follow a value or `{*}` that says where it ends"


@lru_cache(_KEPT)
def literal(text: str) -> re.Pattern[bytes]:
    """What finds a text of one or more lines; `^`: where a line begins."""
    anchored, bare = text.startswith("^"), text.removeprefix("^")
    lines = (re.escape(line.encode()) for line in re.split(r"\r\n?|\n", bare))
    return re.compile((_BEGIN if anchored else b"") + _END.join(lines), re.MULTILINE)


@lru_cache(_KEPT)
def made_ready(path: str) -> Around:
    """A path that has no mistake, and no `{...}`."""
    if path == "{line}":
        return Around(re.compile(_BEGIN + _LINE, re.MULTILINE), None, b"")
    made = [_BEGIN if path.startswith("{") else b""]
    width: int | None = None
    stop, last = b"", 0
    for part in _PART.finditer(path):
        made.append(re.escape(path[last : part.start()].encode()))
        last = part.end()
        if part[0] == "^":
            made.append(_BEGIN)
        elif part[3]:
            made.append(_LAST if last == len(path) else _END)
        else:
            follows = re.split(r"[{\r\n]", path[last:], maxsplit=1)[0].encode()
            signs = rb"[^\r\n]{%s}" % part[2].encode() if part[2] else _up_to(follows)
            made.append(signs if part[1] else b"(" + signs + b")")
            if not part[1]:
                width, stop = int(part[2]) if part[2] else None, follows
                if not path[last:] and width is None:  # a line that goes on is no value
                    made.append(rb"(?=[\r\n]|\Z)")
    made.append(re.escape(path[last:].encode()))
    return Around(re.compile(b"".join(made), re.MULTILINE), width, b"" if width else stop)


def _up_to(follows: bytes) -> bytes:
    """Signs of one line in front of `follows`. Each part is possessive: it gives nothing back."""
    if not follows:
        return rb"[^\r\n]{0,%d}+" % _LONGEST
    first, rest = re.escape(follows[:1]), re.escape(follows[1:])
    if not rest:
        return rb"[^\r\n%s]{0,%d}+" % (first, _LONGEST)
    return rb"(?:[^\r\n%s]|%s(?!%s)){0,%d}+" % (first, first, rest, _LONGEST)
