"""Which of the digits that stand together are a card. The finder knows spellings, this knows cards.

A number whose place says nothing is a card when issuer prefix, length and check digit fit, and
when its surroundings do not show it to be something else. Both mistakes hurt: a false positive
damages a hotel's message, a false negative leaks a card. Where the two can not be told apart, it
is a card.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.cards.pan import PRINTED, is_plausible

_GROUP: Final = re.compile(rb"[0-9]+")
# Also as a part of a longer run. Nineteen digits are one number here: they are masked together.
_LAYOUTS: Final = (*PRINTED, (4, 4, 4, 4, 3))
# These only when nothing else stands beside them.
_LONE_LAYOUTS: Final = frozenset(
    {*_LAYOUTS, (4, 4, 4), (4, 4, 4, 1), (4, 3, 3, 3), (4, 4, 4, 2), (4, 4, 4, 3), (4, 4, 4, 5),
     (4, 4, 4, 4, 1), (4, 4, 4, 4, 2), (4, 4, 8), (4, 8, 4), (8, 8), (6, 10), (6, 13), (12, 4),
     (4, 12), (6, 6, 4), (4, 5, 6), (5, 5, 5), (6, 9), (6, 7)}
)  # fmt: skip
FEW: Final = 32  # numbers: a charge's; a list of bookings has more, and is no echo of a charge
_SHORTEST: Final = 12  # digits of a card
_CUT_OFF: Final = 3  # digits: of one that lost more, more is hidden than a receipt hides
_LINE_ENDS: Final = frozenset(b"\t\r\n")
_LONGEST_GAP: Final = 3  # "4111 - 1111 - ..."
_HEX: Final = re.compile(rb"[0-9A-Fa-f]*")
_HEX_BEFORE: Final = re.compile(rb"[0-9A-Fa-f]*\Z")
_UUID: Final = re.compile(
    rb"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
)
# The guest's phone number stands in every booking; 13 digits of it are a Visa one time in ten.
_PHONE_WORD: Final = re.compile(
    rb"phone|telef|fax|mobil|whatsapp|\b(?:tel|cell|gsm)\b", re.IGNORECASE
)
_PHONE_PLUS: Final = re.compile(rb"(?:\A|[^0-9A-Za-z])(?:\+|%2[Bb]|&#43;|\\u002[Bb])\(?\Z")
# ISO 13616's registry: where an IBAN of each country ends.
_IBAN: Final = re.compile(rb"(?<![0-9A-Za-z])([A-Z]{2})[0-9]{2}(?:[ ]?[0-9A-Z]){11,30}")
_IBAN_LENGTHS: Final = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "PT", 26: "IS TR", 27: "FR GR IT MC MR SM",
        28: "AL AZ CY DO GT HU LB PL", 29: "BR EG PS QA UA", 30: "JO KW MU", 31: "MT SC",
    }.items()
    for country in countries.split()
}  # fmt: skip
# `%25` and a number: a percent sign in front of it. Not where `%2522` may be a quote spelled twice, and `%2520` a
# blank: numbers stand behind these. Nobody spells a letter or a digit so, and hardly anybody `@` in front of one.
_PERCENT: Final = re.compile(rb"(?:25)++(?=[3-7])")
_PERCENT_BEFORE: Final = re.compile(rb"%(?:25)++\Z")
_CONTEXT: Final = 64
_SHAPE: Final = bytes(48 if 48 <= byte < 58 else byte for byte in range(256))
_SHORT: Final = 64  # longer stretches are rare, and seldom alike
_KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """`text[start:end]` begins and ends with a card's first and last digit; `zeros` more are not written out,
    in a power of ten."""

    start: int
    end: int
    known: bool
    zeros: int = 0


_Group = tuple[int, int]  # where it starts, and ends


class _Candidate(NamedTuple):
    """Neighbouring groups that may be one number."""

    start: int
    end: int
    first: int  # groups
    last: int


class _Run(NamedTuple):
    """Groups of digits with narrow gaps between them; places count from the stretch's beginning."""

    start: int
    end: int
    digits: int
    candidates: tuple[_Candidate, ...]  # where in it a number may stand, in order of trust by place


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """The numbers of one exchange, made ready for look-ups: there may be ten thousand."""

    numbers: frozenset[str]
    lengths: tuple[int, ...]  # the longest first: it wins where two begin at one place
    shortest: int  # how long the shortest is; more than any run where there is none
    shortest_cut: int  # how long one is at least of which some was cut off

    @classmethod
    def of(cls, numbers: Collection[str]) -> Known:
        """Makes them ready, once for a whole body."""
        lengths = sorted({len(number) for number in numbers if number}, reverse=True)
        shortest = lengths[-1] if lengths else sys.maxsize
        few = 0 < len(numbers) <= FEW
        cut = max(_SHORTEST, shortest - _CUT_OFF) if few else sys.maxsize
        return cls(frozenset(numbers), tuple(lengths), shortest, cut)


