"""How long cards are kept: the terms of each product, and what is due by them at a moment.

What is done by them is `retention.py`'s, which says how the two go together with a route's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.cards.kept import read_terms
from gateway.vault.entries import stamp


@dataclass(frozen=True, slots=True)
class Terms:
    """How long something of one product is kept: a link after its departure, a link that has none
    after it was seen last, a stub after its card or link went. A departure that is further from now than
    `farthest_departure` counts as none.
    """

    after_departure: timedelta
    without_departure: timedelta
    stub: timedelta
    farthest_departure: timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """The terms of each product; `others`: of what belongs to none that is configured any more."""

    products: Mapping[str, Terms]
    others: Terms

    def of(self, product: str) -> Terms:
        """Those of one product."""
        return self.products.get(product, self.others)


class Bounds(NamedTuple):
    """What is due of a product: links that departed until then, links without a believable departure that
    were seen last until then; a departure behind `believed` is none. `retention`: only those beside which
    this stands, a route's own terms; empty: those without.
    """

    departed: str
    seen: str
    believed: str
    retention: str


def bounds_of(terms: Terms, now: datetime, retention: str) -> Bounds:
    """Where `retention` is a route's own terms, the shorter of both count."""
    said = read_terms(retention)
    after = _shorter(terms.after_departure, said.after_departure)
    without = _shorter(terms.without_departure, said.without_departure)
    return Bounds(
        (now - after).date().isoformat(),
        stamp(now - without),
        (now + terms.farthest_departure).date().isoformat(),
        retention,
    )


def _shorter(kept: timedelta, days: int | None) -> timedelta:
    return kept if days is None else min(kept, timedelta(days=days))
