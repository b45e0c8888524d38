"""The names in a message, counted: what a path that leads nowhere may have meant."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from typing import Final

from gateway.cli.hiding import hide_all, printable
from gateway.codecs.document import Format

_XML: Final = re.compile(
    r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)|\s(?:[\w.-]+:)?([A-Za-z_][\w.-]*)\s*=\s*[\"']"
)
_JSON: Final = re.compile(r'"((?:[^"\\]|\\.){1,80})"\s*:')
_FORM: Final = re.compile(r"(?:^|&)([^=&]{1,80})=")
_PART: Final = re.compile(r'\bname="([^"\r\n]{1,80})"')
_LABEL: Final = re.compile(r"(?:^|[&;,\n])[ \t]*([^\W\d][\w .-]{0,40}?)[ \t]*[:=]")
_PATTERNS: Final = {"xml": _XML, "json": _JSON, "form": _FORM, "multipart": _PART, "text": _LABEL}
_LARGEST: Final = 4 << 20  # bytes that are looked through
_MOST: Final = 3
_LONGEST: Final = 40
_NOT_A_NAME: Final = re.compile(r"[^a-z0-9]")
# What partners call a card, or the element around it.
_OF_CARDS: Final = ("card", "payment", "credit", "guarantee", "pan", "number")


def count_names(body: bytes, format: Format) -> Counter[str]:
    """How often each element, attribute, member or field stands in a message; of a large one in its
    beginning."""
    raw = body[:_LARGEST]
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = raw.decode("utf-16", "replace")
    else:
        text = raw.decode("utf-8", "replace")
    found = (next(filter(None, match.groups()), "") for match in _PATTERNS[format].finditer(text))
    return Counter(name for name in found if name)


def near(wanted: str, names: Counter[str]) -> str:
    """`; the message has `CreditCard` 2 times`, or nothing where no name is like the one that is wanted."""
    plain = {_plain(name): name for name in sorted(names)}
    close = difflib.get_close_matches(_plain(wanted), sorted(plain), n=_MOST, cutoff=0.6)
    like = [word for word in _OF_CARDS if word in _plain(wanted)]
    close += sorted(
        (one for one in plain if one not in close and any(word in one for word in like)),
        key=lambda one: (-names[plain[one]], one),
    )
    told = [
        f"`{_shown(plain[one])}` {_times(names[plain[one]])}"
        for one in close[:_MOST]
        if plain[one] != wanted
    ]
    return f"; the message has {', '.join(told)}" if told else ""


def _plain(name: str) -> str:
    return _NOT_A_NAME.sub("", name.casefold())


def _shown(name: str) -> str:
    return printable(hide_all(name))[:_LONGEST]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
