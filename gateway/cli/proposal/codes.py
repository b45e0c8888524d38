"""The security code near a card's number: by its name, or by its place and its length."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from gateway.cards import pan
from gateway.cli.proposal import ways, words
from gateway.cli.proposal.called import called
from gateway.cli.proposal.leaves import Leaf, Steps, Taken
from gateway.cli.proposal.leaves import beside as beside_it

_BEHIND: Final = 6  # columns
FORM: Final = re.compile(r"[0-9]{3,4}")


def named(taken: Taken, region: Sequence[Leaf], number: Leaf) -> list[Leaf]:
    """What is called a code, and could be one."""
    return [
        one
        for one in region
        if one is not number
        and FORM.fullmatch(one.text.strip())
        and words.names_code(called(taken, one))
    ]


def code_of(taken: Taken, region: Sequence[Leaf], number: Leaf) -> Leaf | None:
    """The first that is called a code; or `code` in a card: `{"card": {"number": …, "code": …}}`."""
    for leaf in named(taken, region, number):
        return leaf
    for leaf in region:
        if leaf is number or not FORM.fullmatch(leaf.text.strip()):
            continue
        above = [step.name for step in leaf.steps if step.name]
        beside = leaf.steps[:-1] == number.steps[:-1]
        if (
            len(above) > 1
            and words.squash(above[-1]) == "code"
            and beside
            and words.is_of_card(above[-2])
        ):
            return leaf
    return None


def blank(taken: Taken, region: Sequence[Leaf]) -> Leaf | None:
    """What is called a code and holds nothing: the next message has one there."""
    for leaf in region:
        writable = ways.can_be_written(leaf.steps, taken.format)
        if not leaf.text.strip() and words.names_code(called(taken, leaf)) and writable:
            return leaf
    return None


def guessable(taken: Taken, number: Leaf, used: Collection[Leaf]) -> list[Leaf]:
    """Texts as long as the number's code beside the number, by names that nobody knows. A code that nobody
    saw would stay in the message; what is none is struck out by whoever reads the proposal. In a form, where
    all stands side by side, too much has that length. `used`: the expiry's.
    """
    if taken.format == "text":  # columns that nothing names
        length = 4 if (pan.digits_of(number.text) or "").startswith(("34", "37")) else 3
        behind = taken.leaves[taken.index.span(number.steps)[0] + 1 :]
        return [
            one
            for one in behind[:_BEHIND]
            if beside_it(taken, one, number)
            and one not in used
            and words.says_nothing(one.name)
            and re.fullmatch(rf"[0-9]{{{length}}}", one.text)
        ]
    if taken.format not in {"xml", "json"}:  # `cc`, beside a number that is called otherwise
        return [
            one
            for one in taken.leaves
            if one is not number and one.name == "cc" and FORM.fullmatch(one.text.strip())
        ]
    shown = number.text.strip()
    length = 4 if (pan.digits_of(shown) or "").startswith(("34", "37")) else 3
    found = []
    for leaf in taken.under(number.steps[:-1]):
        text, name = leaf.text.strip(), called(taken, leaf)
        beside = leaf.steps[:-1] == number.steps[:-1] and leaf is not number
        if not beside or leaf in used or not FORM.fullmatch(text) or len(text) != length:
            continue
        if not (shown.endswith(text) or shown.startswith(text) or words.names_other_digits(name)):
            found.append(leaf)
    return found


def beside(
    taken: Taken, code: Leaf, scope: Steps, candidates: Sequence[Leaf], named: Collection[Leaf]
) -> tuple[tuple[Leaf, ...], tuple[Leaf, ...]]:
    """Of `candidates`, where the code is said again, and what could be the code instead.

    Said again is what is called so, within the card, with the same digits: two codes that differ refuse a
    message, so that of those a person has to choose.
    """
    others = [
        one
        for one in dict.fromkeys(candidates)
        if one is not code and ways.can_be_written(one.steps, taken.format)
    ]
    again = [
        one
        for one in others
        if code in named
        and one in named
        and one.steps[: len(scope)] == scope
        and (one.text.strip(), one.number) == (code.text.strip(), code.number)
    ]
    return tuple(again), tuple(one for one in others if one not in again)
