"""The small templates of `insert:` and `on_failure:`, parsed and checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.codecs.document import Element, Members
from gateway.codecs.xml import parse_fragment
from gateway.yaml_model import suggest

# What each place stands for is in docs/rules.md.
_TOKEN: Final = frozenset({"iduser", "tokenuser", "alias"})
_CARD: Final = frozenset({"masked", "last4", "brand", "position"})
_PLACES: Final = _TOKEN | _CARD | {"b2b", "error"}
_BRACES: Final = re.compile(r"\{([^{}]*)\}|[{}]")


def parse_xml(text: str) -> Element:
    """Parses an XML fragment. Raises ValueError with a text for the administrator."""
    return parse_fragment(text)


def parse_members(members: Mapping[str, str]) -> Members:
    """JSON members, or form pairs, in the order of the file."""
    return Members(tuple(members.items()))


def mistakes(content: Element | Members, each: str, *, failed: bool) -> Iterator[str]:
    """What is wrong with the places in a template.

    `each`: `card` or `booking`; `failed`: whether it is inserted for cards that got no token.
    """
    fitting = {"b2b"} | ({"error"} if failed else set())
    if each == "card":
        fitting |= _CARD | (set() if failed else _TOKEN)
    for text in texts(content):
        for match in _BRACES.finditer(text):
            place = match[1]
            if place is None:
                yield f"`{match[0]}` stands alone; a place is written {{iduser}}"
            elif place not in _PLACES:
                yield f"unknown place `{{{place}}}`{suggest(place, _PLACES)}"
            elif place not in fitting:
                yield _misfit(place, failed=failed)


def _misfit(place: str, *, failed: bool) -> str:
    if place == "error":
        return "`{error}` stands only in `on_failure`"
    if failed and place in _TOKEN:
        return f"`{{{place}}}` is empty in `on_failure`: the card has no token"
    return f"`{{{place}}}` is one card's: it goes with `each: card`"


def texts(content: Element | Members) -> Iterator[str]:
    """Every text of a template, in which a place may stand."""
    if isinstance(content, Members):
        for name, text in content.items:
            yield from (name, text)
        return
    yield content.text
    for _, text in content.attributes:
        yield text
    for child in content.children:
        yield from texts(child)
