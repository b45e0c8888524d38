"""How a text is written in XML: references, line ends, CDATA sections, and new text among them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from gateway.codecs.embedded import Embedded, Stretch
from gateway.codecs.xml_match import Matcher
from gateway.codecs.xml_scan import Tag, attribute_value, element_text
from gateway.codecs.xml_select import Place
from gateway.codecs.xml_source import Source
from gateway.codecs.xml_splice import text_of
from gateway.codecs.xml_tree import Tree
from gateway.codecs.xml_write import Writer
from gateway.errors import MessageUnfit

_CDATA: Final = b"<![CDATA["
_CDATA_END: Final = b"]]>"
_REFERENCE: Final = rb"&(?:#x[0-9A-Fa-f]+|#[0-9]+|lt|gt|amp|quot|apos);"
_LINE_END: Final = rb"\r\n?"
_ATTRIBUTE_SPACE: Final = rb"\r\n?|[\n\t]"  # XML 1.0 section 3.3.3: read as one space
_NOT_ASCII: Final = rb"[\x80-\xff]"  # one character each, where the encoding is not UTF-8


def embedded_in(source: Source, tree: Tree, places: Sequence[Place]) -> list[Embedded]:
    """The texts of places as other documents' bytes; all are found in one scan.

    Raises `MessageForbidden` for an element that holds more than text, `MessageUnfit` where parser
    and bytes do not agree.
    """
    for place in places:
        if place.key is None:
            text_of(place)
    matcher, written = Matcher(source, tree), _Written(source.codec)
    tags = matcher.locate({place.element for place in places})
    return [
        Embedded(source.text, _stretches(source, matcher, written, place, tags[place.element]))
        for place in places
    ]


def _stretches(
    source: Source, matcher: Matcher, written: _Written, place: Place, tag: Tag
) -> list[Stretch]:
    if place.key is not None:
        _, start, end = tag.attributes[matcher.attribute(place.element, tag, place.key)]
        return [written.value(start, end, source.text[end : end + 1])]
    if tag.self_closed:
        return []
    if not matcher.same_text(place.element, tag):
        raise MessageUnfit
    return list(written.text(source.text, tag.end, tag.close))


class _Written:
    """How text is written in a document of one encoding, whose ASCII is ASCII."""

    __slots__ = ("_codec", "_write")

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._write = Writer(codec)

    def value(self, start: int, end: int, quote: bytes) -> Stretch:
        """What stands between an attribute's quotes."""
        spelled = _spelled(_REFERENCE, _ATTRIBUTE_SPACE, codec=self._codec)
        return Stretch(
            start,
            end,
            spelled,
            lambda match: attribute_value(self._decoded(match[0])).encode(),
            lambda content: self._write.value(_text(content), quote),
        )

    def text(self, source: bytes, start: int, end: int) -> Iterator[Stretch]:
        """What stands between an element's tags: CDATA sections, and what is around them."""
        while (opening := source.find(_CDATA, start, end)) >= 0:
            inside = opening + len(_CDATA)
            closing = source.index(_CDATA_END, inside, end)  # the parser has found it well-formed
            yield self._outside(start, opening)
            yield self._inside(inside, closing)
            start = closing + len(_CDATA_END)
        yield self._outside(start, end)

    def _outside(self, start: int, end: int) -> Stretch:
        return Stretch(
            start,
            end,
            _spelled(_REFERENCE, _LINE_END, codec=self._codec),
            self._read,
            lambda content: self._write.text(_text(content)),
        )

    def _inside(self, start: int, end: int) -> Stretch:
        spelled = _spelled(_LINE_END, codec=self._codec)
        return Stretch(start, end, spelled, self._read, self._bare, literal=True)

    def _read(self, match: re.Match[bytes]) -> bytes:
        return element_text(self._decoded(match[0])).encode()

    def _bare(self, content: bytes) -> bytes:
        """Nothing can be escaped inside a CDATA section."""
        text = _text(content)
        if self._write.text(text).count(b"&#") or "\r" in text:
            raise MessageUnfit  # a character that the encoding, or XML, does not have
        return text.encode(self._codec)

    def _decoded(self, raw: bytes) -> str:
        return raw.decode(self._codec)


@lru_cache(16)
def _spelled(*ways: bytes, codec: str) -> re.Pattern[bytes]:
    return re.compile(b"|".join(ways if codec == "utf-8" else (*ways, _NOT_ASCII)))


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:  # holds the content
        raise MessageUnfit from None
