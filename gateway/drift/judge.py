"""Whether a route's messages are still as they were. Pure: hours of history in, a verdict out.

1. The newest hours are compared with all that came before them: those of a day, of three, of a week, of
   two. A busy route shows within hours what a quiet one needs two weeks for.
2. Something is told only where it is large (a share halved or doubled, a pause twice the longest one) and
   chance would do it less than once in a million looks. With few messages nothing is.
3. A longer stretch does not count where a shorter one, newer, says that it is over.
4. Where no bookings can be counted, the hours in which messages came stand for them: how many in a row had
   no card, against how many had one.
5. Of `NO_CARDS` and `FEWER_CARDS`, and where a route is `SILENT`, the one that says more is told.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Final, NamedTuple, TypeAlias

from gateway.drift.chance import at_least, at_most, quiet_for
from gateway.vault.route_hours import NUMBERS, Phase, RouteHour

WINDOWS: Final = (24, 72, 168, 336)
LEARNS: Final = 168  # hours
_LEARNS_MESSAGES: Final = 30
_UNLIKELY: Final = 1e-6
_IS_OVER: Final = 0.05
_SHORTEST_GAP: Final = 6
_BEFORE: Final = (168, 672, 2160)  # a pause is compared with the pauses of each


class Kind(StrEnum):
    """What may have changed; the one that says most first."""

    OUTSIDE = "card_outside_shapes"
    NO_CARDS = "no_cards"
    FEWER_CARDS = "fewer_cards"
    FAILURES = "more_failures"
    SILENT = "silent"


class Sums(NamedTuple):
    """The numbers of several hours together; as those of a `RouteHour`."""

    messages: int = 0
    bookings: int = 0
    with_card: int = 0
    cards: int = 0
    left_alone: int = 0
    failed: int = 0
    refused: int = 0
    outside: int = 0

    @property
    def per_booking(self) -> float | None:
        """Cards for each booking; None without one."""
        return self.cards / self.bookings if self.bookings else None

    def minus(self, other: Sums) -> Sums:
        """These without those of `other`."""
        return Sums(*(a - b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a route in one phase. `learning`: there is too little history to tell.

    `window`: over how many hours `recent` goes; `before` are those that it was compared with. `since`: from
    which hour on it is another, where it is; `last`: the newest hour with a message.
    """

    route: str
    phase: Phase
    learning: bool
    kinds: tuple[Kind, ...]
    window: int
    recent: Sums
    before: Sums
    since: int | None
    last: int

    @property
    def state(self) -> str:
        """One word or two for all of it."""
        if self.kinds:
            return STATES[self.kinds[0]]
        return "learning" if self.learning else "steady"


STATES: Final = {
    Kind.OUTSIDE: "card data outside every shape",
    Kind.NO_CARDS: "no cards",
    Kind.FEWER_CARDS: "fewer cards",
    Kind.FAILURES: "more failures",
    Kind.SILENT: "silent",
}


def _sound(hour: RouteHour) -> RouteHour:
    """Without shares above one: whatever was written into the table, there is a verdict."""
    return hour._replace(
        with_card=min(hour.with_card, hour.bookings), failed=min(hour.failed, hour.cards),
        refused=min(hour.refused, hour.messages), outside=min(hour.outside, hour.messages),
    )  # fmt: skip


# So many of so many.
Share: TypeAlias = Callable[[Sums], tuple[int, int]]


def _carded(sums: Sums) -> tuple[int, int]:
    return sums.with_card, sums.bookings


# More of these than there were is a finding.
_RISES: Final[tuple[tuple[Kind, Share], ...]] = (
    (Kind.OUTSIDE, lambda s: (s.outside, s.messages)),
    (Kind.FAILURES, lambda s: (s.failed, s.cards)),
    (Kind.FAILURES, lambda s: (s.refused, s.messages)),
)


class _Course:
    """A route's hours with their sums from the first one on."""

    def __init__(self, hours: Sequence[RouteHour]) -> None:
        """`hours`: at least one, oldest first."""
        self.rows = hours
        self.hours = [one.hour for one in hours]
        self.first, self.last = self.hours[0], self.hours[-1]
        sound = [_sound(one) for one in hours]
        runs = [accumulate([getattr(one, name) for one in sound]) for name in NUMBERS]
        self._until = [Sums(), *map(Sums._make, zip(*runs, strict=True))]

    def after(self, hour: int) -> Sums:
        """The sums of all hours behind `hour`."""
        return self._until[-1].minus(self.through(hour))

    def through(self, hour: int) -> Sums:
        """The sums of all hours up to `hour`."""
        return self._until[bisect_right(self.hours, hour)]


