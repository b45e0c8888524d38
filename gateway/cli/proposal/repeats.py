"""A text with several cards under the same words: which of its parts is whose.

Card number: 4111…       Each card is the part from the words that all of them begin with up to where they
Expires: 08/29           stand again: `Card number:{...}Card number:`. Words that a card's fields are
Card number: 5555…       called by, for a guest's name may stand in no proposal.
Expires: 09/30
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.cards import pan
from gateway.cli.proposal import words
from gateway.codecs.around import literal, mistake


class Said(NamedTuple):
    """A field of a text: what it is called, what stands behind that, and its value."""

    label: str
    separator: str
    value: str


@dataclass(frozen=True, slots=True)
class Repeats:
    """`path` leads to each card's part of the text; `spans`: where they are; `first`: the words that a part
    begins with, as often as they are said."""

    path: str
    spans: tuple[tuple[int, int], ...]
    first: str

    def regions_of(self, said: Sequence[Said]) -> Iterator[int | None]:
        """In which part each of the fields stands; None in front of the first."""
        part = -1
        for one in said:
            part += one.label == self.first
            yield part if part >= 0 else None


def repeats_of(said: Sequence[Said], body: bytes) -> Repeats | None:
    """The parts of a text with several cards; None where it has one, or where nobody can tell them apart."""
    numbers = [
        place
        for place, one in enumerate(said)
        if (words.names_number(one.label) or words.squash(one.label) == "number")
        and pan.is_plausible(pan.digits_of(one.value) or "")
    ]
    if len(numbers) < 2 or len({said[place].label for place in numbers}) != 1:
        return None
    for label in dict.fromkeys(one.label for one in said[: numbers[0] + 1]):
        places = [place for place, one in enumerate(said) if one.label == label]
        between = [bisect_right(places, number) for number in numbers]
        if between != list(range(1, len(numbers) + 1)) or len(places) != len(numbers):
            continue  # not once in front of each number
        separator = said[places[0]].separator
        bare = label + separator.rstrip()
        for begin in (bare, f"^{bare}"):
            path = f"{begin}{{...}}{begin}"
            spans = spans_of(path, body)
            if not mistake(path) and len(spans) == len(numbers):
                return Repeats(path, tuple(spans), label)
    return None


def spans_of(path: str, body: bytes) -> list[tuple[int, int]]:
    """The parts that a path of the form `x{...}x` leads to."""
    starts = [one.start() for one in literal(path.partition("{...}")[0]).finditer(body)]
    return list(zip(starts, [*starts[1:], len(body)], strict=True))
