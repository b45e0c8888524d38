"""A message taken apart into its texts, each with the way that leads to it: XML, JSON, forms, multipart.

This is the reader of `rules new` alone, which does not know yet what it looks for. Nothing is changed by
it: what a proposed rule does with the message is shown by the stages (`proof.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import unquote_plus

from gateway.cli.proposal import words
from gateway.cli.proposal.iso8583 import is_numbered
from gateway.codecs.document import Format
from gateway.codecs.multipart_parts import read_parts
from gateway.codecs.xml import open_xml, open_xml_with_doctype
from gateway.codecs.xml_tree import Parsed, local_name
from gateway.errors import GatewayError

Axis = Literal["element", "attribute", "member", "item", "field"]

NUMBERED_BY: Final = frozenset({"id", "number", "no", "name", "num"})  # `<field id="2" value="…"/>`
_MOST: Final = 50_000  # texts of one message
_LARGEST: Final = 8 << 20
_DEEPEST: Final = 100
_DOCTYPE: Final = re.compile(rb"\A[^<]*(?:<[?!-][^<]*)*?<!DOCTYPE\s+\S+\s+(?:SYSTEM|PUBLIC)\b")
_SAYS_UTF_16: Final = re.compile(rb"\s*<\?xml[^>]*encoding=[\"']utf-16", re.IGNORECASE)
_FORM: Final = re.compile(rb"[^=&<>{}\"\s]{1,120}=[^&]*(?:&[^=&]{0,120}(?:=[^&]*)?)*")


class Step(NamedTuple):
    """One step of the way. `nth` counts, from 0, those of one name (XML), or a list's items."""

    axis: Axis
    name: str = ""
    nth: int = 0


Steps = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One text. `number`: a JSON number without quotes."""

    steps: Steps
    text: str = field(repr=False)
    number: bool = False

    @property
    def name(self) -> str:
        """The last name on the way."""
        return next((step.name for step in reversed(self.steps) if step.name), "")


class Index:
    """Where each node's texts are among all of them: they stand in a row, for the order is the document's."""

    __slots__ = ("_alike", "_beside", "_spans")

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        self._spans: dict[Steps, tuple[int, int]] = {}
        self._beside: dict[Steps, list[Leaf]] = {}
        self._alike: dict[tuple[Steps, str], int] = {}
        for place, leaf in enumerate(leaves):
            steps = leaf.steps
            for length in range(len(steps) + 1):
                first, _ = self._spans.get(steps[:length], (place, place))
                self._spans[steps[:length]] = (first, place + 1)
            for length, step in enumerate(steps):
                key = (steps[:length], step.name)
                if step.axis == "element":
                    self._alike[key] = max(self._alike.get(key, 0), step.nth + 1)
            self._beside.setdefault(steps[:-1], []).append(leaf)

    def span(self, steps: Steps) -> tuple[int, int]:
        """From which to before which text a node goes."""
        return self._spans.get(steps, (0, 0))

    def beside(self, steps: Steps) -> Sequence[Leaf]:
        """The texts right below a node."""
        return self._beside.get(steps, ())

    def alike(self, steps: Steps, name: str) -> int:
        """How many elements of a name stand right below a node."""
        return self._alike.get((steps, name), 0)


@dataclass(frozen=True, slots=True)
class Taken:
    """A document's texts, in order, and whether it names a DTD."""

    format: Format
    leaves: tuple[Leaf, ...]
    index: Index = field(repr=False, compare=False)
    body: bytes = field(repr=False)
    doctype: bool = False
    numbered: bool = False  # its names are the numbers of ISO 8583's data elements

    def under(self, steps: Steps) -> Sequence[Leaf]:
        """The texts at, or below, a place."""
        first, behind = self.index.span(steps)
        return self.leaves[first:behind]

    def at(self, steps: Steps) -> Leaf | None:
        """The text at a place."""
        return next((leaf for leaf in self.index.beside(steps[:-1]) if leaf.steps == steps), None)


