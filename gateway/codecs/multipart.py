"""Multipart forms (multipart/form-data): parts as byte spans.

`multipart_parts.py` reads; here are paths, and what a change means. Part order, file names, the
boundary, line ends and every header stay as they came. A path is one part's name, letter by letter,
as in `form.py`; and as there, a selected name that stands twice, beside one that others nest into
it, or that readers unescape differently is refused (properties.md, P14).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.codecs.document import Add, Change, Insert, Members, Node, Remove, Set
from gateway.codecs.edits import Edit, Spliced, apply_edits
from gateway.codecs.embedded import Embedded, Stretch
from gateway.codecs.field_names import canonical, nests
from gateway.codecs.multipart_parts import Part, Parts, read_parts
from gateway.codecs.paths import Path
from gateway.codecs.sequence import NewNames
from gateway.codecs.template import fill
from gateway.errors import MessageForbidden, MessageMalformed, MessageUnfit

_LONGEST_TEXT: Final = 1 << 20  # no field of a card is as long


@dataclass(frozen=True, slots=True)
class _Whole:
    """The whole form, where a path is `$` or `.`."""


@dataclass(slots=True, repr=False)
class _Plan:
    """What is to happen: no part is changed twice, no name given twice."""

    changed: set[int] = field(default_factory=set)
    names: NewNames = field(default_factory=NewNames)
    edits: list[Edit] = field(default_factory=list)

    def claim(self, part: Part) -> None:
        if part.place in self.changed:
            raise MessageUnfit
        self.changed.add(part.place)


_ROOT: Final = _Whole()


def open_multipart(body: bytes) -> MultipartDocument:
    """Reads `body`. Raises `MessageMalformed` or `MessageForbidden`."""
    return MultipartDocument(body, read_parts(body))


class MultipartDocument:
    """One multipart form; fulfils `gateway.codecs.document.Carrier`."""

    __slots__ = ("_body", "_named", "_parts")

    def __init__(self, body: bytes, parts: Parts) -> None:
        self._body, self._parts = body, parts
        self._named: dict[str, list[Part]] = {}
        for part in parts.parts:
            for name in {canonical(name) for name in part.names}:
                self._named.setdefault(name, []).append(part)

    @property
    def root(self) -> Node:
        return _ROOT

    def select(self, path: Path, within: Node | None = None) -> Sequence[Node]:
        """As the Protocol says. Raises `MessageForbidden` where the part is not the only one."""
        if not path.steps:
            return [_ROOT if within is None else within]
        if len(path.steps) != 1 or path.steps[0].axis != "field" or path.steps[0].name is None:
            return []
        part = self._part(path.steps[0].name)
        return [] if part is None else [part]

    def text(self, node: Node) -> str:
        """In the part's own charset. Raises `MessageForbidden` for one that we do not know."""
        part = _part_of(node)
        if part is None or not part.charset or part.content_end - part.content > _LONGEST_TEXT:
            raise MessageForbidden
        try:
            return self._body[part.content : part.content_end].decode(part.charset)
        except UnicodeDecodeError:  # holds the input
            raise MessageMalformed from None

    def instead(self, node: Node) -> Sequence[Node]:  # noqa: ARG002  # the Protocol names it
        return ()

    def holds(self, outer: Node, inner: Node) -> bool:  # noqa: ARG002  # the Protocol names it
        return False

    def is_number(self, node: Node) -> bool:  # noqa: ARG002  # the Protocol names it
        return False

    def name(self, node: Node) -> str:  # noqa: ARG002  # the Protocol names it
        return ""

    def close(self) -> None:
        """Nothing to do: reference counts free it piece by piece."""

    def embedded(self, nodes: Sequence[Node]) -> list[Embedded]:
        """A part's bytes, as they are."""
        return [self._embedded(_changeable(node)) for node in nodes]

    def apply(self, edits: Iterable[Edit]) -> Spliced:
        return apply_edits(self._body, edits)

    def splice(self, changes: Iterable[Change]) -> Spliced:
        plan = _Plan()
        for change in changes:
            match change:
                case Set():
                    self._set(_changeable(change.node), change.text, plan)
                case Remove():
                    part = _changeable(change.node)
                    plan.claim(part)
                    plan.edits.append(Edit(part.start, part.end, b""))
                case Add():
                    self._add(change, plan)
                case Insert():
                    self._insert(change, plan)
        return apply_edits(self._body, plan.edits)

    def _part(self, name: str) -> Part | None:
        """The part of that name, or None. Raises `MessageForbidden` where others compete with it."""
        parts = self._named.get(canonical(name), [])
        if not any(name in part.names for part in parts):
            return None
        several = len(parts) > 1 or len(parts[0].names) > 1
        if several or any(nests(other, name) for other in self._named):
            raise MessageForbidden
        return parts[0]

    def _embedded(self, part: Part) -> Embedded:
        return Embedded(self._body, [Stretch(part.content, part.content_end, write=self._checked)])

    def _checked(self, content: bytes) -> bytes:
        """What would be taken for a delimiter can not stand in a part."""
        if self._parts.delimiter in content:
            raise MessageUnfit
        return content

    def _set(self, part: Part, text: str, plan: _Plan) -> None:
        plan.claim(part)
        try:
            new = text.encode(part.charset or "ascii")
        except UnicodeEncodeError:  # holds the text
            raise MessageUnfit from None
        plan.edits.append(Edit(part.content, part.content_end, self._checked(new)))

    def _add(self, change: Add, plan: _Plan) -> None:
        steps = change.path.steps
        if len(steps) != 1 or steps[0].name is None or self._part(steps[0].name) is not None:
            raise MessageUnfit
        name = plan.names.take(steps[0].name)
        at = _changeable(change.beside).end
        plan.edits.append(Edit(at, at, self._new(name, change.text)))

    def _insert(self, change: Insert, plan: _Plan) -> None:
        if not isinstance(change.content, Members) or _part_of(change.parent) is not None:
            raise MessageUnfit
        for name_template, template in change.content.items:
            name = fill(name_template, change.values, change.position)
            name = plan.names.take(name, change.position)
            text = fill(template, change.values, change.position)
            existing = self._part(name)
            if existing is None:
                at = self._parts.end
                plan.edits.append(Edit(at, at, self._new(name, text)))
            else:
                self._set(existing, text, plan)

    def _new(self, name: str, text: str) -> bytes:
        """A new part, as RFC 7578 section 4.2 has it."""
        if any(sign in name for sign in '"\\%\r\n'):
            raise MessageUnfit
        end = self._parts.line_end
        head = b'Content-Disposition: form-data; name="%b"' % name.encode()
        content = self._checked(text.encode("utf-8", "surrogatepass"))
        return self._parts.delimiter + end + head + end + end + content + end


def _part_of(node: Node) -> Part | None:
    """The node's part; None for the whole form."""
    if isinstance(node, Part):
        return node
    if isinstance(node, _Whole):
        return None
    raise MessageUnfit


def _changeable(node: Node) -> Part:
    part = _part_of(node)
    if part is None:
        raise MessageUnfit
    return part
