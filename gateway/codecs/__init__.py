"""Codecs: bytes in, spans out, splice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.codecs.document import Carrier, Format, Known
from gateway.codecs.form import open_form
from gateway.codecs.json import open_json
from gateway.codecs.multipart import open_multipart
from gateway.codecs.text import open_text
from gateway.codecs.xml import open_xml, open_xml_with_doctype

_NOTHING: Final = Known()


def open_document(format: Format, body: bytes, known: Known = _NOTHING) -> Carrier:
    """Reads `body` in the format that a shape names; the Content-Type has no say in it (P09).

    Raises `MessageMalformed` where the
    body is not of that format, `MessageForbidden` where it is and could still hide a card.
    """
    if format == "xml":
        return (
            open_xml_with_doctype(body) if known.doctype else open_xml(body, is_text=known.is_text)
        )
    return _OPEN[format](body)


_OPEN: Final[Mapping[Format, Callable[[bytes], Carrier]]] = {
    "json": open_json,
    "form": open_form,
    "multipart": open_multipart,
    "text": open_text,
}
