"""Following a rule's path through a parsed XML tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from gateway.codecs.paths import Path, Step
from gateway.codecs.xml_tree import Parsed, Tree, local_name
from gateway.errors import MessageForbidden

XML: Final = "http://www.w3.org/XML/1998/namespace"  # what the prefix `xml` always stands for
_WRITTEN: Final = "name(@*[local-name() = $local and namespace-uri() = $uri])"
_KEPT: Final = 1024  # paths that are kept ready; the rules of all packs have a few hundred


class Place(NamedTuple):
    """An element, or with `key` (lxml's spelling of its name) one of its attributes.

    A tuple: ten thousand cards have a hundred thousand places, and a frozen dataclass takes three
    times as long to make.
    """

    element: Parsed
    key: str | None = None

    def __repr__(self) -> str:
        return f"<{'element' if self.key is None else 'attribute'} of an XML document>"


# What a `Place` is made by in the ways that every field goes: without a call of Python's in between.
_tuple: Final = tuple.__new__


@dataclass(frozen=True, slots=True)
class Hop:
    """A `Step` made ready for lxml; `plain`: every element of that name fits; `every`: whatever its
    name."""

    step: Step
    deep: bool
    is_attribute: bool
    local: str
    prefix: str | None
    plain: bool
    every: bool
    condition: Hop | None  # for the attribute in `[@a='v']`, the element in `[a='v']`


Finder = Callable[[Tree, Parsed], Sequence[Place]]  # from the node at hand


@lru_cache(_KEPT)
def finder(path: Path) -> Finder:
    """A relative path, of one step at least, made ready."""
    return _made(prepare(path.steps))


def _made(hops: tuple[Hop, ...]) -> Finder:
    """The short paths that rules are made of take a short way."""
    match () if any(hop.every for hop in hops) else hops:
        case [Hop(is_attribute=True, prefix=None, plain=True, local=key)]:
            return lambda tree, top: [
                _tuple(Place, (top, name)) for name in tree.keys(top, key)
            ]  # fmt: skip
        case [Hop(is_attribute=False, plain=True) as hop]:
            below = _below_plain(hop)
            local = hop.local
            return lambda tree, top: [
                _tuple(Place, (one, None)) for one in below(tree, top, local)
            ]  # fmt: skip
        case [
            Hop(is_attribute=False) as hop,
            Hop(is_attribute=True, prefix=None, plain=True, local=key),
        ]:
            below = _below_plain(hop)
            if not hop.plain:
                return lambda tree, top: [
                    _tuple(Place, (one, name))
                    for one in _fitting(tree, below(tree, top, hop.local), hop)
                    for name in tree.keys(one, key)
                ]  # fmt: skip
            return lambda tree, top: [
                _tuple(Place, (one, name))
                for one in below(tree, top, hop.local)
                for name in tree.keys(one, key)
            ]  # fmt: skip
        case [
            Hop(is_attribute=False, deep=False, plain=True, local=outer),
            Hop(is_attribute=False, deep=False, plain=True, local=inner),
        ]:  # children's children are in order, and none is inside another
            return lambda tree, top: [
                Place(one)
                for parent in tree.children(top, outer)
                for one in tree.children(parent, inner)
            ]  # fmt: skip
    return lambda tree, top: follow(tree, top, hops)


def _below_plain(hop: Hop) -> Callable[[Tree, Parsed, str], Iterable[Parsed]]:
    return Tree.inside if hop.deep else Tree.children


@lru_cache(_KEPT)
def prepare(steps: tuple[Step, ...]) -> tuple[Hop, ...]:
    """A path's steps, made ready once for all the nodes that they will be followed from."""
    return tuple(map(_hop, steps))


def _hop(step: Step) -> Hop:
    prefix, colon, local = (step.name or "").rpartition(":")
    return Hop(
        step,
        deep=step.axis == "descendant",
        is_attribute=step.axis == "attribute",
        local=local,
        prefix=prefix if colon else None,
        plain=not colon and step.index is None and not (step.where or step.named),
        every=step.axis == "every",
        condition=_condition(step),
    )


def _condition(step: Step) -> Hop | None:
    if step.named:
        return _hop(Step("child", step.named[0]))
    return _hop(Step("attribute", step.where[0])) if step.where else None


def climb(place: Place, levels: int) -> Parsed | None:
    """The element so many levels above a place; None above the outermost one. Above an attribute is
    its element."""
    element: Parsed | None = place.element
    for _ in range(levels if place.key is None else levels - 1):
        if element is None:
            return None
        element = element.getparent()
    return element


def follow(tree: Tree, top: Parsed | None, hops: Sequence[Hop]) -> list[Place]:
    """The places that `hops` (at least one) lead to from `top`, in document order.

    None stands for the document itself, whose only child is the outermost element.
    """
    if top is None:
        elements = _from_document(tree, hops[0])
        hops = hops[1:]
    else:
        elements = [top]
    for hop in hops:
        if hop.is_attribute:
            return [
                Place(element, key) for element in elements for key in _keys(tree, element, hop)
            ]
        elements = _step(tree, elements, hop)
    return [Place(element) for element in elements]


def _from_document(tree: Tree, hop: Hop) -> list[Parsed]:
    if hop.is_attribute:
        return []
    if hop.deep and hop.plain:
        return list(tree.walk(tree.root, hop.local))
    if hop.deep:
        return list(_fitting(tree, tree.walk(tree.root, hop.local), hop))
    return list(_fitting(tree, [tree.root] if local_name(tree.root) == hop.local else [], hop))


def _step(tree: Tree, elements: list[Parsed], hop: Hop) -> list[Parsed]:
    if len(elements) == 1:
        return _below(tree, elements[0], hop)
    found = [one for element in elements for one in _below(tree, element, hop)]
    if not _nested(elements):
        return found
    # What an inner element leads to stands before some of what an outer one does, or is the same.
    wanted = set(found)
    every = tree.root.iter("{*}*") if hop.every else tree.walk(tree.root, hop.local)
    return [one for one in every if one in wanted]


def _below(tree: Tree, element: Parsed, hop: Hop) -> list[Parsed]:
    """What a step leads to from one element."""
    if hop.every:
        return list(element.iterchildren("{*}*"))
    below = _below_plain(hop)(tree, element, hop.local)
    return list(below if hop.plain else _fitting(tree, below, hop))


def _nested(elements: list[Parsed]) -> bool:
    """Whether one of `elements`, which stand in document order, is inside another."""
    return any(
        any(ancestor is left for ancestor in right.iterancestors())
        for left, right in pairwise(elements)
    )


def _fitting(tree: Tree, candidates: Iterable[Parsed], hop: Hop) -> Iterable[Parsed]:
    """Those of one context's candidates that fit the step's prefix, condition and place."""
    if hop.prefix is not None:
        candidates = [one for one in candidates if one.prefix == hop.prefix]
    if hop.step.where is not None and hop.condition is not None:
        condition, value = hop.condition, hop.step.where[1]
        candidates = [
            one
            for one in candidates
            if (condition.prefix is None and one.get(condition.local) == value)
            or value in [one.get(key) for key in _keys(tree, one, condition)]
        ]
    if hop.step.named is not None and hop.condition is not None:
        condition, value = hop.condition, hop.step.named[1]
        candidates = [one for one in candidates if _says(tree, one, condition, value)]
    return candidates if hop.step.index is None else _nth(candidates, hop.step.index)


def _says(tree: Tree, element: Parsed, child: Hop, value: str) -> bool:
    """Whether such a child says `value`. Raises `MessageForbidden` where one holds more than text:
    whether it is the name that is looked for is another reader's guess."""
    children = list(_below(tree, element, child))
    if any(len(one) for one in children):
        raise MessageForbidden
    return any((one.text or "").strip() == value for one in children)


def _nth(elements: Iterable[Parsed], index: int) -> Iterator[Parsed]:
    """Every element that is the `index`-th (from 1) of those with the same parent."""
    seen: dict[Parsed | None, int] = {}
    for element in elements:
        parent = element.getparent()
        seen[parent] = seen.get(parent, 0) + 1
        if seen[parent] == index:
            yield element


def _keys(tree: Tree, element: Parsed, hop: Hop) -> Sequence[str]:
    """The attributes of `element` that `hop` names, in lxml's spelling."""
    if hop.step.where is not None or hop.step.index not in {None, 1}:
        return []
    if hop.prefix is None:
        return tree.keys(element, hop.local)
    uri = XML if hop.prefix == "xml" else element.nsmap.get(hop.prefix)
    key = f"{{{uri}}}{hop.local}"
    if key not in element.attrib:
        return []
    # Two prefixes may stand for one namespace: the one that is written counts.
    written = element.xpath(_WRITTEN, local=hop.local, uri=uri)
    return [key] if written == hop.step.name else []
