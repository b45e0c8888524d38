"""What came of a day: counted by route, by refusal, by card that fails, by target that no route takes.

Of an exchange nothing is held but the sums it went into and a few places to look at: a day may have
millions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from gateway.cards.card import Failure
from gateway.cards.scan import find_cards
from gateway.cli.recorded import Recorded
from gateway.cli.rehearsal import Outcome, Phase
from gateway.cli.suggestions import Suggestion, suggest_routes
from gateway.errors import GatewayError, RouteUnknown
from gateway.refused import cleaned
from gateway.rules.model import Pack, Route
from gateway.vault.rows import RefusalRow

_PLACES: Final = 3  # of one kind that are named
_MOST_TARGETS: Final = 500  # distinct ones that are kept apart
# A segment that is another one at each call: a number, a UUID, a long mixture.
_ID: Final = re.compile(r"\d+|(?=[^/]*\d)[0-9A-Fa-f-]{8,}|(?=[^/]*\d)[0-9A-Za-z_-]{16,}")
_THEN: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One exchange: `outcome` on its route, or `refused` where no route in force takes it.

    `head` is its request, or its answer where that alone was recorded. `asleep` is a route that would take
    it, of a pack that is not in force.
    """

    head: Recorded
    answer: Recorded | None
    outcome: Outcome | None
    refused: GatewayError | None = None
    why: tuple[str, ...] = ()
    asleep: Route | None = None

    @property
    def sends_card(self) -> bool:
        """Whether a request has a card in clear on a route that puts cards in: so it is before the PMS
        has tokens."""
        outcome = self.outcome
        if outcome is None or outcome.counts.found or self.head.way != "request":
            return False
        rule = outcome.route.request
        return bool((rule.detokenize or rule.exchange) and find_cards(self.head.body))

    @property
    def cards(self) -> int:
        """How many numbers like a card's stand in bodies that no route takes."""
        if self.outcome is not None:
            return 0
        bodies = {one.body for one in (self.head, self.answer) if one is not None}
        return sum(len(find_cards(body)) for body in bodies)


@dataclass(slots=True)
class Kind:
    """How often something came, and where at first."""

    count: int = 0
    places: list[str] = field(default_factory=list)
    cards: int = 0

    def add(self, place: str) -> None:
        self.count += 1
        if len(self.places) < _PLACES:
            self.places.append(place)


@dataclass(slots=True)
class Sums:
    """The exchanges of one route."""

    exchanges: int = 0
    changed: int = 0
    found: int = 0  # cards, or tokens on a charge
    failed: int = 0
    left_alone: int = 0
    guarded: int = 0  # masked outside of every shape
    refused: int = 0
    unseen: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why exchanges of a route would be refused."""

    route: str
    phase: Phase
    error: type[GatewayError]


class Day:
    """Everything that was rehearsed."""

    def __init__(self, packs: Sequence[Pack]) -> None:
        self._packs = packs
        self.exchanges = 0
        self.routes: dict[str, Sums] = {}
        self.refusals: dict[Refusal, Kind] = {}
        self.failures: dict[tuple[str, Failure], Kind] = {}
        self.unseen: dict[tuple[str, Phase], Kind] = {}
        self.guarded: dict[str, Kind] = {}
        self.clear: dict[str, Kind] = {}  # charges as they are today: with the card
        self.asleep: dict[str, Kind] = {}  # system → what its pack would take
        self.targets: dict[RefusalRow, Kind] = {}
        self.whys: dict[str, Kind] = {}
        self.beyond = 0  # exchanges whose target is not kept apart any more

    @property
    def fine(self) -> bool:
        """Whether nothing would be refused, no card fails, and all that counts was recorded."""
        return not (
            self.refusals or self.failures or self.unseen or self.asleep or self.whys or self.beyond
        )

    def add(self, one: Exchanged) -> None:
        """Counts an exchange."""
        self.exchanges += 1
        place = f"{one.head.place} {one.head.target}".strip()
        if one.outcome is not None:
            self._add_outcome(one.outcome, place)
            if one.sends_card:
                self.clear.setdefault(one.outcome.route.id, Kind()).add(place)
        elif one.asleep is not None:
            self.asleep.setdefault(one.asleep.system, Kind()).add(place)
        else:
            self._add_target(one, place)

    def _add_outcome(self, outcome: Outcome, place: str) -> None:
        route, counts = outcome.route.id, outcome.counts
        sums = self.routes.setdefault(route, Sums())
        sums.exchanges += 1
        if outcome.refused is not None:
            sums.refused += 1
            kind = Refusal(route, outcome.phase, type(outcome.refused))
            self.refusals.setdefault(kind, Kind()).add(place)
            return
        sums.changed += bool(outcome.changed)
        sums.found += counts.found
        sums.failed += len(outcome.failures)
        sums.left_alone += counts.left + counts.ask_again
        sums.guarded += counts.guarded
        sums.unseen += bool(outcome.unseen)
        for failure, times in Counter(outcome.failures).items():
            known = self.failures.setdefault((route, failure), Kind())
            known.add(place)
            known.cards += times
        for phase in outcome.unseen:
            self.unseen.setdefault((route, phase), Kind()).add(place)
        if counts.guarded:
            known = self.guarded.setdefault(route, Kind())
            known.add(place)
            known.cards += counts.guarded

    def _add_target(self, one: Exchanged, place: str) -> None:
        why = one.why[0] if one.why else (one.refused.text if one.refused else "")
        if len(self.whys) < _MOST_TARGETS or why in self.whys:
            self.whys.setdefault(why, Kind()).add(place)
        if not isinstance(one.refused, RouteUnknown) or not one.head.method:
            return  # no line of YAML would allow it
        row = _row(one.head)
        if row not in self.targets and len(self.targets) >= _MOST_TARGETS:
            self.beyond += 1
            return
        known = self.targets.setdefault(row, Kind())
        known.add(place)
        known.cards += one.cards

    def missing(self) -> Iterator[tuple[Suggestion, int, int]]:
        """The YAML for what no route takes, a piece for each host; how many exchanges need it, and how
        many numbers like a card's stand in them."""
        by_host: dict[tuple[str, int, str], list[RefusalRow]] = {}
        for row in self.targets:
            by_host.setdefault((row.host, row.port, row.scheme), []).append(row)
        for rows in by_host.values():
            count = sum(self.targets[row].count for row in rows)
            cards = sum(self.targets[row].cards for row in rows)
            yield suggest_routes(rows, self._pack_of(rows[0].host)), count, cards

    def _pack_of(self, host: str) -> Pack | None:
        """The pack that has routes to a host already."""
        for pack in self._packs:
            if any(route.to and route.to.host.matches(host) for route in pack.routes):
                return pack
        return None


def _row(head: Recorded) -> RefusalRow:
    """What `card-gateway refused` would list, with `*` for what is another at each call."""
    authority, bare = head.authority, head.path.partition("?")[0]
    path = cleaned("/".join("*" if _ID.fullmatch(part) else part for part in bare.split("/")))
    return RefusalRow(
        client="",
        listener="proxy" if authority else "endpoints",
        method=cleaned(head.method),
        scheme=authority.scheme if authority else "https",
        host=cleaned(authority.host) if authority else "",
        port=authority.port if authority else 0,
        path=path,
        code=RouteUnknown.code,
        count=1,
        last=_THEN,
    )
