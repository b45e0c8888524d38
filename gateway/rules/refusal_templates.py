"""Templates of refusals in a pack: text with places, filled with words of the gateway's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

PLACES: Final = ("code", "text", "action", "route", "exchange", "status")
_PLACE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_QUOTES: Final = {'"': "&quot;", "'": "&apos;"}


def unknown_places(template: str) -> list[str]:
    """The places of a template that nothing fills, each once."""
    return sorted({name for name in _PLACE.findall(template) if name not in PLACES})


def filled_text(template: str, facts: Mapping[str, str]) -> bytes:
    """With the facts as they are. Every place must be one of `PLACES`."""
    return _PLACE.sub(lambda place: facts[place[1]], template).encode()


def filled_xml(template: str, facts: Mapping[str, str]) -> bytes:
    """With the facts escaped, for a text as for an attribute's value; ASCII, whatever it declares."""
    text = _PLACE.sub(lambda place: escape(facts[place[1]], _QUOTES), template)
    return text.encode("ascii", "xmlcharrefreplace")


def filled_json(template: str, facts: Mapping[str, str]) -> bytes:
    """`template` is a JSON document; places are filled in its texts, names stay."""
    return json.dumps(_filled(json.loads(template), facts), separators=(",", ":")).encode("ascii")


def _filled(value: Any, facts: Mapping[str, str]) -> Any:  # Any: whatever JSON has
    if isinstance(value, str):
        return _PLACE.sub(lambda place: facts[place[1]], value)
    if isinstance(value, dict):
        return {name: _filled(one, facts) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, facts) for one in value]
    return value
