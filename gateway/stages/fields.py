"""A card's fields: where each of them stands in a message, and what is said there. Pure.

A field may have several places. One path that leads to two is refused (`select.only`); several paths
that lead to one each are the rule's own choice, and what follows from them is said here, once for
both ways.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from gateway.codecs.document import Document, Node
from gateway.rules.model_shapes import Field, Shape
from gateway.stages.select import only


def places_of(document: Document, field: Field | None, card: Node) -> Sequence[Node]:
    """The places of a field that the message has, in the rule's order, each once.

    Raises `MessageForbidden` where one path leads to two.
    """
    if field is None:
        return ()
    if not field.others:
        node = only(document, field.at, card)
        return () if node is None else (node,)
    found = [only(document, path, card) for path in field.places]
    nodes = tuple(dict.fromkeys(node for node in found if node is not None))
    if len(nodes) < 2:
        return nodes
    # `value/string` and `value`: where the inner one is there, the outer one is only the way to it.
    return tuple(
        node for node in nodes if not any(document.holds(node, one) for one in nodes if one != node)
    )


def texts_of(document: Document, field: Field | None, card: Node) -> list[str]:
    """What stands in a field's places, where something does."""
    if field is not None and not field.others:
        node = only(document, field.at, card)
        text = "" if node is None else document.text(node)
        return [text] if text.strip() else []
    texts = [document.text(node) for node in places_of(document, field, card)]
    return [text for text in texts if text.strip()]


def expiry_texts_of(document: Document, field: Field | None, card: Node) -> list[str]:
    """As `texts_of`, of an expiry in one field: a JSON number lacks the zero in front of `927`."""
    texts = [(node, document.text(node)) for node in places_of(document, field, card)]
    return [
        f"0{text}" if len(text) in {3, 5} and document.is_number(node) else text
        for node, text in texts
        if text.strip()
    ]


def text_of(document: Document, field: Field | None, card: Node) -> str:
    """The first text of a card's field, or of a joined one all; empty where there is none."""
    texts = texts_of(document, field, card)
    if field is not None and field.joined:
        return " ".join(text.strip() for text in texts)
    return next(iter(texts), "")


def around(before: str, text: str) -> str:
    """`text` with the white space that stood around what it takes the place of."""
    bare = before.strip()
    if len(bare) == len(before) or not bare:
        return text
    start = before.index(bare)
    return before[:start] + text + before[start + len(bare) :]


def shared_expiries(document: Document, cards: Iterable[tuple[Shape, Node]]) -> set[Node]:
    """Those places of an expiry outside of the cards' nodes that are more than one card's: nothing
    says whose expiry stands there."""
    users: dict[Node, set[Node]] = {}
    for shape, card in cards:
        for field in (shape.expiry, shape.expiry_month, shape.expiry_year):
            for path in field.outside if field is not None else ():
                node = only(document, path, card)
                if node is not None:
                    users.setdefault(node, set()).add(card)
    return {node for node, cards in users.items() if len(cards) > 1}


def uses(document: Document, shape: Shape, card: Node, places: Collection[Node]) -> bool:
    """Whether one of `places` is the card's expiry, or a part of it."""
    fields = (shape.expiry, shape.expiry_month, shape.expiry_year)
    return any(node in places for field in fields for node in places_of(document, field, card))


def to_write(document: Document, field: Field, card: Node) -> Sequence[Node]:
    """The places that a field's new text goes to: all that hold something, for what would be left in
    one of them is another card's; else the first. None: it is to be added."""
    nodes = places_of(document, field, card)
    if len(nodes) < 2:
        return nodes
    return [node for node in nodes if document.text(node).strip()] or nodes[:1]
