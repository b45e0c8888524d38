"""Writing values and small elements into XML: escaping, prefixes, characters that do not fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.codecs.document import Element
from gateway.codecs.template import split
from gateway.errors import MessageUnfit

# XML 1.0 section 2.2; a character reference can not name the others either.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN: Final = re.compile(r"[A-Za-z0-9 *._:/+-]*")  # the same in every encoding, never escaped
# A bare CR would be read as LF; `]]>` may not stand in a text.
_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_SPACE: Final = str.maketrans({"\t": "&#9;", "\n": "&#10;"})  # attributes would read a space
_QUOTE: Final = {b'"': ('"', "&quot;"), b"'": ("'", "&apos;")}


class _Slot(NamedTuple):
    """Where a value goes: its name (None: the position), the quote around it (b"": text)."""

    name: str | None
    quote: bytes


_Form = list[bytes | _Slot]  # a template made ready: what is always the same is written once

_KEPT: Final = 512  # forms; the rules have a few dozen templates, prefixes are a partner's
_SHORT: Final = 8  # a longer prefix is not kept: it is a peer's word


class Writer:
    """Writes in one document's encoding; `codec`'s ASCII is ASCII.

    Every method raises `MessageUnfit` for characters that XML can not hold at all.
    """

    __slots__ = ("_codec", "_forms")

    def __init__(self, codec: str) -> None:
        self._codec = codec
        # By the element's identity: it is held beside its form. A message has a few of them.
        self._forms: dict[tuple[int, str, bool], tuple[Element, _Form]] = {}

    def text(self, value: str) -> bytes:
        """An element's text."""
        if _PLAIN.fullmatch(value):
            return value.encode("ascii")
        return self._encode(value.translate(_TEXT))

    def cdata(self, value: str) -> bytes | None:
        """What stands in a CDATA section; None where it can not hold the value."""
        if _NOT_XML.search(value):
            raise MessageUnfit
        if "]]>" in value or "\r" in value:  # it would end, or be read as a line feed
            return None
        try:
            return value.encode(self._codec)
        except UnicodeEncodeError:
            return None

    def value(self, value: str, quote: bytes) -> bytes:
        """What stands between an attribute's quotes, which are `quote`."""
        if _PLAIN.fullmatch(value):
            return value.encode("ascii")
        return self._encode(value.translate(_TEXT).translate(_SPACE).replace(*_QUOTE[quote]))

    def attribute(self, name: str, value: str) -> bytes:
        """A whole attribute, with the space before it."""
        return b' %b="%b"' % (self.name(name), self.value(value, b'"'))

    def leaf(self, name: str, value: str) -> bytes:
        """An element that holds only text."""
        tag = self.name(name)
        return b"<%b>%b</%b>" % (tag, self.text(value), tag)

    def element(
        self, content: Element, prefix: str, values: Mapping[str, str], position: int | None
    ) -> bytes:
        """`content` with its templates filled in; every name gets `prefix` (`p:`, or empty).

        `position` becomes the outermost element's attribute of that name.
        """
        key = id(content), prefix, position is not None
        if key not in self._forms:
            ready = _form_of if len(prefix) <= _SHORT else _prepare
            form = ready(content, self._codec, prefix, numbered=position is not None)
            self._forms[key] = content, form
        _, form = self._forms[key]
        return b"".join(
            [
                piece if isinstance(piece, bytes) else self._filled(piece, values, position)
                for piece in form
            ]
        )

    def name(self, name: str) -> bytes:
        """A name. Raises `MessageUnfit` where the encoding does not have its characters."""
        try:
            return name.encode(self._codec)
        except UnicodeEncodeError:
            raise MessageUnfit from None

    def _filled(self, slot: _Slot, values: Mapping[str, str], position: int | None) -> bytes:
        if slot.name is None:
            return str(position).encode("ascii")
        value = values.get(slot.name)
        if value is None:
            if slot.name != "position":
                raise MessageUnfit  # half a token must not look like one
            value = str(position or 1)
        if _PLAIN.fullmatch(value):
            return value.encode("ascii")
        return self.escaped(value, slot.quote)

    def escaped(self, value: str, quote: bytes) -> bytes:
        """An attribute's value between `quote`s, or where there are none a text."""
        return self.value(value, quote) if quote else self.text(value)

    def _encode(self, value: str) -> bytes:
        if _NOT_XML.search(value):
            raise MessageUnfit
        return value.encode(self._codec, "xmlcharrefreplace")


def _prepare(content: Element, codec: str, prefix: str, *, numbered: bool) -> _Form:
    form: _Form = []
    _add_element(form, Writer(codec), content, prefix, numbered=numbered)
    return form


_form_of = lru_cache(_KEPT)(_prepare)


def _add_element(
    form: _Form, writer: Writer, content: Element, prefix: str, *, numbered: bool
) -> None:
    tag = writer.name(prefix + content.name)
    _write(form, b"<" + tag)
    attributes: dict[str, str | None] = dict(content.attributes)
    if numbered:
        attributes["position"] = None
    for name, template in attributes.items():
        _write(form, b' %b="' % writer.name(name))
        if template is None:
            form.append(_Slot(None, b'"'))
        else:
            _add_value(form, writer, template, b'"')
        _write(form, b'"')
    _write(form, b">")
    _add_value(form, writer, content.text, b"")
    for child in content.children:
        _add_element(form, writer, child, prefix, numbered=False)
    _write(form, b"</%b>" % tag)


def _add_value(form: _Form, writer: Writer, template: str, quote: bytes) -> None:
    for place, part in enumerate(split(template)):
        if place % 2:
            form.append(_Slot(part, quote))
        else:
            _write(form, writer.escaped(part, quote))


def _write(form: _Form, new: bytes) -> None:
    """Adds what is always the same, joined to what stands before it."""
    if form and isinstance(form[-1], bytes):
        form[-1] += new
    else:
        form.append(new)
