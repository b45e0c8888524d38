"""Documents inside documents: XML in a form's field, JSON in base64 in a JSON field, to any depth.

An *envelope* is a document in whose texts others stand; a *layout* says which envelopes lead to the
document that a shape's paths are about. An enveloped document offers what any document does, and its
edits are edits of the outermost bytes: whoever works with a message need not know of envelopes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from gateway.codecs import base64, open_document
from gateway.codecs.document import (
    Add,
    Carrier,
    Change,
    Document,
    Format,
    Insert,
    Known,
    Node,
    Remove,
    Set,
)
from gateway.codecs.edits import Edit, Spliced
from gateway.codecs.embedded import Embedded, difference
from gateway.codecs.paths import Path
from gateway.errors import MessageForbidden, MessageMalformed, MessageUnfit

Coding = Literal["text", "base64", "base64url"]

_NOTHING: Final = Known()


@dataclass(frozen=True, slots=True)
class Envelope:
    """A document of `format`; each text at `at` holds another one, written as `coding` says."""

    format: Format
    at: Path
    coding: Coding = "text"


class Layout(NamedTuple):
    """What a message is: a document of `format`, inside of envelopes, the outermost first."""

    format: Format
    envelopes: tuple[Envelope, ...] = ()

    @property
    def outer(self) -> Format:
        """The format of the message's own bytes."""
        return self.envelopes[0].format if self.envelopes else self.format

    @property
    def inner(self) -> Layout:
        """What stands in the outermost envelope."""
        return Layout(self.format, self.envelopes[1:])


class Content(NamedTuple):
    """What one text of an envelope holds."""

    embedded: Embedded
    body: bytes
    style: base64.Style | None  # None: the text is the document
    is_text: bool

    def __repr__(self) -> str:
        return f"Content({len(self.body)} bytes)"

    def edits(self, spliced: Spliced) -> list[Edit]:
        """The envelope's edits that make `spliced` of the body."""
        if spliced.body == self.body:
            return []
        if self.style is None:
            return self.embedded.edits(spliced.edits)
        written = self.style.write(spliced.body)
        return self.embedded.edits(difference(self.embedded.content, written))


def open_layout(layout: Layout, body: bytes, known: Known = _NOTHING) -> Document:
    """Reads `body`, and what its envelopes hold; `known` is about the outermost document.

    Raises what `open_document` raises.
    """
    if not layout.envelopes:
        return open_document(layout.format, body, known)
    outer = open_document(layout.outer, body, known)
    contents = list(contents_of(outer, layout.envelopes[0]))
    documents = [
        open_layout(layout.inner, content.body, Known(content.is_text)) for content in contents
    ]
    return EnvelopedDocument(outer, contents, documents)


def contents_of(outer: Carrier, envelope: Envelope) -> Iterator[Content]:
    """What the envelope holds, in document order. A text without anything in it holds nothing.

    Raises `MessageMalformed`, `MessageForbidden` where it can not be looked into.
    """
    for embedded in outer.embedded(outer.select(envelope.at)):
        if not embedded.content.strip():
            continue
        if envelope.coding == "text":
            yield Content(embedded, embedded.content, None, _is_utf8(embedded.content))
        else:
            body, style = base64.read(embedded.content, envelope.coding)
            yield Content(embedded, body, style, is_text=False)


def rewrite(
    layout: Layout,
    body: bytes,
    change: Callable[[Layout, bytes, Known], Spliced],
    known: Known = _NOTHING,
) -> Spliced:
    """What becomes of a message when `change` is made of what its envelopes hold, and then of itself.

    `change` is handed the format (a layout without envelopes), the bytes, and what is known of them.
    Where an envelope can not be read, it is changed as it stands.
    """
    if not layout.envelopes:
        return change(layout, body, known)
    try:
        outer = open_document(layout.outer, body, known)
        contents = list(contents_of(outer, layout.envelopes[0]))
    except MessageMalformed:
        return change(Layout(layout.outer), body, known)
    edits: list[Edit] = []
    for content in contents:
        inner = rewrite(layout.inner, content.body, change, Known(content.is_text))
        edits += content.edits(inner)
    inside = outer.apply(edits)
    outer.close()
    whole = change(Layout(layout.outer), inside.body, known)
    if whole.body == inside.body:
        return inside
    return Spliced(whole.body, difference(body, whole.body))


