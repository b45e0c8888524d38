"""What this stage has to reach, and whether it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench import card_route, codec
from bench.bulk import Bulk
from bench.codec import Codec
from bench.exchanges import Cost
from bench.heartbeat import LIMIT
from bench.vault import Kind, Versus

SECONDS = 2.0  # wall time of the largest message
FACTOR = 1.5  # cost of a card in the largest message against one of a hundred
ENDPOINT = 1.3  # CPU of PAYCOMET's endpoint against the proxy
VAULT: dict[Kind, float] = {
    "new": 2.0,
    "known": 3.0,
}  # wall time of the vault against the raw driver
IDLE = 1.10  # CPU of an exchange without a card: with a rule against without one
CODEC = 40.0  # CPU of a known card in its codec, µs
STORES = ("SQLite", "PostgreSQL")
KEPT = (1, 100, 10_000)  # cards in one message
LARGE = 10_000
SMALL = 100


@dataclass(frozen=True, slots=True)
class Goal:
    """`got` is None where it was not measured, or was not done in time: that is missed too."""

    title: str
    got: float | None
    at_most: float
    unit: str

    @property
    def met(self) -> bool:
        return self.got is not None and self.got <= self.at_most


def judge(
    costs: Sequence[Cost],
    endpoint: Cost | None,
    bulks: Sequence[Bulk],
    loop: dict | None,
    kept: Sequence[Versus],
    idle: Sequence[Cost] = (),
    codecs: Sequence[Codec] = (),
) -> list[Goal]:
    """All goals, in the order in which they were measured."""
    booking = next((cost.ratio for cost in costs if cost.case.cards == 1), None)
    worst = loop["worst_ms"] if loop and loop["finished"] else None
    return [
        Goal("CPU of a tokenised 4 KB booking against stock mitmdump", booking, 1.0, "x"),
        Goal(
            "PAYCOMET's endpoint against the same pull through the proxy",
            None if endpoint is None else endpoint.ratio,
            ENDPOINT,
            "x",
        ),
        *(
            Goal(
                f"{case.title} without a card: a rule against none",
                next((cost.ratio for cost in idle if cost.case.title == case.title), None),
                IDLE,
                "x",
            )
            for case in card_route.CASES
        ),
        *(
            Goal(
                f"a known card in its codec, {kind.title} in a message",
                next((one.micros for one in codecs if one.kind == kind), None),
                CODEC,
                "µs",
            )
            for kind in codec.KINDS
        ),
        Goal(f"{LARGE:,} new cards in one message", _wall(bulks), SECONDS, "s"),
        Goal("the event loop's longest block meanwhile", worst, LIMIT * 1000, "ms"),
        *(
            Goal(f"CPU {what}, {LARGE:,} against {SMALL}", growth(bulks, kind), FACTOR, "x")
            for kind, what in (
                ("new", "per new card"),
                ("known", "per known card"),
                ("none", "per byte without a card"),
            )
        ),
        *(
            Goal(
                f"{store}, {count:,} {kind} card{'' if count == 1 else 's'} against the raw driver",
                next(
                    (
                        one.ratio
                        for one in kept
                        if (one.store, one.kind, one.count) == (store, kind, count)
                    ),
                    None,
                ),
                at_most,
                "x",
            )
            for store in STORES
            for kind, at_most in VAULT.items()
            for count in KEPT
        ),
    ]


def growth(bulks: Sequence[Bulk], kind: str) -> float | None:
    """How many times dearer a byte, and so a card, is in the largest message."""
    large, small = _of(bulks, kind, LARGE), _of(bulks, kind, SMALL)
    if large is None or small is None or large.cpu is None or small.cpu is None:
        return None
    return (large.cpu / large.bytes) / (small.cpu / small.bytes)


def _wall(bulks: Sequence[Bulk]) -> float | None:
    large = _of(bulks, "new", LARGE)
    return large.wall if large else None


def _of(bulks: Sequence[Bulk], kind: str, count: int) -> Bulk | None:
    return next((one for one in bulks if (one.kind, one.count) == (kind, count)), None)
