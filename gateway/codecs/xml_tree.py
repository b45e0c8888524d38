"""Walking and freeing a big parsed tree in short steps, and asking it as seldom as possible.

Looking for a name in a tree of 36 MB, or freeing it, is one C call of a tenth of a second that
holds the interpreter's lock. So a big tree is taken apart once, into elements that are small
enough to be walked at once and the few that stand above them.

A rule asks the same few things of every booking and every card. Each question that reaches the
parser makes an iterator and wraps what it finds; so what stands inside the element that was asked
about last is kept. A walk for each name: to tell apart what one walk for several finds takes longer,
for the parser makes a text of every element's name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, Protocol, Self, TypeVar

T = TypeVar("T")

_WHOLE: Final = 128 * 1024  # bytes of a document that is walked at once
_DROPPED: Final = 4 * 1024 * 1024  # bytes of a document that is freed at once, in 3 ms per MB
_FEW: Final = 16 * 1024  # bytes per part: while there are fewer parts, one level deeper
_MANY: Final = 1024  # bytes per part: one level deeper as long as there are no more parts
_MARKS: Final = 4  # names of parts that a walk stops at, so that none of its steps is long
_FEW_CHILDREN: Final = 4


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


class _Last(Generic[T]):
    """What the element that was asked about last has, by local name."""

    __slots__ = ("has", "of")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.of: Parsed | None = None
        self.has: dict[str, list[T]] = {}


class Tree:
    """The elements of one document, which was `size` bytes long."""

    __slots__ = (
        "_above", "_children", "_inside", "_keyed", "_keys", "_keys_named", "_marks",
        "_parts", "_size", "root",
    )  # fmt: skip

    def __init__(self, root: Parsed, size: int) -> None:
        self.root = root
        self._size = size
        self._parts: list[_Part] = []
        self._above: dict[Parsed, int] = {}
        self._marks: list[str] = []
        if size > _WHOLE:
            self._parts = parts = _take_apart(root, size)
            self._above = {part.element: at for at, part in enumerate(parts) if not part.whole}
            self._marks = _names_of(parts)
        # Not `_Last[Parsed]()`: an alias takes several times as long to call as its class.
        self._inside: _Last[Parsed] = _Last()
        self._children: _Last[Parsed] = _Last()
        self._keyed: Parsed | None = None  # whose attributes these are
        self._keys: list[str] = []
        self._keys_named: dict[str, list[str]] | None = None  # None: none has a namespace

    def walk(self, top: Parsed, *names: str) -> Iterable[Parsed]:
        """`top` and the elements inside it that have one of the local `names`, in order."""
        tags = ["{*}" + name for name in names]
        place = self._above.get(top)
        if place is None:
            return top.iter(*tags)
        if not self._marks:
            return self._walk_parts(place, names, tags)
        marks = [mark for mark in self._marks if mark not in names]
        every = top.iter(*tags, *("{*}" + mark for mark in marks))
        return (one for one in every if local_name(one) in names) if marks else every

    def inside(self, top: Parsed, name: str) -> Iterable[Parsed]:
        """The elements inside `top` that have the local `name`, in order."""
        if self._above and top in self._above:
            return (one for one in self.walk(top, name) if one is not top)
        last = self._inside
        if last.of is not top:
            last.of, last.has = top, {}
        found = last.has.get(name)
        if found is None:
            found = last.has[name] = list(top.iterdescendants("{*}" + name))
        return found

    def children(self, top: Parsed, name: str) -> Iterable[Parsed]:
        """The children of `top` that have the local `name`, in order."""
        last = self._children
        if last.of is not top:
            if len(top) > _FEW_CHILDREN:
                return top.iterchildren("{*}" + name)
            last.of, last.has = top, _by_name(top)
        return last.has.get(name, ())

    def keys(self, top: Parsed, local: str) -> Sequence[str]:
        """Those of an element's attributes, as lxml spells them, that have the local name `local`."""
        keys = self._keys
        if self._keyed is not top:
            keys = self._keys = top.keys()
            self._keyed = top
            self._keys_named = _by_local_name(keys) if "{" in "".join(keys) else None
        if self._keys_named is not None:
            return self._keys_named.get(local, ())
        return (local,) if local in keys else ()

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
        self._inside.forget()
        self._children.forget()
        self._keyed, self._keys, self._keys_named = None, [], None
        while self._parts:
            part = self._parts.pop()
            if self._size > _DROPPED:
                part.element.clear()


def local_name(element: Parsed) -> str:
    """An element's name without namespace and prefix."""
    name: str = element.tag.rpartition("}")[2]
    return name


def _by_local_name(keys: Sequence[str]) -> dict[str, list[str]]:
    """Attributes, as lxml spells them, by local name."""
    named: dict[str, list[str]] = {}
    for key in keys:
        named.setdefault(key.rpartition("}")[2], []).append(key)
    return named


def _by_name(elements: Iterable[Parsed]) -> dict[str, list[Parsed]]:
    """The elements among `elements` (a comment is none), by local name."""
    named: dict[str, list[Parsed]] = {}
    for one in elements:
        tag = one.tag
        if isinstance(tag, str):
            name = tag.rpartition("}")[2]
            if name in named:
                named[name].append(one)
            else:
                named[name] = [one]
    return named


def _names_of(parts: Iterable[_Part]) -> list[str]:
    """The names of the elements that are walked at once; none where they are of many kinds."""
    names: dict[str, None] = {}
    for part in parts:
        if part.whole and isinstance(part.element.tag, str):
            names[local_name(part.element)] = None
            if len(names) > _MARKS:
                return []
    return list(names)


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
