"""Turning changes of an XML document's places into edits of its bytes.

First every change is checked against the parsed tree; then the tags of all elements concerned are
found in one scan; then the edits are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gateway.codecs.document import Add, Change, Element, Insert, Node, Remove, Set
from gateway.codecs.edits import Edit
from gateway.codecs.paths import Path, Step
from gateway.codecs.xml_edits import Edits
from gateway.codecs.xml_match import Matcher
from gateway.codecs.xml_new import NewElement
from gateway.codecs.xml_scan import Tag
from gateway.codecs.xml_select import XML, Place, climb, follow, prepare
from gateway.codecs.xml_source import Source
from gateway.codecs.xml_tree import Parsed, Tree
from gateway.codecs.xml_write import Writer
from gateway.errors import MessageForbidden, MessageUnfit
from gateway.heap import discard


@dataclass(frozen=True, slots=True)
class _Addition:
    """An `Add` whose path was followed: what `step` names is new inside `parent`, or inside the new
    elements that `missing` names."""

    parent: Parsed
    step: Step
    beside: Place
    text: str = field(repr=False)
    missing: tuple[str, ...] = ()

    @property
    def is_attribute(self) -> bool:
        return self.step.axis == "attribute"

    @property
    def place(self) -> Place:
        """Where the new attribute will be; for a new element, its parent."""
        prefix, colon, local = (self.step.name or "").rpartition(":")
        if not self.is_attribute or self.missing:
            return Place(self.parent)
        if not colon:
            return Place(self.parent, local)
        uri = XML if prefix == "xml" else self.parent.nsmap[prefix]
        return Place(self.parent, f"{{{uri}}}{local}")

    @property
    def sibling(self) -> Parsed | None:
        """The element that a new element comes right after; None: it comes last."""
        element = self.beside.element
        if (self.is_attribute and not self.missing) or self.beside.key is not None:
            return None
        return element if element.getparent() is self.parent else None


_Checked = Set | Remove | Insert | _Addition


def text_of(place: Place) -> str:
    """A place's value. Raises `MessageForbidden` for an element that holds more than text."""
    element, key = place
    if key is not None:
        value: str = element.get(key)
        return value
    if len(place.element):  # elements, comments, processing instructions
        raise MessageForbidden
    return element.text or ""


def place_of(node: Node) -> Place:
    """A node as this codec hands it out. Raises TypeError for another codec's."""
    if not isinstance(node, Place):
        raise TypeError("not a node of an XML document")
    return node


