"""What a look at a body's bytes does not see, whatever its label says: refused (P08, P10, P11).

1. Bytes that are no text, under the label of a format that is: an archive, or an answer that was
   compressed once more than its head says. The client would undo what the guard did not.
2. A label or an XML declaration that names another encoding than those whose ASCII is ASCII, as UTF-7
   or EBCDIC: the body is read so as well, and a card that shows only then can not be masked in its place.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import Final

from gateway.codecs.document import Format
from gateway.errors import CardDisguised, MessageForbidden
from gateway.headers import Headers
from gateway.stages.charsets import encodings_of
from gateway.stages.guard import is_text

_CHARSET: Final = re.compile(r"""charset[ \t]*=[ \t]*["']?([^"'\s;,]+)""", re.IGNORECASE)
_DECLARED: Final = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']"""
)
_HEAD: Final = 400  # bytes in which an XML declaration stands
_EBCDIC: Final = b"\x4c\x6f\xa7\x94"  # `<?xm`: XML 1.0, appendix F.1
_MOST: Final = 4  # encodings of one body: it is read whole in each
_PIECE: Final = 256 * 1024  # decoded at once: one call holds the interpreter
_UNFINISHED: Final = 64  # bytes of a sign that goes on in the next piece


def check_text(body: bytes, format: Format | None) -> None:
    """Raises MessageForbidden for bytes that are no text. A multipart form may hold a file, and what has no
    format that is read here (None) may be anything: those are looked at more closely."""
    closely = format is None or format == "multipart"
    if (closely or not _is_utf8(body)) and not is_text(body):
        raise MessageForbidden


def check_encodings(headers: Headers, body: bytes, has_card: Callable[[bytes], bool]) -> None:
    """Reads a body that may leave in every other encoding that its head or its declaration names.

    `has_card` says whether one is in a text (UTF-8). Raises CardDisguised where that shows one, and
    MessageForbidden for an encoding that nobody here can read, where the body is not in UTF-8 anyway.
    """
    names = list(dict.fromkeys(_named(headers, body)))
    if len(names) > _MOST:
        raise MessageForbidden
    for name in names:
        found = encodings_of(name)
        if found is None and not _is_utf8(body):
            raise MessageForbidden
        if any(has_card(_decoded(body, one)) for one in found or ()):
            raise CardDisguised


def _is_utf8(body: bytes) -> bool:
    """What is compressed is not, but for a few bytes, in which no card is."""
    if body.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(body), _PIECE):
            decoder.decode(body[at : at + _PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _named(headers: Headers, body: bytes) -> Iterator[str]:
    """What the message calls the encoding that it is in."""
    for value in headers.get_all("Content-Type"):
        yield from _CHARSET.findall(value)
    declared = _DECLARED.search(body[:_HEAD]) if body[:_HEAD].lstrip()[:5] == b"<?xml" else None
    if declared is not None:
        yield declared[1].decode("ascii")
    if body.startswith(_EBCDIC):
        yield "cp037"


def _decoded(body: bytes, name: str) -> bytes:
    """The body in UTF-8, read as the encoding of that name. Raises MessageForbidden where a sign does not end:
    UTF-7 has one letter or a megabyte between two marks, and would be read anew with each piece."""
    decoder = codecs.getincrementaldecoder(name)("replace")
    parts = []
    for at in range(0, len(body), _PIECE):
        parts.append(decoder.decode(body[at : at + _PIECE]))
        if len(decoder.getstate()[0]) > _UNFINISHED:
            raise MessageForbidden
    parts.append(decoder.decode(b"", final=True))
    return "".join(parts).encode("utf-8", "surrogatepass")
