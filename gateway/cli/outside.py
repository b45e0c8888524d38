"""Card numbers in a message that stand outside of every shape: what the guard meets."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.cards import pan
from gateway.cards.scan import find_cards
from gateway.cli.hiding import hide_all
from gateway.codecs.edits import Edit

# The last name before a place: `<Remark>…`, `note="…`, `"note": "…`, `note=…`.
_BEFORE: Final = re.compile(
    rb"""(?:<([\w:.-]{1,60})(?:\s[^<>]*)?>|([\w:.\[\]-]{1,60})["']?\s*[=:]\s*["']?)[^<>"'&]*\Z"""
)
_LOOK_BACK: Final = 400


@dataclass(frozen=True, slots=True)
class Outside:
    """A card number that no shape led to, masked. `name`: what stands before it, or nothing."""

    offset: int
    masked: str
    view: str  # how it is spelled: `plain`, `separated`, `base64`, …
    name: str

    def __str__(self) -> str:
        how = "" if self.view == "plain" else f", {self.view}"
        return f"{self.masked}{how}" + (f" in `{self.name}`" if self.name else "")


def find_outside(
    body: bytes, edits: Sequence[Edit], not_cards: Collection[str] = ()
) -> Iterator[Outside]:
    """What looks like a card in `body` and is neither among the bytes that `edits` change nor among the
    digits that a rule says are none."""
    for found in find_cards(body):
        if found.digits.reveal() in not_cards:
            continue
        if any(found.start < edit.end and edit.start < found.end for edit in edits):
            continue
        before = _BEFORE.search(body[max(0, found.start - _LOOK_BACK) : found.start])
        name = next(filter(None, before.groups()), b"") if before else b""
        masked = pan.mask(found.digits.reveal())
        yield Outside(found.start, masked, found.view, hide_all(name.decode("utf-8", "replace")))
