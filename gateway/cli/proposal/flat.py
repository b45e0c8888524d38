"""Cards flat beside each other in one node, told apart by what their fields are called.

cc_number, cc_expires, vcc_number, vcc_expires        a word of its own for each
CardNumber, CardCvc, VirtualCardNumber, …             one has no word of its own
pan, exp, pan2, exp2                                  a digit
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.cards import pan
from gateway.cli.proposal import words
from gateway.cli.proposal.called import called
from gateway.cli.proposal.leaves import Leaf, Steps, Taken

_MOST: Final = 20  # cards in a node; more are a map of cards, which has no words of theirs
_NAMED: Final = frozenset({"member", "attribute", "element"})


def cards_beside(taken: Taken, numbers: Sequence[Leaf]) -> dict[Steps, list[Leaf]]:
    """Node → the numbers that stand right below it, where they are several cards; `numbers` could be cards'."""
    found: dict[Steps, list[Leaf]] = {}
    if taken.format not in {"xml", "json"}:  # in a form nearness is the order
        return found
    for leaf in numbers:
        if leaf.steps and leaf.steps[-1].axis in _NAMED and _is_card(taken, leaf):
            found.setdefault(leaf.steps[:-1], []).append(leaf)
    return {
        node: them
        for node, them in found.items()
        if 1 < len(them) <= _MOST and len({one.name for one in them}) == len(them)
    }


def own_of(taken: Taken, number: Leaf, beside: Sequence[Leaf]) -> list[Leaf]:
    """What below their node is this number's: by the words of its name, else by its place. `beside`: all
    numbers of the node."""
    node = number.steps[:-1]
    taken_up = {one.steps[: len(node) + 1] for one in beside}
    fields = [one for one in taken.under(node) if one.steps[: len(node) + 1] not in taken_up]
    numbers = _Numbers(taken, beside, fields)
    mine = [leaf for leaf in fields if numbers.whose(leaf) is number]
    return sorted([number, *mine], key=numbers.place)


class _Numbers:
    """The numbers of one node, with the words that each has for itself."""

    __slots__ = ("_above", "_beside", "_own", "_said", "_taken")

    def __init__(self, taken: Taken, beside: Sequence[Leaf], fields: Sequence[Leaf]) -> None:
        self._taken, self._beside, self._above = taken, beside, len(beside[0].steps) - 1
        named = [self._parts(one) for one in beside]
        self._own = [one - frozenset.intersection(*named) for one in named]
        self._said = frozenset[str]().union(*map(self._parts, fields))

    def whose(self, leaf: Leaf) -> Leaf:
        """The number that a field belongs to."""
        left = list(range(len(self._beside)))
        for speaks_for in self._speaks_for(leaf):
            best = max(speaks_for[n] for n in left)
            left = [n for n in left if speaks_for[n] == best]
            if len(left) == 1:
                return self._beside[left[0]]
        here = self.place(leaf)  # as in a form: what stands behind a number is its own
        before = [n for n in left if self.place(self._beside[n]) < here]
        return self._beside[before[-1] if before else left[0]]

    def place(self, leaf: Leaf) -> int:
        """Where a text stands in the document."""
        return self._taken.index.span(leaf.steps)[0]

    def _speaks_for(self, leaf: Leaf) -> Iterator[list[int]]:
        """What speaks for each of the numbers, the strongest first."""
        parts = self._parts(leaf)
        yield [len(one & parts) for one in self._own]
        yield [-len(one - parts) for one in self._own]
        yield [not one & self._said for one in self._own]  # `exp`, of `pan1` beside `pan2`, `exp2`
        name, names = words.squash(leaf.name), [words.squash(one.name) for one in self._beside]
        yield [_alike(name, one) for one in names]
        yield [_alike(name[::-1], one[::-1]) for one in names]

    def _parts(self, leaf: Leaf) -> frozenset[str]:
        return frozenset(
            part for step in leaf.steps[self._above :] for part in words.words(step.name)
        )


def _is_card(taken: Taken, leaf: Leaf) -> bool:
    name = called(taken, leaf)
    named = words.names_number(name) or words.is_of_card(name)
    return named and pan.is_plausible(pan.digits_of(leaf.text) or "")


def _alike(one: str, other: str) -> int:
    """How many signs two names begin with alike."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