class Splicer:
    """Makes the edits for one document. Every refusal is a `MessageUnfit`, but for a `Set` of
    an element that holds more than text, which is `MessageForbidden`, as reading it is."""

    __slots__ = ("_concerned", "_edits", "_matcher", "_new", "_tags", "_tree", "_write")

    def __init__(self, source: Source, tree: Tree) -> None:
        self._tree = tree
        self._matcher = Matcher(source, tree)
        self._write = Writer(source.codec)
        self._edits = Edits(source.text, self._write)
        self._concerned: set[Parsed] = set()  # the elements whose tags are needed
        self._tags: dict[Parsed, Tag] = {}
        self._new: dict[tuple[Parsed, str], tuple[_Addition, NewElement]] = {}

    def edits(self, changes: Iterable[Change]) -> list[Edit]:
        """The edits that all `changes` together make."""
        checked = [self._check(change) for change in changes]
        self._refuse_contradictions(checked)
        self._tags = self._matcher.locate(self._concerned)
        for change in checked:
            self._enter(change)
        for (parent, name), (change, new) in self._new.items():
            prefix = _prefix(parent, change.sibling)
            self._put(change, new.write(self._write, name, prefix))
        edits = list(self._edits.all())
        discard(checked, self._tags, self._concerned)
        self._edits.forget()
        return edits

    def _check(self, change: Change) -> _Checked:
        match change:
            case Set():
                place = place_of(change.node)
                if place.key is None:
                    text_of(place)
            case Remove():
                place = place_of(change.node)
                if place.key is None and place.element is self._tree.root:
                    raise MessageUnfit
            case Insert(content=Element()):
                place = place_of(change.parent)
                if place.key is not None:
                    raise MessageUnfit
            case Add():
                return self._check_add(change)
            case _:
                raise MessageUnfit  # JSON members
        self._concerned.add(place.element)
        return change

    def _check_add(self, add: Add) -> _Addition:
        within = place_of(add.within)
        if add.path.up:
            above = climb(within, add.path.up)
            if above is None:
                raise MessageUnfit
            within = Place(above)
        if within.key is not None or not add.path.steps:
            raise MessageUnfit
        *way, last = add.path.steps
        if last.index is not None or last.where is not None or last.named is not None:
            raise MessageUnfit
        parent, missing = self._parent(within, Path("", tuple(way), add.path.absolute))
        for name in (*missing, last.name or ""):
            prefix = name.rpartition(":")[0]
            if prefix not in {"", "xml"} and prefix not in parent.nsmap:
                raise MessageUnfit
        addition = _Addition(parent, last, place_of(add.beside), add.text, missing)
        self._concerned.add(parent)
        if addition.sibling is not None:
            self._concerned.add(addition.sibling)
        return addition

    def _parent(self, within: Place, path: Path) -> tuple[Parsed, tuple[str, ...]]:
        """The last element on the way that is there, and the names of those that are not."""
        top = None if path.absolute else within.element
        for there in range(len(path.steps), -1, -1):
            if not there and top is None:
                raise MessageUnfit  # a second outermost element
            hops = prepare(path.steps[:there])
            found = follow(self._tree, top, hops) if hops else [within]
            if found:
                if found[0].key is not None:
                    raise MessageUnfit
                return found[0].element, _names(path.steps[there:])
        raise MessageUnfit

    def _refuse_contradictions(self, changes: Iterable[_Checked]) -> None:
        """Refuses what would write one place twice, or an attribute that is there already."""
        written: set[object] = set()
        made: set[object] = set()
        removed = {change.node for change in changes if isinstance(change, Remove)}
        for change in changes:
            match change:
                case Set():
                    key: object = change.node
                case _Addition():
                    if change.missing:  # `NewElement` refuses what stands there twice
                        made.add((change.parent, change.missing[0]))
                        continue
                    there = follow(self._tree, change.parent, prepare((change.step,)))
                    new = change.place
                    if new.key is not None and new.key in change.parent.attrib:
                        there.append(new)  # it may be there under another prefix
                    if not removed.issuperset(there):
                        raise MessageUnfit
                    key = new if change.is_attribute else (change.parent, change.step.name)
                case _:
                    continue
            if key in written:
                raise MessageUnfit
            written.add(key)
        if made & written:
            raise MessageUnfit

    def _enter(self, change: _Checked) -> None:
        match change:
            case Set():
                self._enter_value(place_of(change.node), change.text)
            case Insert(content=Element() as content):
                parent = place_of(change.parent).element
                prefix = f"{parent.prefix}:" if parent.prefix else ""
                new = self._write.element(content, prefix, change.values, change.position)
                self._edits.append(self._tags[parent], new)
            case Remove():
                self._enter_removal(place_of(change.node))
            case _Addition():
                self._enter_addition(change)

    def _enter_value(self, place: Place, text: str) -> None:
        tag = self._tags[place.element]
        if place.key is not None:
            name = self._matcher.attribute(place.element, tag, place.key)
            self._edits.set_value(tag, name, text)
        elif self._matcher.same_text(place.element, tag):
            self._edits.set_text(tag, text)
        else:
            raise MessageUnfit

    def _enter_removal(self, place: Place) -> None:
        tag = self._tags[place.element]
        if place.key is None:
            self._edits.remove_element(tag)
        else:
            name = self._matcher.attribute(place.element, tag, place.key)
            self._edits.remove_attribute(tag, name)

    def _enter_addition(self, change: _Addition) -> None:
        if change.missing:
            self._enter_new(change)
            return
        name = change.step.name or ""
        tag = self._tags[change.parent]
        if change.is_attribute:
            beside = change.beside
            after = None
            if beside.element is change.parent and beside.key is not None:
                after = self._matcher.attribute(beside.element, tag, beside.key)
            self._edits.add_attribute(tag, after, name, change.text)
            return
        if ":" not in name:
            name = _prefix(change.parent, change.sibling) + name
        self._put(change, self._write.leaf(name, change.text))

    def _enter_new(self, change: _Addition) -> None:
        """What goes into a parent that is new too: collected, for others may go there."""
        first, *others = change.missing
        new = self._new.setdefault((change.parent, first), (change, NewElement()))[1]
        for name in others:
            new = new.child(name)
        name = change.step.name or ""
        if change.is_attribute:
            new.set_attribute(name, change.text)
        else:
            new.child(name).set_text(change.text)

    def _put(self, change: _Addition, new: bytes) -> None:
        if change.sibling is None:
            self._edits.append(self._tags[change.parent], new)
        else:
            self._edits.add_after(self._tags[change.sibling], new)


def _names(steps: Sequence[Step]) -> tuple[str, ...]:
    """What elements that are to be made are called. Raises `MessageUnfit` where a step does not say
    all that one would need."""
    if any(step.axis != "child" or step.index or step.where or step.named for step in steps):
        raise MessageUnfit
    return tuple(step.name or "" for step in steps)


def _prefix(parent: Parsed, sibling: Parsed | None) -> str:
    """The prefix (`p:`, or empty) that a new element gets: its sibling's, where that is declared
    outside of the sibling, else its parent's."""
    if sibling is not None:
        uri = sibling.tag[1:].partition("}")[0] if sibling.tag[0] == "{" else None
        if parent.nsmap.get(sibling.prefix) == uri:
            return f"{sibling.prefix}:" if sibling.prefix else ""
    return f"{parent.prefix}:" if parent.prefix else ""
