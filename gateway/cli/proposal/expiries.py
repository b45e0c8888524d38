"""The expiry near a card's number: by its names, or by its place and what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.cli.proposal import spelled, words
from gateway.cli.proposal.called import called
from gateway.cli.proposal.leaves import Leaf, Taken, beside, common

_WITHOUT_ZERO: Final = 3  # digits of `MMYY` as a JSON number
_FAR: Final = 2  # fields between a form's number and what may be its expiry
# As an expiry is spelled, and hardly anything else beside a number; years 10 to 49.
_LIKELY: Final = re.compile(
    r"(?:0[1-9]|1[0-2])(?:20)?[1-4][0-9]|(?:0?[1-9]|1[0-2])[/-](?:20)?[1-4][0-9]|20[1-4][0-9]-?(?:0[1-9]|1[0-2])"
)


@dataclass(frozen=True, slots=True)
class Expiry:
    """One field, or a month and a year."""

    at: tuple[Leaf, ...]
    spellings: tuple[str, ...]


def expiry_in(taken: Taken, region: Sequence[Leaf]) -> tuple[Expiry | None, str]:
    """What is called an expiry and can be read as one, and what about it could be read in another way."""
    for leaf in region:
        name = called(taken, leaf)
        above = any(words.names_expiry(step.name) for step in leaf.steps[-3:-1])
        if not (words.names_expiry(name) or above) or (leaf.number and len(leaf.text) < 3):
            continue
        # A JSON number has no leading zero; `as: MMYY` reads it without.
        short = leaf.number and len(leaf.text) == _WITHOUT_ZERO
        read = spelled.whole(leaf.text.zfill(4) if short else leaf.text, name)
        if read is None or (
            len(leaf.text.strip()) == 4 and words.names_year(name) and spelled.year(leaf.text)
        ):
            continue
        doubt = ""
        if read.others:
            doubt = f"or {' or '.join(read.others)}? what was recorded fits both"
        return Expiry((leaf,), (read.spelling,)), doubt
    return _two_fields(taken, region), ""


def guess(taken: Taken, number: Leaf, own: Sequence[Leaf] = ()) -> Expiry | None:
    """The one text beside the number that is spelled as an expiry is, by a name that nobody knows; None where
    there is none, or more than one. `03` and `29` apart are too little to go by. `own`: what alone is the
    number's, where other cards stand beside it."""
    if own:
        near = list(own)
    elif taken.format in {"form", "multipart", "text"}:
        at = taken.index.span(number.steps)[0]
        around = taken.leaves[max(at - _FAR, 0) : at + _FAR + 1]
        near = [one for one in around if beside(taken, one, number)]
    else:
        near = [one for one in taken.under(number.steps[:-1]) if _is_beside(one, number)]
    found = [
        (one, read)
        for one in near
        if one is not number
        and _LIKELY.fullmatch(one.text.strip())
        and one.text.strip() not in number.text
        and not words.names_other_digits(called(taken, one))
        and not words.names_code(called(taken, one))
        and (read := spelled.whole(one.text)) is not None
    ]
    if len(found) != 1:
        return None
    leaf, read = found[0]
    return Expiry((leaf,), (read.spelling,))


def unread(taken: Taken, region: Sequence[Leaf], number: Leaf) -> Leaf | None:
    """What is called an expiry and says something that is none."""
    for leaf in region:
        name = called(taken, leaf)
        if leaf is number or not words.names_expiry(name) or not leaf.text.strip():
            continue
        if not (words.names_month(name) or words.names_year(name)):
            return leaf
    return None


def _is_beside(leaf: Leaf, number: Leaf) -> bool:
    return leaf.steps[:-1] == number.steps[:-1]


def _is_close(taken: Taken, leaf: Leaf, *, bare: bool) -> bool:
    """Whether a month or year is an expiry's: by its name, or by one above it."""
    name = called(taken, leaf)
    if words.names_expiry(name):
        return True
    above = [step.name for step in leaf.steps[:-1] if step.name]
    return bare or any(words.names_expiry(one) for one in above[-3:])


def _two_fields(taken: Taken, region: Sequence[Leaf]) -> Expiry | None:
    for bare in (False, True):  # first those that an expiry's name stands over, then any
        months = [
            one for one in region if _is_month(taken, one) and _is_close(taken, one, bare=bare)
        ]
        years = [one for one in region if _is_year(taken, one) and _is_close(taken, one, bare=bare)]
        for month in months:
            beside = [
                one
                for one in years
                if len(common([one.steps, month.steps])) >= len(month.steps) - 2
            ]
            beside.sort(key=lambda one: -len(common([one.steps, month.steps])))
            if beside:
                spellings = (
                    spelled.month(month.text, bare=month.number) or "MM",
                    spelled.year(beside[0].text) or "YY",
                )
                return Expiry((month, beside[0]), spellings)
    return None


def _is_month(taken: Taken, leaf: Leaf) -> bool:
    return (
        words.names_month(called(taken, leaf))
        and spelled.month(leaf.text, bare=leaf.number) is not None
    )


def _is_year(taken: Taken, leaf: Leaf) -> bool:
    return words.names_year(called(taken, leaf)) and spelled.year(leaf.text) is not None
