"""A message, and what its texts hold: XML in a form, JSON in base64, to three levels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from gateway.cli.proposal import ways
from gateway.cli.proposal.found import Looked, look
from gateway.cli.proposal.leaves import Leaf, Taken, take_apart
from gateway.cli.proposal.sealed import is_encrypted
from gateway.cli.proposal.shapes import Layer
from gateway.codecs import base64
from gateway.codecs.envelope import Coding
from gateway.errors import GatewayError

DEEPEST: Final = 3
_SHORTEST: Final = 20
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\s-]{24,}={0,2}\s*")
_CODINGS: Final[tuple[Literal["base64", "base64url"], ...]] = ("base64", "base64url")
_MARKED: Final = re.compile(r"\s*(?:<[?!A-Za-z]|[{\[]\s*[\"{\[])")


def open_all(
    body: bytes, outside: tuple[Layer, ...] = ()
) -> Iterator[tuple[Taken, tuple[Layer, ...], Looked]]:
    """Each document of a message, the outermost first, with the envelopes around it and what it holds.

    A text inside is a document only where something of a card is in it, a mask in a card's place, or what is
    encrypted.
    """
    taken = take_apart(body)
    if taken is None:
        return
    looked = look(taken)
    yield taken, outside, looked
    if len(outside) == DEEPEST:
        return
    for leaf in taken.leaves:
        if len(leaf.text) < _SHORTEST or not ways.can_be_written(leaf.steps, taken.format):
            continue
        for content, coding in _contents(leaf):
            layer = Layer(taken.format, ways.absolute(taken, leaf.steps), leaf.steps, coding)
            inside = list(open_all(content, (*outside, layer)))
            if any(found.cards or found.scrubbed or _is_sealed(one) for one, _, found in inside):
                yield from inside
                break


def _is_sealed(taken: Taken) -> bool:
    """Whether a document has an encrypted text in it, which is to be told."""
    return any(is_encrypted(leaf.name, leaf.text) for leaf in taken.leaves)


def _contents(leaf: Leaf) -> Iterator[tuple[bytes, Coding]]:
    text = leaf.text
    if _MARKED.match(text):
        yield text.encode("utf-8", "replace"), "text"
        return
    if _BASE64.fullmatch(text):
        bare = text.encode("ascii")
        for coding in _CODINGS:
            try:
                content, _ = base64.read(bare, coding)
            except GatewayError:
                continue
            yield content, coding
    if "=" in text and "&" in text:
        yield text.encode("utf-8", "replace"), "text"
