"""Messages as files: `<outcome>--<what is odd about it>`, an outcome being what a codec must do.

`card`: the one field of the corpus holds 4111111111111111 once blanks are gone; `none`: the field
is absent or empty; else the code of the refusal, at opening, selecting, or reading the text.
"""

from __future__ import annotations

import pathlib

import pytest

from gateway.codecs import open_document
from gateway.codecs.document import Document, Format
from gateway.codecs.paths import parse_path
from gateway.errors import GatewayError

CORPUS = pathlib.Path(__file__).parent.parent / "corpus"


def corpus(format: Format) -> list[object]:
    """One parameter a file, named after it."""
    files = sorted((CORPUS / format).iterdir())
    return [pytest.param(file, id=file.stem) for file in files]


def outcome_of(format: Format, path: str, body: bytes) -> str:
    """What comes of a message, in the words above."""
    try:
        document: Document = open_document(format, body)
        texts = [document.text(node) for node in document.select(parse_path(path, format))]
    except GatewayError as error:
        # No exception in the chain may hold the input.
        hidden = error.__suppress_context__ or error.__context__ is None
        return error.code if hidden and error.__cause__ is None else "shows the input"
    found = [text.replace(" ", "") for text in texts if text]
    if not found:
        return "none"
    return "card" if found == ["4111111111111111"] else "something else"
