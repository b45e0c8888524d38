"""Texts that are told on, without the card numbers that somebody may have written into them."""

from __future__ import annotations

from gateway.cards.scan import find_cards


def without_cards(text: str) -> str:
    """The text, each card number in it masked; nothing of it where one can not be masked in place."""
    raw = text.encode("utf-8", "replace")  # a lone surrogate is no text
    for found in reversed(find_cards(raw)):
        if not found.in_place:
            return ""
        for start, end in reversed(found.spans[6:-4]):
            raw = raw[:start] + b"*" + raw[end:]
    return raw.decode(errors="replace")
