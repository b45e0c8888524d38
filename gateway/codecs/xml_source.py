"""What a body's bytes are before they are XML: byte order mark, encoding, prolog.

Everything is decided here, from the bytes, by the rules of XML 1.0 (sections 2.8, 4.3.3 and
appendix F); the parser is then told the encoding, so that it and the byte scanner cannot read one
body in two ways. What two readers could read differently is refused.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

from gateway.codecs.edits import pieces
from gateway.errors import MessageForbidden, MessageMalformed

SPACE: Final = b" \t\r\n"
Doctypes = tuple[re.Pattern[bytes], ...]

_DECLARATION: Final = re.compile(
    rb"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?P<q1>["'])(?P<version>1\.[0-9]+)(?P=q1)
    (?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?P<q2>["'])(?P<encoding>[A-Za-z][\w.-]*)(?P=q2))?
    (?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?P<q3>["'])(?:yes|no)(?P=q3))?[ \t\r\n]*\?>""",
    re.VERBOSE,
)
_SPACES: Final = re.compile(rb"[ \t\r\n]{1,65536}+")  # no call over more: it holds the lock
# Not of an element that ends with it: what follows that one is beside it.
_START_TAG: Final = re.compile(
    rb"""<([^ \t\r\n<>/!?&"']++)[^"'<>]*+(?:(?:"[^"<]*+"|'[^'<]*+')[^"'<>]*+)*+(?<!/)>"""
)
_STARTS_DECLARATION: Final = re.compile(rb"<\?xml[ \t\r\n?]")
_BARE_DOCTYPE: Final = re.compile(rb"""<!DOCTYPE[ \t\r\n]+[^ \t\r\n<>\[\]"']+[ \t\r\n]*>""")
_LITERAL: Final = rb"""(?:"[^"<>\[\]&]*"|'[^'<>\[\]&]*')"""
_EXTERNAL_DOCTYPE: Final = re.compile(
    rb"""<!DOCTYPE[ \t\r\n]+[^ \t\r\n<>\[\]"']+[ \t\r\n]+
    (?:SYSTEM|PUBLIC[ \t\r\n]+"""
    + _LITERAL
    + rb""")[ \t\r\n]+"""
    + _LITERAL
    + rb"""[ \t\r\n]*>""",
    re.VERBOSE,
)
# What no reference can stand in, and references. In XML that is well-formed no look-alike misleads it.
_REFERENCES: Final = re.compile(
    rb"""<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>
    |&(?!\#[0-9]+;|\#x[0-9A-Fa-f]+;|(?:lt|gt|amp|quot|apos);)""",
    re.VERBOSE | re.DOTALL,
)
_ASIDES: Final = {b"<!--": b"-->", b"<?": b"?>"}  # what may stand before a DOCTYPE
_SINGLE_BYTE: Final = re.compile(
    r"(?:iso[-_]?8859[-_](?P<part>[1-9]|1[0-1]|1[3-6])|(?:windows-|cp)(?P<page>125[0-8])|latin-?1)"
)
WIDE_LABELS: Final = {
    "utf-16-le": frozenset({"utf-16", "utf-16le"}),
    "utf-16-be": frozenset({"utf-16", "utf-16be"}),
}
_UTF_16: Final = {
    codecs.BOM_UTF16_LE: ("utf-16-le", {"", *WIDE_LABELS["utf-16-le"]}),
    codecs.BOM_UTF16_BE: ("utf-16-be", {"", *WIDE_LABELS["utf-16-be"]}),
}
# UTF-32 in four byte orders with and without a mark, UTF-16 without one, EBCDIC, and UTF-7, which
# looks like text that is not XML at all. The UTF-32 marks come first: one starts like UTF-16's.
_UNWANTED: Final = (
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
    b"\x00\x00\xff\xfe",
    b"\xfe\xff\x00\x00",
    b"\x00",
    b"<\x00",
    b"\x4c\x6f\xa7\x94",
    b"\x4c\x5a",
    b"+ADw",
    b"+/v",
)


class Source(NamedTuple):
    """A body as XML text in an encoding whose ASCII is ASCII, so that bytes can be scanned.

    `text` is the body itself, or, for UTF-16, the same in UTF-8 without the mark. The document
    starts at `start`: after a mark, and after white space that should not be there. `codec` is
    Python's and libxml2's name of `text`'s encoding; `mark` and `wide` say how `restore` writes
    UTF-16. `doctype`: whether a DOCTYPE stands there; if so, one that says nothing but a name, or, where
    that was asked for, names an external DTD.
    """

    text: bytes
    start: int
    codec: str
    doctype: bool
    mark: bytes = b""
    wide: str = ""

    def __repr__(self) -> str:
        return f"Source({len(self.text)} bytes of {self.wide or self.codec})"

    @property
    def document(self) -> bytes:
        """What the parser gets."""
        if self.start == 0:
            return self.text
        return b"".join(pieces(self.text, self.start, len(self.text)))

    def restore(self, text: bytes) -> bytes:
        """`text`, a changed `self.text`, in the body's own encoding."""
        return self.mark + _transcode(text, self.codec, self.wide) if self.wide else text