def opened(layout: Layout, body: bytes) -> list[bytes]:
    """What the envelopes of a message hold, from the outside in, for a reader. Raises as
    `open_layout`."""
    if not layout.envelopes:
        return []
    found = []
    for content in contents_of(open_document(layout.outer, body), layout.envelopes[0]):
        found += [content.body, *opened(layout.inner, content.body)]
    return found


class _Place(NamedTuple):
    """A node of the inner document number `which`."""

    which: int
    node: Node


@dataclass(frozen=True, slots=True)
class _Whole:
    """The whole message, where it does not hold exactly one document."""


_WHOLE: Final = _Whole()


class EnvelopedDocument:
    """The documents inside one envelope, as one; fulfils `gateway.codecs.document.Document`."""

    __slots__ = ("_contents", "_documents", "_outer")

    def __init__(
        self, outer: Carrier, contents: Sequence[Content], documents: Sequence[Document]
    ) -> None:
        self._outer, self._contents, self._documents = outer, contents, documents

    @property
    def root(self) -> Node:
        if len(self._documents) != 1:
            return _WHOLE
        return _Place(0, self._documents[0].root)

    def select(self, path: Path, within: Node | None = None) -> Sequence[Node]:
        if within is not None and within is not _WHOLE:
            place = _place(within)
            inner = self._documents[place.which]
            return [_Place(place.which, node) for node in inner.select(path, place.node)]
        return [
            _Place(which, node)
            for which, document in enumerate(self._documents)
            for node in document.select(path)
        ]

    def text(self, node: Node) -> str:
        place = _place(node)
        return self._documents[place.which].text(place.node)

    def instead(self, node: Node) -> Sequence[Node]:
        if node is _WHOLE:
            return ()
        which, inner = _place(node)
        return [_Place(which, found) for found in self._documents[which].instead(inner)]

    def holds(self, outer: Node, inner: Node) -> bool:
        around, place = _place(outer), _place(inner)
        document = self._documents[place.which]
        return around.which == place.which and document.holds(around.node, place.node)

    def is_number(self, node: Node) -> bool:
        place = _place(node)
        return self._documents[place.which].is_number(place.node)

    def name(self, node: Node) -> str:
        place = _place(node)
        return self._documents[place.which].name(place.node)

    def close(self) -> None:
        for document in (*self._documents, self._outer):
            document.close()

    def splice(self, changes: Iterable[Change]) -> Spliced:
        inside: dict[int, list[Change]] = {}
        for change in changes:
            which, bare = _bare(change)
            inside.setdefault(which, []).append(bare)
        edits: list[Edit] = []
        for which, bares in inside.items():
            edits += self._contents[which].edits(self._documents[which].splice(bares))
        return self._outer.apply(edits)


def _place(node: Node) -> _Place:
    if node is _WHOLE:
        raise MessageForbidden
    if not isinstance(node, _Place):
        raise MessageUnfit
    return node


def _bare(change: Change) -> tuple[int, Change]:
    """Which inner document a change is for, and the change as that one knows it."""
    match change:
        case Set() | Remove():
            place = _place(change.node)
            return place.which, change._replace(node=place.node)
        case Add():
            within, beside = _place(change.within), _place(change.beside)
            if within.which != beside.which:
                raise MessageUnfit
            return within.which, change._replace(within=within.node, beside=beside.node)
        case Insert():
            place = _place(change.parent)
            return place.which, change._replace(parent=place.node)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
