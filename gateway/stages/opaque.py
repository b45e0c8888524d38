"""Bodies that the gateway can not look into, or may not change: signed or encrypted ones.

Whoever signs a body signs the token that stands in it, and only the signer's key would make the same
body with a card in it. Such a body is refused, whole, before anything in it is swapped or sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.codecs.document import Document, Node
from gateway.errors import BodyEncrypted, BodyOpaque, BodySigned, MessageForbidden
from gateway.rules.model_directions import Because, Opaque

_REFUSALS: Final[Mapping[Because | None, type[BodyOpaque]]] = {
    None: BodyOpaque,
    "signed": BodySigned,
    "encrypted": BodyEncrypted,
}


def refuse(rule: Opaque) -> BodyOpaque:
    """The refusal of a body that the rule is about."""
    return _REFUSALS[rule.because]()


def check(document: Document, rule: Opaque) -> None:
    """Raises `BodyOpaque` where something stands at one of the rule's places."""
    if any(_holds_more(document, node) for path in rule.at for node in document.select(path)):
        raise refuse(rule)


def _holds_more(document: Document, node: Node) -> bool:
    """Whether a place holds more than an empty text."""
    try:
        return bool(document.text(node).strip())
    except MessageForbidden:  # an object, elements, a comment
        return True