def read_source(body: bytes, *, is_text: bool = False) -> Source:
    """Finds out how `body` is written.

    `is_text`: it was the text of another document, and is in UTF-8. What it declares of itself is of
    no account (RFC 7303 section 3: outside information wins); much software writes `utf-16` there.

    Raises `MessageForbidden` for an encoding other than UTF-8, UTF-16 with a mark, ISO-8859-x and
    Windows-125x, for a mark that contradicts the declaration, XML versions other than 1.0, and a
    DOCTYPE with a DTD, internal or external; `MessageMalformed` where no markup begins, or for a
    malformed XML declaration.
    """
    return _read(body, (_BARE_DOCTYPE,), is_text=is_text)


def read_source_with_doctype(body: bytes) -> Source:
    """As `read_source`, where a DOCTYPE may name an external DTD."""
    return _read(body, (_BARE_DOCTYPE, _EXTERNAL_DOCTYPE), is_text=False)


def outermost(source: Source) -> bytes | None:
    """The outermost element alone, without the XML declaration. None where the bytes do not tell that
    nothing but white space stands beside it: they do where its end tag is the only one of its name, and the
    last thing of all. Of what is not well-formed they tell nothing.
    """
    text = source.text
    declaration = _DECLARATION.match(text, source.start)
    at = _skip_space(text, source.start if declaration is None else declaration.end())
    start = _START_TAG.match(text, at)
    if start is None:
        return None
    element = text[at:].rstrip(SPACE)
    closing = element.find(b"</" + start[1])
    if closing < 0 or element[closing + 2 + len(start[1]) :].strip(SPACE) != b">":
        return None
    return element


def refers_to_entities(source: Source) -> bool:
    """Whether a text or an attribute's value of a document that is well-formed refers to an entity that
    XML itself does not define."""
    return any(one[0] == b"&" for one in _REFERENCES.finditer(source.text))


def _read(body: bytes, doctypes: Doctypes, *, is_text: bool) -> Source:
    if body.startswith(_UNWANTED):
        raise MessageForbidden
    mark = body[:2]
    if mark in _UTF_16 and not is_text:
        wide, allowed = _UTF_16[mark]
        text = _transcode(body[2:], wide, "utf-8")
        if mark + _transcode(text, "utf-8", wide) != body:
            raise MessageForbidden
        start = _skip_space(text, 0)
        if _declared(text, start) not in allowed:
            raise MessageForbidden
        return Source(text, start, "utf-8", _has_doctype(text, start, doctypes), mark, wide)
    marked = body.startswith(codecs.BOM_UTF8)
    start = _skip_space(body, len(codecs.BOM_UTF8) if marked else 0)
    if start and body.startswith(_UNWANTED, start):
        raise MessageForbidden
    declared = _declared(body, start)
    codec = "utf-8" if is_text else _codec(declared)
    if marked and codec != "utf-8":
        raise MessageForbidden
    return Source(body, start, codec, _has_doctype(body, start, doctypes))


def _skip_space(text: bytes, start: int) -> int:
    while space := _SPACES.match(text, start):
        start = space.end()
    return start


def _declared(text: bytes, start: int) -> str:
    """The encoding that the XML declaration names, lower-case; empty without one."""
    if not text.startswith(b"<", start):
        raise MessageMalformed
    if not _STARTS_DECLARATION.match(text, start):
        return ""
    declaration = _DECLARATION.match(text, start)
    if declaration is None:
        raise MessageMalformed
    if declaration["version"] != b"1.0":
        raise MessageForbidden  # 1.1 has other line ends and characters, and few parsers know it
    return (declaration["encoding"] or b"").decode("ascii").lower()


def _codec(declared: str) -> str:
    """The codec of a body without a UTF-16 mark."""
    if declared in {"", "utf-8", "utf8"}:
        return "utf-8"
    codec = codec_of(declared)
    if codec is None:
        raise MessageForbidden
    return codec


def codec_of(charset: str) -> str | None:
    """Python's and libxml2's name of a charset of one byte whose ASCII is ASCII, from what a document or a
    label calls it, in lower case; None for any other charset."""
    match = _SINGLE_BYTE.fullmatch(charset)
    if match is None:
        return None
    return f"windows-{match['page']}" if match["page"] else f"iso-8859-{match['part'] or 1}"


def _has_doctype(text: bytes, start: int, doctypes: Doctypes) -> bool:
    """Whether the prolog has a DOCTYPE. Raises `MessageForbidden` unless it is one of `doctypes`."""
    while True:
        start = _skip_space(text, start)
        if not text.startswith((b"<!", b"<?"), start):
            return False
        if text.startswith(b"<!DOCTYPE", start):
            if not any(doctype.match(text, start) for doctype in doctypes):
                raise MessageForbidden
            return True
        opener = next((o for o in _ASIDES if text.startswith(o, start)), None)
        if opener is None:
            return False
        end = text.find(_ASIDES[opener], start + len(opener))
        if end < 0:
            raise MessageMalformed
        start = end + len(_ASIDES[opener])


def _transcode(data: bytes, old: str, new: str) -> bytes:
    """`data` in another encoding, piece by piece. Raises `MessageForbidden` for invalid bytes."""
    parts = _recode(data, old, new)
    if parts is None:
        raise MessageForbidden  # here, and not where the codec's error holds the data
    return b"".join(parts)


def _recode(data: bytes, old: str, new: str) -> list[bytes] | None:
    decoder = codecs.getincrementaldecoder(old)("strict")
    try:
        parts = [decoder.decode(piece).encode(new) for piece in pieces(data, 0, len(data))]
        decoder.decode(b"", final=True)
    except UnicodeError:
        return None
    return parts
