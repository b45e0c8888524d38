"""Everything that collections are made of, wired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.charges.service import Charges
from gateway.collections.facts import Offers
from gateway.collections.jobs import Jobs
from gateway.collections.service import Collections
from gateway.collections.steps import Steps
from gateway.config import Config
from gateway.pages.links import Links
from gateway.processors.model import Processors
from gateway.vault.service import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """What others use of it."""

    collections: Collections
    jobs: Jobs


def build(
    config: Config,
    *,
    vault: Vault,
    charges: Charges,
    processors: Processors,
    links: Links | None,
    clock: Callable[[], datetime],
) -> Parts:
    """Collections of all products. `links` None: no product has pages."""
    wake = asyncio.Event()
    rapid = config.recaptures.expedia_rapid
    offers = Offers(
        pages=frozenset(name for name, one in config.products.items() if one.pages is not None),
        rapid=None if rapid is None else rapid.client,
        zones={
            name: ZoneInfo(one.time_zone)
            for name, one in config.products.items()
            if one.time_zone is not None
        },
    )
    table = vault.collections
    steps = Steps(table=table, charges=charges, links=links, offers=offers, clock=clock)
    collections = Collections(
        vault=vault,
        processors=processors,
        links=links,
        steps=steps,
        offers=offers,
        clock=clock,
        woken=wake.set,
    )
    return Parts(collections, Jobs(table=table, steps=steps, clock=clock, wake=wake))
