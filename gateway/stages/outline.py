"""What a message looks like, without anything that it says: names stay, every value is blanked.

For whoever mends a rule and may see no card: `<Card No="0000000000000000"><Holder>xxx xxxxxxx</Holder></Card>`. The
message need not be well-formed, it was refused after all. A letter of a value becomes `x`, a digit anywhere `0`. What
looks like a card even so, in base64 in a name, is not shown.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.cards.scan import find_cards
from gateway.errors import CardDisguised

LONGEST: Final = 64 * 1024  # bytes of a message that are looked at

_WORD: Final = r"[A-Za-z_][\w:.-]{0,63}"
_NAME: Final = re.compile(
    rf"</?{_WORD}"  # an element's
    rf"|(?<=\s){_WORD}(?=\s*=\s*[\"'])"  # an attribute's
    r"|\"[A-Za-z_][\w .-]{0,63}\"(?=\s*:)"  # a JSON member's
    r"|(?:^|(?<=&))[A-Za-z_][\w.\[\]-]{0,63}(?==)",  # a form's field
    re.ASCII,
)
_DIGIT: Final = re.compile(r"\d")
_LETTER: Final = re.compile(r"[^\W\d_]")
_ODD: Final = re.compile(r"[^\s!-~]")


def outline(body: bytes) -> str:
    """The first of a decoded body. Raises CardDisguised."""
    text = _text(body[:LONGEST])
    parts, position = [], 0
    for name in _NAME.finditer(text):
        parts += [_blank(text[position : name.start()]), _DIGIT.sub("0", name[0])]
        position = name.end()
    shown = "".join((*parts, _blank(text[position:])))
    if any(set(found.digits.reveal()) != {"0"} for found in find_cards(shown.encode())):
        raise CardDisguised
    return shown


def _text(start: bytes) -> str:
    if start[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return start.decode("utf-16", "replace").lstrip("\ufeff")
    return start.decode("utf-8", "replace").lstrip("\ufeff")


def _blank(text: str) -> str:
    return _ODD.sub("?", _LETTER.sub("x", _DIGIT.sub("0", text)))