def whole_of(digits: str, numbers: Collection[str]) -> str | None:
    """Which of `numbers` these digits are, or are what is left of: up to three were cut off, at either end.
    None: none. Of a number that lost one digit the last, which checks the others, tells it."""
    if digits in numbers:
        return digits
    if len(digits) < _SHORTEST:
        return None
    for one in numbers:
        if 0 < len(one) - len(digits) <= _CUT_OFF and (
            one.startswith(digits) or one.endswith(digits)
        ):
            return one
    return None


def judge(text: bytes, start: int, end: int, known: Known) -> list[Verdict]:
    """The cards in `text[start:end]`, a stretch of ASCII digits and separators; what stands around
    it is read only to tell what it is. In order, none overlapping another."""
    if text[start - 1 : start + 2] == b"%25" and (percent := _PERCENT.match(text, start, end)):
        start = percent.end()
    stretch = text[start:end]
    # Without its digits a stretch is no secret, and a message has many of one shape.
    shape = stretch.translate(_SHAPE)
    runs = _runs_of_short(shape) if len(shape) <= _SHORT else _runs(shape)
    verdicts: list[Verdict] = []
    for run in runs:
        if run.candidates or run.digits >= min(known.shortest, known.shortest_cut):
            verdicts += _judge_run(text, start, run, known)
    return verdicts


def _runs(shape: bytes) -> tuple[_Run, ...]:
    """The runs of a stretch in which a number may stand, and where in each."""
    groups = [match.span() for match in _GROUP.finditer(shape)]
    runs: list[_Run] = []
    first = 0
    for place in range(1, len(groups) + 1):
        if place == len(groups) or groups[place][0] - groups[place - 1][1] > _LONGEST_GAP:
            run = groups[first:place]
            sizes = tuple(end - start for start, end in run)
            if sum(sizes) >= 12:
                candidates = tuple(
                    _Candidate(run[one][0], run[other][1], one, other)
                    for one, other in _candidates(shape, run, sizes)
                )
                runs.append(_Run(run[0][0], run[-1][1], sum(sizes), candidates))
            first = place
    return tuple(runs)


_runs_of_short = lru_cache(_KEPT)(_runs)


def _judge_run(text: bytes, offset: int, run: _Run, known: Known) -> list[Verdict]:
    """The cards in one run of a stretch that begins at `offset`."""
    verdicts = list(_known(text, offset + run.start, offset + run.end, known))
    if run.digits >= known.shortest_cut:
        cut = list(_cut_short(text, offset + run.start, offset + run.end, known))
        verdicts += [one for one in cut if not any(_overlap(one, other) for other in verdicts)]
    free_from = 0
    for candidate in run.candidates:
        if candidate.first < free_from:
            continue
        start, end = offset + candidate.start, offset + candidate.end
        found = Verdict(start, end, known=False)
        if any(_overlap(found, other) for other in verdicts):
            continue
        digits = _digits(text, start, end)
        if is_plausible(digits) and not _is_something_else(text, start, end, len(digits)):
            verdicts.append(found)
            free_from = candidate.last + 1
    return sorted(verdicts, key=lambda verdict: verdict.start)


def _overlap(one: Verdict, other: Verdict) -> bool:
    return one.start < other.end and other.start < one.end


def _known(text: bytes, first: int, last: int, known: Known) -> Iterator[Verdict]:
    """Numbers that this exchange put in: always a card, also inside a longer run of digits."""
    digits = _digits(text, first, last)
    if len(digits) < known.shortest:
        return
    places = [place for place in range(first, last) if 48 <= text[place] < 58]
    at = 0
    while at < len(digits):
        length = _known_length(digits, at, known)
        if length:
            yield Verdict(places[at], places[at + length - 1] + 1, known=True)
        at += length or 1


def _cut_short(text: bytes, first: int, last: int, known: Known) -> Iterator[Verdict]:
    """What is left of a known number that was cut, where it is all of a run, or of a group in it: a field
    that is too short for it, or the end of an answer that broke off."""
    if whole_of(_digits(text, first, last), known.numbers):
        yield Verdict(first, last, known=True)
        return
    for group in _GROUP.finditer(text, first, last):
        if len(group[0]) < known.shortest_cut:
            continue
        if whole_of(group[0].decode("ascii"), known.numbers):
            yield Verdict(*group.span(), known=True)


def _known_length(digits: str, at: int, known: Known) -> int:
    """How long the known number is that begins at `at`; 0 when none does."""
    for length in known.lengths:
        if at + length <= len(digits) and digits[at : at + length] in known.numbers:
            return length
    return 0


