"""Taking entries out of a separated list, and putting some in: JSON members and items, form pairs.

Both formats write entries with a separator between them and none at the ends. Whoever takes out
several neighbours, or puts something in beside an entry that goes, must still end with exactly one
separator between any two entries that stay. That arithmetic is here, once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.codecs.edits import Edit
from gateway.errors import MessageUnfit

Span = tuple[int, int]  # (start, end) in the original bytes


@dataclass(frozen=True, slots=True)
class Addition:
    """One new entry after the entry at `place`; `glue` is the separator, spacing included.

    In a list without entries `place` is -1.
    """

    place: int
    entry: bytes = field(repr=False)
    glue: bytes


@dataclass(slots=True, repr=False)
class NewNames:
    """The names that one list of entries gets in one splice: none twice."""

    taken: set[str] = field(default_factory=set)

    def take(self, name: str, position: int | None = None) -> str:
        """The name that a new entry gets. Where an earlier card of the same splice has it already,
        the card's position is appended, so that no token is lost. Raises `MessageUnfit` where that
        is taken, too."""
        if name in self.taken and position is not None:
            name = f"{name}_{position}"
        if name in self.taken:
            raise MessageUnfit
        self.taken.add(name)
        return name


def edit_sequence(
    entries: Sequence[Span], inside: Span, removed: Collection[int], added: Sequence[Addition]
) -> Iterator[Edit]:
    """The edits that take out the entries at the places `removed` and put in `added`.

    Several additions at one place keep the order that they are given in.
    `entries` are the original entries' spans, separators outside; `inside` is the span between the
    list's brackets. White space before the first entry and after the last stays, unless nothing
    stays in the list.
    """
    if len(added) > 1:
        added = sorted(added, key=lambda addition: addition.place)
    if len(removed) == len(entries):
        yield from _replace_all(entries, inside, added)
        return
    before: dict[int, int] = {}  # of each entry that goes: what stays before it, or -1
    for left, right in _runs(removed):
        if right < len(entries):
            yield Edit(entries[left + 1][0], entries[right][0], b"")
        else:
            yield Edit(entries[left][1], entries[-1][1], b"")
        before.update(dict.fromkeys(range(left + 1, right), left))
    first = 0
    while first in before:
        first += 1
    for addition in added:
        anchor = before.get(addition.place, addition.place)
        if anchor < 0:  # nothing that stays stands before it
            at = entries[first][0]
            yield Edit(at, at, addition.entry + addition.glue)
        else:
            at = entries[anchor][1]
            yield Edit(at, at, addition.glue + addition.entry)


def _runs(removed: Collection[int]) -> Iterator[tuple[int, int]]:
    """Each run of neighbours that go: what is before it and what after. It goes with the separators
    after it, or at the end with the one before it."""
    left = right = -1
    for place in sorted(removed):
        if place > right:
            if right > left + 1:
                yield left, right
            left = place - 1
        right = place + 1
    if right > left + 1:
        yield left, right


def _replace_all(
    entries: Sequence[Span], inside: Span, added: Sequence[Addition]
) -> Iterator[Edit]:
    """Nothing stays: the new entries stand where the old ones stood."""
    if not added:
        if entries:
            yield Edit(*inside, b"")
        return
    new = added[0].entry + b"".join(addition.glue + addition.entry for addition in added[1:])
    start = entries[0][0] if entries else inside[0]
    yield Edit(start, entries[-1][1] if entries else start, new)
