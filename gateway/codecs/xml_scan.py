"""Where tags and attributes stand in the bytes of a well-formed XML document.

In well-formed XML `<` occurs nowhere but in markup, comments, CDATA sections and processing
instructions. So one expression over those three openers and the tags of the wanted names finds
every tag, and no quotation mark, `>` or look-alike inside a comment can mislead it. The caller
has had the document parsed before, and compares every tag that is found here with the parser's.

No search runs over more than one window of the document: a long C call holds the interpreter's
lock, and the event loop waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from gateway.errors import MessageUnfit

_WINDOW: Final = 256 * 1024
_END: Final = {b"!--": b"-->", b"![CDATA[": b"]]>", b"?": b"?>"}
_OPENED, _END_TAG = 1, 2  # the groups of the expression below
_OPENER: Final = rb"(!--|!\[CDATA\[|\?)"
# Possessive, so that a look-alike inside a comment can not make it try again and again.
_TAG_REST: Final = rb"""([^"'<>]*+(?:(?:"[^"<]*+"|'[^'<]*+')[^"'<>]*+)*+)>"""
_ATTRIBUTE: Final = re.compile(
    rb"""[ \t\r\n]+([^ \t\r\n=<>/"']+)[ \t\r\n]*=[ \t\r\n]*("[^"<]*"|'[^'<]*')"""
)
_NAMESPACE: Final = re.compile(
    rb"""xmlns(?::[^ \t\r\n=<>/"']+)?[ \t\r\n]*=[ \t\r\n]*("[^"<]*"|'[^'<]*')"""
)
_INCLUDES: Final = b"http://www.w3.org/2001/XInclude"
_REFERENCE: Final = re.compile(r"&(?:#x([0-9A-Fa-f]+)|#([0-9]+)|(lt|gt|amp|quot|apos));")
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_LINE_END: Final = re.compile(r"\r\n?")
_ATTRIBUTE_SPACE: Final = re.compile(r"\r\n?|[\n\t]")
_CDATA: Final = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


@dataclass(slots=True)
class Tag:
    """One element's place. `name` as written, with its prefix.

    `start:end` is the start tag, `<` and `>` included. `attributes`: name as written → (where the
    white space before it starts, where its value starts, where its value ends), quotes left out.
    The end tag is `close:after`; for a self-closed element (`<a/>`) both are `end`. `found` is the start
    tag in the document; its group 4 goes from the name to the `>`.
    """

    name: bytes
    start: int
    end: int
    self_closed: bool
    close: int
    after: int
    found: re.Match[bytes] = field(repr=False)
    _attributes: dict[bytes, tuple[int, int, int]] | None = None

    @property
    def attributes(self) -> dict[bytes, tuple[int, int, int]]:
        """Read when they are asked for: of most tags nobody does."""
        if self._attributes is None:
            self._attributes = {
                found[1]: (found.start(), found.start(2) + 1, found.end() - 1)
                for found in _ATTRIBUTE.finditer(self.found.string, *self.found.span(4))
            }
        return self._attributes

    def value_of(self, name: bytes) -> tuple[int, int]:
        """Where the value of the attribute called `name`, which is there, starts and ends."""
        if self._attributes is None:
            for found in _ATTRIBUTE.finditer(self.found.string, *self.found.span(4)):
                if found[1] == name:
                    start, end = found.span(2)
                    return start + 1, end - 1
        _, start, end = self.attributes[name]
        return start, end

    @property
    def written(self) -> bytes:
        """The attributes as they stand there, spaces included."""
        inside = self.found[4]
        return inside[:-1] if self.self_closed else inside


def scan_tags(text: bytes, start: int, names: Collection[bytes]) -> Iterator[Tag]:
    """Every element whose name as written is among `names`, in document order of its start tag.

    A tag is handed out when its start is read; `close` and `after` are filled in later, and are
    complete when the iteration has ended. Raises `MessageUnfit` where tags do not nest, which
    a well-formed document does not do.
    """
    opened: list[Tag] = []
    for match in _outside(text, start, _tags(frozenset(names))):
        begin, end = match.span()
        if match.lastindex == _END_TAG:
            if not opened or opened[-1].name != match[_END_TAG]:
                raise MessageUnfit
            tag = opened.pop()
            tag.close, tag.after = begin, end
            continue
        self_closed = text[end - 2] == 0x2F  # "/"
        tag = Tag(match[3], begin, end, self_closed, end, end, match)
        if not self_closed:
            opened.append(tag)
        yield tag
    if opened:
        raise MessageUnfit


def may_include(text: bytes, start: int) -> bool:
    """Whether a namespace declaration could be XInclude's, spelt out or with references."""
    # Of the references, only those by number stand for a letter; one sign, and a long text, are found sooner.
    by_number = _occurs(b"&", text, start) and _occurs(b"&#", text, start)
    if not by_number and not _occurs(_INCLUDES, text, start):
        return False
    position = start
    while position < len(text):
        found = text.find(b"xmlns", position, position + _WINDOW)
        if found < 0:
            position += _WINDOW - len(b"xmlns") + 1
            continue
        match = _NAMESPACE.match(text, found)
        if match and (b"XInclude" in match[1] or b"&" in match[1]):
            return True
        position = found + 1
    return False


def _occurs(sign: bytes, text: bytes, start: int) -> bool:
    if len(text) - start <= _WINDOW:
        return text.find(sign, start) >= 0
    windows, over = range(start, len(text), _WINDOW), len(sign) - 1
    return any(text.find(sign, window, window + _WINDOW + over) >= 0 for window in windows)


def attribute_value(raw: str) -> str:
    """An attribute's value from what stands between its quotes (XML 1.0 section 3.3.3, CDATA)."""
    return _resolve(_ATTRIBUTE_SPACE.sub(" ", raw))


def element_text(raw: str) -> str:
    """The text of an element without children from what stands between its tags."""
    parts = _CDATA.split(_LINE_END.sub("\n", raw))
    parts[::2] = map(_resolve, parts[::2])
    return "".join(parts)


@lru_cache(64)
def _tags(names: frozenset[bytes]) -> re.Pattern[bytes]:
    wanted = b"|".join(map(re.escape, sorted(names)))
    # The opener in a look-ahead, and end tags apart: each `<` that is not wanted is passed over at
    # its first sign.
    return re.compile(
        rb"<(?:(?=[!?])" + _OPENER + rb"|/(" + wanted + rb")[ \t\r\n]*>"
        + rb"|(" + wanted + rb")(?=[ \t\r\n/>])" + _TAG_REST + rb")"
    )  # fmt: skip


def _outside(text: bytes, start: int, wanted: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """Matches of `wanted` outside comments, CDATA sections and processing instructions.

    The expression's first group is the opener of one of these. A window ends where a `<` begins,
    so that nothing that is wanted lies across its end; a match that starts inside something opaque
    is passed over, and can not hide what follows, because it holds no further `<`.
    """
    opaque = start  # everything before it is inside something opaque, or has been seen
    while start < len(text):
        end = text.find(b"<", start + _WINDOW)
        end = len(text) if end < 0 else end
        for match in wanted.finditer(text, start, end):
            if match.start() < opaque:
                continue
            if match.lastindex != _OPENED:
                yield match
                continue
            closer = _END[match[_OPENED]]
            stop = text.find(closer, match.end())
            if stop < 0:
                raise MessageUnfit
            opaque = stop + len(closer)
        start = max(end, opaque)


def _resolve(text: str) -> str:
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return _NAMED[match[3]]
    return chr(int(match[1], 16) if match[1] else int(match[2]))
