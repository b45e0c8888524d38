"""The holder's name near a card's number: in one text, or in its parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gateway.cli.proposal import words
from gateway.cli.proposal.called import called
from gateway.cli.proposal.leaves import Leaf, Taken

_SHORTEST_NAME, _LONGEST_NAME = 2, 80
_SECRET: Final = re.compile(r"pass|passwd|password|pwd|secret|apikey")
_NAMES: Final = frozenset({"name", "fullname", "customername", "payername", "billingname"})


def holder_of(taken: Taken, region: Sequence[Leaf], number: Leaf) -> tuple[Leaf, ...]:
    """The holder's name, in one text or in two."""
    named = [one for one in region if _is_name(one.text) and not _is_login(taken, one)]
    for leaf in named:
        name = called(taken, leaf)
        if words.names_holder(name) and not (words.names_first(name) or words.names_last(name)):
            return (leaf,)
    for leaf in named:
        above = [step.name for step in leaf.steps if step.name] or [""]
        if words.squash(above[-1]) == "name" and len(above) > 1 and words.names_holder(above[-2]):
            return (leaf,)
        beside = taken.format in {"xml", "json"} and leaf.steps[:-1] == number.steps[:-1]
        if words.squash(above[-1]) == "name" and (
            beside or (len(above) > 1 and words.is_of_card(above[-2]))
        ):
            return (leaf,)
    first = [one for one in named if words.names_first(_part(taken, one))]
    last = [one for one in named if words.names_last(_part(taken, one))]
    for one in first:
        for other in last:
            if one.steps[:-1] == other.steps[:-1]:
                return (one, other)
    flat = taken.format in {"form", "multipart", "text"}
    alone = [one for one in named if flat and words.squash(one.name) == "name"]
    alone = alone or [one for one in named if words.squash(one.name) in _NAMES - {"name"}]
    return (alone[0],) if len(alone) == 1 else ()


def _is_login(taken: Taken, leaf: Leaf) -> bool:
    """Whether a `name` stands beside a password: it is a merchant's, and a holder's in its place would be wrong."""
    if taken.format not in {"xml", "json"} or words.squash(leaf.name) != "name":
        return False
    beside = taken.under(leaf.steps[:-1])
    return any(_SECRET.fullmatch(words.squash(one.name)) for one in beside)


def _part(taken: Taken, leaf: Leaf) -> str:
    """What a part of a name is called; of `owner.first` or `name.first` with what stands above."""
    above = [step.name for step in leaf.steps if step.name]
    if len(above) > 1 and (words.names_holder(above[-2]) or words.squash(above[-2]) in _NAMES):
        return f"{above[-1]}name"
    return called(taken, leaf)


def _is_name(text: str) -> bool:
    """Whether a text may be somebody's name, and is not a field's."""
    bare = text.strip()
    if words.names_number(bare) or words.names_expiry(bare) or words.names_code(bare):
        return False
    if words.is_brand(bare):  # `card_name: visa`
        return False
    if not _SHORTEST_NAME <= len(bare) <= _LONGEST_NAME or re.search(r"[0-9@<>{}=/:_]", bare):
        return False
    return any(sign.isalpha() for sign in bare)
