"""Texts as YAML holds them: scalars that no reader takes for something else, and names."""

from __future__ import annotations

import json
import re
from typing import Final

_PLAIN: Final = re.compile(r"(?:[A-Za-z/]|\$\.|\.{1,2}/)[A-Za-z0-9./_$-]*|\$|\.")
_NOT_TEXT: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "e"})
_ESCAPED: Final = re.compile(r"[^ -~]")
_SHORT: Final = 0xFFFF  # the last sign that four digits spell
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 40  # of a system or a route, see rules/schema_words.py


def word(text: str, otherwise: str) -> str:
    """A name of the form that systems and routes have, made of `text`."""
    plain = _NOT_IN_NAMES.sub("-", text.lower()).strip("-").lstrip("0123456789-")
    return plain[-_LONGEST:].strip("-").lstrip("0123456789-") or otherwise


def scalar(text: str) -> str:
    """A YAML scalar: quoted where a plain one could be read as something else. It is one line of printable
    ASCII, whatever the text is, so that it may stand in a comment, too."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else _ESCAPED.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(sign: re.Match[str]) -> str:
    """As YAML spells it: JSON's pairs of surrogates would be two signs there, and JSON leaves DEL as it is."""
    code = ord(sign[0])
    return f"\\u{code:04x}" if code <= _SHORT else f"\\U{code:08x}"