def _candidates(
    text: bytes, run: list[_Group], sizes: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """Which neighbouring groups may be one number: (first, last), in order of trust by place."""
    total, count = sum(sizes), len(run)
    if count == 1:
        if total <= 19:
            yield 0, 0
        return
    gaps = [text[a[1] : b[0]] for a, b in itertools.pairwise(run)]
    if total <= 19 and _may_be_one(sizes, gaps, total):
        yield 0, count - 1
    for first in range(count):
        for last in _ends(sizes, gaps, first):
            yield first, last


def _ends(sizes: tuple[int, ...], gaps: list[bytes], first: int) -> Iterator[int]:
    """The last groups of what may be a number that begins with group `first` of a longer run."""
    size = sizes[first]
    if 12 <= size <= 19:
        if first == 0 or gaps[first - 1] != b"." or sizes[first - 1] > 3:
            yield first  # else these are the digits of a fraction
        return
    for layout in _LAYOUTS if size == 4 else ():
        last = first + len(layout) - 1
        if sizes[first : last + 1] == layout and _one_kind(gaps[first:last]):
            yield last
    if size <= 3 and (first == 0 or sizes[first - 1] != size):
        alike = sum(1 for _ in itertools.takewhile(size.__eq__, sizes[first:]))
        if 13 <= size * alike <= 19 and _one_kind(gaps[first : first + alike - 1]):
            yield first + alike - 1


def _one_kind(gaps: list[bytes]) -> bool:
    """Whether one kind of separator stands in all of `gaps`, on one line."""
    return len(set(gaps)) == 1 and _LINE_ENDS.isdisjoint(gaps[0])


def _may_be_one(sizes: tuple[int, ...], gaps: list[bytes], total: int) -> bool:
    """Whether a lone run reads as one number: a known layout however it is separated, or one kind
    of separator throughout."""
    if len(sizes) == 2 and gaps[0] == b".":
        return False  # a decimal
    if any(not _LINE_ENDS.isdisjoint(gap) for gap in gaps):
        return sizes in _LAYOUTS
    if b"\0" in gaps[0]:
        return set(sizes) == {1} and set(gaps) == {b"\0"}
    if sizes in _LONE_LAYOUTS:
        return True
    if len(set(gaps)) != 1:
        return False
    return len(set(sizes)) == 1 or (total >= 14 and b"." not in gaps[0])


def _digits(text: bytes, start: int, end: int) -> str:
    return b"".join(_GROUP.findall(text, start, end)).decode("ascii")


def _is_something_else(text: bytes, start: int, end: int, length: int) -> bool:
    """Whether what stands around a plausible number shows that it is no card."""
    begin = max(0, start - _CONTEXT)
    before, after = text[begin:start], text[end : end + _CONTEXT]
    beside = before[-1:].isdigit() and _PERCENT_BEFORE.search(before) is None
    if beside or after[:1].isdigit():
        return True  # a piece of a longer number
    if length <= 14 and _PHONE_PLUS.search(before):
        return True  # E.164 numbers have up to 15 digits, those of today's countries 14
    if length <= 13 and _PHONE_WORD.search(before[-40:]):
        return True
    return _is_hash(before, text[start:end], after) or _covered(
        text[begin : end + _CONTEXT], start - begin, end - begin
    )


def _is_hash(before: bytes, number: bytes, after: bytes) -> bool:
    """Whether the digits stand in a hexadecimal word of 24 signs or more, as digests have."""
    left, right = _HEX_BEFORE.search(before), _HEX.match(after)
    word = (left[0] if left else b"") + number + (right[0] if right else b"")
    return len(word) >= 24 and word.isalnum() and not word.isdigit()


def _covered(near: bytes, start: int, end: int) -> bool:
    """Whether a UUID or a valid IBAN covers the number."""
    for match in _UUID.finditer(near):
        if match.start() <= start and end <= match.end():
            return True
    return any(
        match.start() <= start and end <= match.start() + _iban_length(match)
        for match in _IBAN.finditer(near)
    )


def _iban_length(match: re.Match[bytes]) -> int:
    """How many signs of `match` are an IBAN; 0 when it is none. Spelled as a number, its country
    and check digits moved to the end, an IBAN is 1 modulo 97."""
    wanted = _IBAN_LENGTHS.get(match[1].decode("ascii"), 0)
    bare = match[0].replace(b" ", b"").decode("ascii")[:wanted]
    if not wanted or len(bare) < wanted:
        return 0
    if int("".join(str(int(sign, 36)) for sign in bare[4:] + bare[:4])) % 97 != 1:
        return 0
    return next(
        length
        for length in range(wanted, len(match[0]) + 1)
        if length - match[0].count(b" ", 0, length) == wanted
    )
