"""What every codec offers: places in a message, and the bytes that change when a place does.

A codec is handed bytes and answers spans. It never writes a message anew: `splice` copies the
original and replaces only the bytes of the places that were named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from gateway.codecs.edits import Edit, Spliced
from gateway.codecs.embedded import Embedded
from gateway.codecs.paths import Path

Format = Literal["xml", "json", "form", "multipart", "text"]


class Known(NamedTuple):
    """What is known of a document beside its bytes.

    `is_text`: it was the text of another document, and is here in UTF-8 whatever it declares.
    `doctype`: a rule says that its XML may name an external DTD.
    """

    is_text: bool = False
    doctype: bool = False


class Node(Protocol):
    """A place in one document: an element, an attribute, a JSON value, a form pair.

    Handed out by `Document.select`, handed back in changes; otherwise opaque. Its repr shows no
    content.
    """


@dataclass(frozen=True, slots=True)
class Element:
    """An XML fragment to insert, parsed from a rule's template.

    Names have no prefix: on insertion they take the parent's. `text` and attribute values are
    templates (`{iduser}`); values are escaped when they are filled in.
    """

    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Element, ...] = ()
    text: str = ""

    def __hash__(self) -> int:
        """Cheap, for codecs look up what they made ready for a template."""
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class Members:
    """JSON members (or form pairs) to insert: name → template. A name that exists is overwritten."""

    items: tuple[tuple[str, str], ...]


class Set(NamedTuple):
    """The place's value becomes `text`, escaped as the place needs it.

    XML: attribute values, or an element's whole text. JSON: a string, or with `number` a bare
    number, in place of any scalar. Form: the pair's value, percent-encoded.
    """

    node: Node
    text: str
    number: bool = False

    def __repr__(self) -> str:
        return f"Set({self.node!r})"


class Remove(NamedTuple):
    """The place goes: an attribute with its leading space, an element whole, a JSON member with one
    comma, a form pair with one `&`."""

    node: Node


class Add(NamedTuple):
    """A field that `path` names and `within` does not have is added, right after `beside`.

    The path's last step is the new name. Of its other steps the elements or objects that are not
    there are made, one for all the fields that go into it; where a step says more than a name
    (`[1]`, `[@a='v']`), `MessageUnfit` is raised. `beside` is the number's node; where its parent is
    another one, the field becomes the last child (XML), the last member (JSON), the last pair (form).
    A new element has its sibling's prefix, or its parent's.
    """

    within: Node
    path: Path
    beside: Node
    text: str
    number: bool = False

    def __repr__(self) -> str:
        return f"Add({self.path.text!r})"


class Insert(NamedTuple):
    """`content` becomes the last child of `parent`, with `values` filled into its templates.

    `position` (1-based), where given, becomes an attribute `position` of an XML fragment's
    outermost element; JSON and form templates may use `{position}`.
    """

    parent: Node
    content: Element | Members
    values: Mapping[str, str]
    position: int | None = None

    def __repr__(self) -> str:
        return f"Insert({self.parent!r})"


Change = Set | Remove | Add | Insert


class Document(Protocol):
    """One parsed message."""

    @property
    def root(self) -> Node:
        """What absolute paths, and a booking path that a shape does not name, start from."""

    def select(self, path: Path, within: Node | None = None) -> Sequence[Node]:
        """Every place that `path` leads to from `within` (default: root), in document order."""

    def text(self, node: Node) -> str:
        """The place's value, decoded. Raises `MessageForbidden` where a comment or processing
        instruction stands inside it, or where a selected JSON place is an object or array that
        holds something."""

    def instead(self, node: Node) -> Sequence[Node]:
        """What stands there where fields should: nothing in the place of an XML element, a JSON
        object, a form. In the place of a JSON array its items, and those of the arrays among them;
        in that of a string, a number, a literal the place itself."""

    def holds(self, outer: Node, inner: Node) -> bool:
        """Whether `inner` stands below `outer`, and nothing but white space and other places does
        beside it: `outer` is no text of its own."""

    def is_number(self, node: Node) -> bool:
        """Whether a JSON number stands there, without quotes: a text in its place is another type."""

    def name(self, node: Node) -> str:
        """What a JSON object calls the member that stands there; empty for any other place."""

    def close(self) -> None:
        """Frees what a big document holds, in short steps; to be called last, in a thread."""

    def splice(self, changes: Iterable[Change]) -> Spliced:
        """Applies all changes at once. No change → the very bytes that came.

        Raises `MessageUnfit` where two changes overlap or a place can not be changed as asked.
        """


class Carrier(Document, Protocol):
    """A document in whose texts other documents may stand."""

    def embedded(self, nodes: Sequence[Node]) -> list[Embedded]:
        """The places' texts as the bytes of other documents; `apply` takes the edits they make.

        Raises `MessageForbidden` where something else than a text stands there, `MessageMalformed`
        where it can not be read, `MessageUnfit` where it can not be found in the bytes.
        """

    def apply(self, edits: Iterable[Edit]) -> Spliced:
        """The body with the bytes changed that `Embedded.edits` named. No edit → the very body."""
