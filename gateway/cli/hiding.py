"""Texts of a recorded message that are shown to people: without card numbers, codes and secrets.

First six and last four digits of a number stay, as everywhere (PCI DSS 3.4.1).
"""

from __future__ import annotations

import json
import re
from typing import Final

from gateway.cards import pan
from gateway.cli.spans import hide_cards

_ALIAS: Final = re.compile(r"\b(tok_(?:test_)?[0-9]+_)[0-9A-Za-z]{13}\b")
_TOKENUSER: Final = re.compile(r"\b[0-9A-Za-z]{13}\b")
_SHORT: Final = re.compile(r"(?<![*0-9])(?![0-9]{6}\*)[0-9]+")
_DIGITS: Final = re.compile(r"(?<![*0-9])[0-9](?:[ -]?[0-9])+")  # not the end of a mask
_ANY: Final = re.compile(r"[0-9](?:[ -]?[0-9])*")
_EVERY: Final = re.compile(r"\d")
_WORD: Final = re.compile(r"(?=[^\s\d]*\d)[A-Za-z0-9+/=_-]{20,}")  # it may be base64
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LONGEST_TARGET: Final = 160


def hide(text: str) -> str:
    """`text` with card numbers masked, and aliases without their secret half."""
    return _DIGITS.sub(_masked, _ALIAS.sub(r"\1…", text))


def hide_all(text: str) -> str:
    """What was in the message: besides, shorter numbers go (a CVC, half a card) and what may be a
    tokenuser."""
    return _TOKENUSER.sub("…", _SHORT.sub(lambda found: "*" * len(found[0]), hide(text)))


def cross_out(text: str) -> str:
    """As `hide_all`, with an `x` where a digit was: what was taken out looks unlike the mask that came
    in its place."""
    return _ANY.sub(_crossed, hide_secrets(text))


def context(text: str) -> str:
    """What stands around a change, cut anywhere: any digit might be a card's, any long word hold one."""
    return _EVERY.sub("x", _WORD.sub("…", hide_secrets(hide_cards(text))))


def hide_secrets(text: str) -> str:
    """`text` without the secret half of aliases, and what may be a tokenuser."""
    return _TOKENUSER.sub("…", _ALIAS.sub(r"\1…", text))


def printable(text: str) -> str:
    """`text` without what a terminal would obey."""
    return _CONTROL.sub("·", text)


def hide_target(method: str, authority: str, path: str) -> str:
    """What a request asked for: printable, without its query, without long numbers."""
    bare = path.partition("?")[0]
    text = hide(hide_cards(f"{method} {authority}{bare}".strip()))
    return json.dumps(text)[1:-1][:_LONGEST_TARGET]


def _masked(found: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", found[0])
    return pan.mask(digits) if len(digits) >= 12 else found[0]


def _crossed(found: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", found[0])
    if len(digits) < 12:
        return "x" * len(digits)
    return digits[:6] + "x" * (len(digits) - 10) + digits[-4:]
