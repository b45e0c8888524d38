"""Codecs: bytes in, spans out, splice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.codecs.document import Document, Format
from gateway.codecs.form import open_form
from gateway.codecs.json import open_json
from gateway.codecs.xml import open_xml


def open_document(format: Format, body: bytes) -> Document:
    """Reads `body` in the format that a shape names; the Content-Type has no say in it (P09).

    Raises `MessageMalformed` where the body is not of that format, `MessageForbidden` where it is
    and could still hide a card.
    """
    return _OPEN[format](body)


_OPEN: Final[Mapping[Format, Callable[[bytes], Document]]] = {
    "xml": open_xml,
    "json": open_json,
    "form": open_form,
}