def take_apart(body: bytes) -> Taken | None:
    """The document that `body` is, by its first signs; None where it is none of ours.

    Whatever a Content-Type says: a recording may lack it, and the message must be readable in any case.
    """
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:64]
    if not start or len(body) > _LARGEST:
        return None
    if start.startswith(b"<") or body[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return _xml(body)
    if start[:1] in {b"{", b"["}:
        return _json(body)
    if start.startswith(b"--"):
        return _multipart(body)
    return _form(body)


def _taken(format: Format, leaves: Iterator[Leaf], body: bytes, *, doctype: bool = False) -> Taken:
    kept: list[Leaf] = []
    for leaf in leaves:
        if len(kept) == _MOST:
            break
        kept.append(leaf)
    return Taken(format, tuple(kept), Index(kept), body, doctype, is_numbered(_names(kept)))


def _names(leaves: Sequence[Leaf]) -> Iterator[tuple[str, str]]:
    """What each text is called: by its own name, or by an `id` beside it."""
    said: dict[Steps, str] = {}
    for leaf in leaves:
        yield leaf.name, leaf.text
        if leaf.steps[-1:] and leaf.steps[-1].name in NUMBERED_BY:
            said[leaf.steps[:-1]] = leaf.text
        elif (number := said.get(leaf.steps[:-1]) or said.get(leaf.steps)) is not None:
            yield number, leaf.text


# --- XML --------------------------------------------------------------------------------------------


def parse_xml(body: bytes) -> Parsed | None:
    """The outermost element; None where the gateway would not read it."""
    opened = open_xml_with_doctype if _DOCTYPE.search(body) else open_xml
    try:
        return opened(body).root.element
    except GatewayError:
        if not _SAYS_UTF_16.match(body):
            return None
    try:  # as a text of another document, where it may say what it likes
        return open_xml(body, is_text=True).root.element
    except GatewayError:
        return None


def _xml(body: bytes) -> Taken | None:
    root = parse_xml(body)
    if root is None:
        return None
    return _taken("xml", _elements(root, ()), body, doctype=_DOCTYPE.search(body) is not None)


def _elements(element: Parsed, above: Steps, index: int = 0) -> Iterator[Leaf]:
    if len(above) > _DEEPEST:
        return
    here = (*above, Step("element", local_name(element), index))
    for key, value in element.items():
        yield Leaf((*here, Step("attribute", local(key))), str(value))
    children = elements_of(element)
    if not children:
        yield Leaf(here, element.text or "")
    seen: dict[str, int] = {}
    for child in children:
        name = local_name(child)
        yield from _elements(child, here, seen.get(name, 0))
        seen[name] = seen.get(name, 0) + 1


def elements_of(element: Parsed) -> list[Parsed]:
    """What stands in an element, without comments."""
    return [child for child in element if isinstance(child.tag, str)]


def local(name: str) -> str:
    """An attribute's name without its namespace."""
    return name.rpartition("}")[2]


# --- JSON -------------------------------------------------------------------------------------------


class Bare(str):
    """A JSON number as it is spelled."""

    __slots__ = ()


def parse_json(body: bytes) -> Any:
    """The value, numbers as they are spelled. Raises ValueError."""
    try:
        return json.loads(body, parse_int=Bare, parse_float=Bare, parse_constant=Bare)
    except RecursionError:
        raise ValueError("too deep") from None


def _json(body: bytes) -> Taken | None:
    try:
        value = parse_json(body)
    except ValueError:
        return None
    return _taken("json", _values(value, ()), body)


def _values(value: Any, here: Steps) -> Iterator[Leaf]:
    if len(here) > _DEEPEST:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _values(inner, (*here, Step("member", name)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _values(inner, (*here, Step("item", nth=index)))
    elif isinstance(value, str) or value is None:
        yield Leaf(here, str(value or ""), number=isinstance(value, Bare))
    elif isinstance(value, bool) and words.names_virtual(here[-1].name if here else ""):
        yield Leaf(here, str(value).lower())


# --- forms ------------------------------------------------------------------------------------------


def _form(body: bytes) -> Taken | None:
    if not _FORM.fullmatch(body.strip()):
        return None
    return _taken("form", (Leaf((Step("field", n),), v) for n, v in pairs(body)), body)


def pairs(body: bytes) -> Iterator[tuple[str, str]]:
    """A form's pairs, in order."""
    for pair in body.strip().split(b"&"):
        name, _, value = pair.partition(b"=")
        yield unquote_plus(name.decode("latin-1")), unquote_plus(value.decode("latin-1"))


def _multipart(body: bytes) -> Taken | None:
    try:
        parts = read_parts(body)
    except GatewayError:
        return None
    leaves = (
        Leaf((Step("field", min(part.names)),), _part_text(body[part.content : part.content_end]))
        for part in parts.parts
        if part.names
    )
    return _taken("multipart", leaves, body)


def _part_text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def beside(taken: Taken, leaf: Leaf, other: Leaf) -> bool:
    """Whether two texts stand side by side: in one line of a text's columns, anywhere in a form."""
    rows = taken.format == "text" and other.steps[0].axis == "item"
    return not rows or leaf.steps[:1] == other.steps[:1]


def common(steps: Sequence[Steps]) -> Steps:
    """The longest way that all of `steps` share."""
    first, last = min(steps, key=len), ()
    for length in range(len(first), -1, -1):
        if all(one[:length] == first[:length] for one in steps):
            return first[:length]
    return last
