"""Walking and freeing a big parsed tree in short steps.

Looking for a name in a tree of 36 MB, or freeing it, is one C call of a tenth of a second that
holds the interpreter's lock. So a big tree is taken apart once, into elements that are small
enough to be walked at once and the few that stand above them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol, Self

_WHOLE: Final = 128 * 1024  # bytes of a document that is walked at once
_DROPPED: Final = 4 * 1024 * 1024  # bytes of a document that is freed at once, in 3 ms per MB
_FEW: Final = 16 * 1024  # bytes per part: while there are fewer parts, one level deeper
_MANY: Final = 1024  # bytes per part: one level deeper as long as there are no more parts


class Parsed(Protocol):
    """What is used of lxml's elements, so that only `xml.py` needs to import the parser."""

    @property
    def tag(self) -> Any: ...  # `{namespace}name`, or `name`; a function for a comment
    @property
    def prefix(self) -> Any: ...  # str, or None
    @property
    def nsmap(self) -> Any: ...  # prefix (None: default) → namespace, all that are in scope
    @property
    def text(self) -> Any: ...  # str, or None
    @property
    def tail(self) -> Any: ...  # str, or None
    @property
    def xpath(self) -> Any: ...  # evaluates an XPath expression
    @property
    def attrib(self) -> Any: ...  # `{namespace}name` or `name` → value
    def get(self, key: str) -> Any: ...  # str, or None
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Self]: ...
    def iter(self, *tags: str) -> Iterable[Self]: ...
    def iterdescendants(self, *tags: str) -> Iterable[Self]: ...
    def iterchildren(self, *tags: str) -> Iterable[Self]: ...
    def iterancestors(self, *tags: str) -> Iterable[Self]: ...
    def getparent(self) -> Self | None: ...
    def items(self) -> Any: ...
    def keys(self) -> Any: ...
    def clear(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Part:
    """An element `depth` below the root; `whole`: it stands for everything inside it, too."""

    element: Parsed
    depth: int
    whole: bool


class Tree:
    """The elements of one document, which was `size` bytes long."""

    __slots__ = ("_above", "_parts", "_size", "root")

    def __init__(self, root: Parsed, size: int) -> None:
        self.root = root
        self._size = size
        self._parts = _take_apart(root, size) if size > _WHOLE else []
        self._above = {
            part.element: place for place, part in enumerate(self._parts) if not part.whole
        }

    def walk(self, top: Parsed, *names: str) -> Iterable[Parsed]:
        """`top` and the elements inside it that have one of the local `names`, in order."""
        tags = ["{*}" + name for name in names]
        place = self._above.get(top)
        return top.iter(*tags) if place is None else self._walk_parts(place, names, tags)

    def inside(self, top: Parsed, name: str) -> Iterable[Parsed]:
        """The elements inside `top` that have the local `name`, in order."""
        if top not in self._above:
            return top.iterdescendants("{*}" + name)
        return (one for one in self.walk(top, name) if one is not top)

    def _walk_parts(
        self, place: int, names: Collection[str], tags: Collection[str]
    ) -> Iterator[Parsed]:
        top = self._parts[place].element
        depth = self._parts[place].depth
        for part in islice(self._parts, place, None):
            if part.depth <= depth and part.element is not top:
                return
            if part.whole:
                yield from part.element.iter(*tags)
            elif local_name(part.element) in names:
                yield part.element

    def free(self) -> None:
        """Gives a big tree's memory back in steps. Nothing may be looked up afterwards.

        Bit by bit takes four times as long as at once, so only where at once would be felt.
        """
        self._above.clear()
        while self._parts:
            part = self._parts.pop()
            if self._size > _DROPPED:
                part.element.clear()


def local_name(element: Parsed) -> str:
    """An element's name without namespace and prefix."""
    name: str = element.tag.rpartition("}")[2]
    return name


def _take_apart(root: Parsed, size: int) -> list[_Part]:
    """The whole tree as parts in document order.

    Goes down level by level, which takes one step per part. Bookings of one message are alike, so
    the level that has many elements is the one whose elements are small.
    """
    parts = [_Part(root, 0, whole=True)]
    depth = 0
    while True:
        deepest = [part for part in parts if part.whole and part.depth == depth]
        wider = len(parts) + sum(len(part.element) for part in deepest)
        if wider == len(parts) or (len(parts) > size // _FEW and wider > size // _MANY):
            return parts
        parts = [deeper for part in parts for deeper in _children(part, depth)]
        depth += 1


def _children(part: _Part, depth: int) -> Iterator[_Part]:
    if part.depth != depth or not len(part.element):
        yield part
        return
    yield _Part(part.element, depth, whole=False)
    for child in part.element:
        yield _Part(child, depth + 1, whole=True)
