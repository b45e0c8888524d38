"""Base64 as an envelope's text is written: decoded strictly, written again as it came.

RFC 4648 sections 4 and 5, with or without padding, on one line or in lines of one length (RFC 2045
section 6.8). What two readers could decode to different bytes is refused: letters outside of the
alphabet, bits behind the end, padding in the middle.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from typing import Final, Literal

from gateway.errors import MessageForbidden, MessageMalformed

Alphabet = Literal["base64", "base64url"]

_ALPHABETS: Final[dict[Alphabet, re.Pattern[bytes]]] = {
    "base64": re.compile(rb"[A-Za-z0-9+/]*={0,2}"),
    "base64url": re.compile(rb"[A-Za-z0-9_-]*={0,2}"),
}
_SPACE: Final = b" \t\r\n"
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True)
class Style:
    """How one text was written: which alphabet, padded, in lines of how many signs, ended by what,
    with what around it."""

    alphabet: Alphabet
    padded: bool
    width: int  # 0: one line
    line_end: bytes
    before: bytes
    after: bytes

    def write(self, content: bytes) -> bytes:
        """`content` in this style."""
        text = binascii.b2a_base64(content, newline=False)
        if self.alphabet == "base64url":
            text = text.translate(_TO_URL)
        if not self.padded:
            text = text.rstrip(b"=")
        if self.width:
            lines = (text[at : at + self.width] for at in range(0, len(text), self.width))
            text = self.line_end.join(lines)
        return self.before + text + self.after


def read(text: bytes, alphabet: Alphabet) -> tuple[bytes, Style]:
    """What `text` says, and how it is written.

    Raises `MessageMalformed` for what is no base64 of this alphabet, `MessageForbidden` for what does
    not come back the same when it is written again: another reader may read something else.
    """
    core = text.strip(_SPACE)
    start = text.find(core)
    end = _LINE_END.search(core)
    bare = _LINE_END.sub(b"", core)
    if not _ALPHABETS[alphabet].fullmatch(bare):
        raise MessageMalformed
    signs = bare.rstrip(b"=").translate(_TO_STANDARD)
    if len(signs) % 4 == 1:
        raise MessageMalformed
    style = Style(
        alphabet,
        # Of a text that needs no padding nobody can tell: RFC 4648 pads, and URLs are mostly without.
        padded=bare.endswith(b"=") or (len(bare) % 4 == 0 and alphabet == "base64"),
        width=end.start() if end else 0,
        line_end=end[0] if end else b"",
        before=text[:start],
        after=text[start + len(core) :],
    )
    content = binascii.a2b_base64(signs + b"=" * (-len(signs) % 4))
    if style.write(content) != text:
        raise MessageForbidden
    return content, style
