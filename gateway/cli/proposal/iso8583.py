"""ISO 8583's data elements, where a document names them by their numbers: `"2": "4111…"`, `<field id="14" …>`.

A bare number is a name only beside others of the same message: its type (`0200`), or a processing code and an amount.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_NAME: Final = re.compile(
    r"(?:f|de|df|bit|field|fld|p|dataelement|isofield)?[ _.-]?0{0,2}(?P<number>[0-9]{1,3})",
    re.IGNORECASE,
)
_TYPES: Final = frozenset(
    {"mti", "messagetype", "msgtype", "messagetypeid", "messagetypeindicator"}
)
_TYPE: Final = re.compile(r"[0129][1-8][0-9]{2}")
_OF: Final = {"3": re.compile(r"[0-9]{6}"), "4": re.compile(r"[0-9]{1,12}")}
# What is called so here is known to `words`; all the others are digits of something else.
_MEANINGS: Final = {"2": "pan", "14": "expiry_yymm"}
OF_CARDS: Final = frozenset(_MEANINGS.values())
_ELSE: Final = "terminal"


def number_of(name: str) -> str:
    """The data element that a name says: `DE002` → `2`; empty where it says none."""
    found = _NAME.fullmatch(name)
    return found["number"].lstrip("0") or "0" if found else ""


def is_numbered(named: Iterable[tuple[str, str]]) -> bool:
    """Whether names and texts are those of such a message."""
    seen: set[str] = set()
    for name, text in named:
        plain, said = re.sub(r"[^a-z]", "", name.casefold()), text.strip()
        number = number_of(name)
        if (plain in _TYPES or number == "0") and _TYPE.fullmatch(said):
            seen.add("type")
        elif number == "2" or (number in _OF and _OF[number].fullmatch(said)):
            seen.add(number)
    return "2" in seen and len(seen) > 2


def meaning(name: str) -> str:
    """What the element that a name says is called by others; empty where the name says none."""
    number = number_of(name)
    return _MEANINGS.get(number, _ELSE) if number else ""