def judge(hours: Sequence[RouteHour], now: int, windows: Sequence[int] = WINDOWS) -> Verdict:
    """The verdict on the hours of one route in one phase: at least one, oldest first, none behind `now`.
    `windows`: how many of the newest hours are compared, the shortest first.
    """
    course = _Course(hours)
    found: dict[Kind, int] = {}  # with the window that it showed in first
    learning = True
    for number, window in enumerate(windows):
        before = course.through(now - window)
        if now - window - course.first < LEARNS or before.messages < _LEARNS_MESSAGES:
            break
        learning = False
        for kind in _changes(course, now, windows[: number + 1]):
            found.setdefault(kind, window)
    since: dict[Kind, int] = {}
    if not learning:
        if (silent := _silent_since(course, now)) is not None:
            found, since = {Kind.SILENT: windows[0]}, {Kind.SILENT: silent}
        elif (dry := _dry_since(course)) is not None:
            found.setdefault(Kind.NO_CARDS, windows[0])
            since[Kind.NO_CARDS] = dry
    if Kind.FEWER_CARDS in found and _none_since(course, now):
        found.setdefault(Kind.NO_CARDS, found[Kind.FEWER_CARDS])
    if Kind.NO_CARDS in found:
        found.pop(Kind.FEWER_CARDS, None)
    if found.keys() & {Kind.NO_CARDS, Kind.FEWER_CARDS} and course.after(now - windows[0]).outside:
        found[Kind.OUTSIDE] = windows[0]
    kinds = tuple(kind for kind in Kind if kind in found)
    window = found[kinds[0]] if kinds else windows[0]
    return Verdict(
        course.rows[0].route, course.rows[0].phase, learning, kinds, window,
        course.after(now - window), course.through(now - window),
        min((since.get(kind) or _since(course, kind, now) for kind in kinds), default=None),
        course.last,
    )  # fmt: skip


def _changes(course: _Course, now: int, windows: Sequence[int]) -> list[Kind]:
    """What is another in the last of `windows`, and goes on in those before it."""
    recent = [course.after(now - window) for window in windows]
    before = course.through(now - windows[-1])
    kinds = []
    (x, n), (k, m) = _carded(recent[-1]), _carded(before)
    if 2 * x * m < k * n and at_most(x, n, k, m) < _UNLIKELY and _stays_low(recent):
        kinds.append(Kind.FEWER_CARDS if x else Kind.NO_CARDS)
    for kind, share in _RISES:
        (x, n), (k, m) = share(recent[-1]), share(before)
        rises = x * m > 2 * k * n and at_least(x, n, k, m) < _UNLIKELY
        if rises and _stays_high(recent, share):
            kinds.append(kind)
    return kinds


def _stays_low(recent: Sequence[Sums]) -> bool:
    """Whether no shorter stretch has so many that what was low is over."""
    *shorter, (x, n) = map(_carded, recent)
    return all(at_least(y, o, x - y, n - o) >= _IS_OVER for y, o in shorter)


def _stays_high(recent: Sequence[Sums], share: Share) -> bool:
    """Whether no shorter stretch has so few that what was high is over."""
    *shorter, (x, n) = map(share, recent)
    return all(at_most(y, o, x - y, n - o) >= _IS_OVER for y, o in shorter)


def _dry_since(course: _Course) -> int | None:
    """Since when messages have come without a card, for longer than is likely."""
    cards = [place for place, one in enumerate(course.rows) if one.with_card]
    if not cards:
        return None
    last = cards[-1]
    gap = len(course.rows) - 1 - last
    longest = max((b - a - 1 for a, b in pairwise(cards)), default=0)
    if gap < _SHORTEST_GAP or gap <= 2 * longest:
        return None
    chances = []
    for span in _BEFORE:
        begin = bisect_right(course.hours, course.hours[last] - span)
        had = len(cards) - bisect_right(cards, begin - 1)
        chances.append(at_most(0, gap, had, last + 1 - begin))
    return course.hours[last + 1] if max(chances) < _UNLIKELY else None


def _silent_since(course: _Course, now: int) -> int | None:
    """Since when no message has come at all, for longer than is likely."""
    hours = course.hours
    gap = now - course.last - 1
    longest = max((b - a - 1 for a, b in pairwise(hours)), default=0)
    if gap < _SHORTEST_GAP or gap <= 2 * longest:
        return None
    chances = []
    for span in _BEFORE:
        begin = bisect_right(hours, course.last - span)
        chances.append(quiet_for(gap, len(hours) - begin, min(span, course.last - course.first)))
    return course.last + 1 if max(chances) < _UNLIKELY else None


def _none_since(course: _Course, now: int) -> bool:
    """Whether there has been no card at all since there were fewer."""
    newest = course.after(_parted(course, _carded, now)[0] - 1)
    return newest.bookings > 0 and not newest.with_card


def _since(course: _Course, kind: Kind, now: int) -> int:
    """From which hour on the share is another: the one that parts the newest two weeks best."""
    shares = [share for one, share in _RISES if one is kind] or [_carded]
    return max((_parted(course, share, now) for share in shares), key=lambda one: one[1])[0]


def _parted(course: _Course, share: Share, now: int) -> tuple[int, float]:
    """The hour behind which the share differs most from the one before, and by how much."""
    best = course.last, 0.0
    for hour in course.hours[bisect_right(course.hours, now - WINDOWS[-1]) :]:
        (k, m), (x, n) = share(course.through(hour - 1)), share(course.after(hour - 1))
        if n and m:
            weight = abs(x / n - k / m) * (n * m / (n + m)) ** 0.5
            best = max(best, (hour, weight), key=lambda one: one[1])
    return best
