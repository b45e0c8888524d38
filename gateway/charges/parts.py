"""Everything that charges are made of, wired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.charges.jobs import Jobs
from gateway.charges.passing import Passing
from gateway.charges.service import Charges
from gateway.config import Config
from gateway.metrics import Metrics
from gateway.pages.links import Links
from gateway.processors.model import Processors
from gateway.vault.service import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """What others use of it."""

    charges: Charges
    passing: Passing
    jobs: Jobs


def build(
    config: Config,
    *,
    vault: Vault,
    processors: Processors,
    pages: Links | None,
    clock: Callable[[], datetime],
    metrics: Metrics,
) -> Parts:
    """Charges of all products; one without a processor is told so when it charges. `pages` None: no
    product has any.
    """
    wake = asyncio.Event()
    zones = {
        name: ZoneInfo(product.time_zone)
        for name, product in config.products.items()
        if product.time_zone is not None
    }
    charges = Charges(
        vault=vault,
        processors=processors,
        zones=zones,
        challenge_lasts=timedelta(hours=config.charges.challenge_hours),
        pages=pages,
        clock=clock,
        woken=wake.set,
        metrics=metrics,
    )
    jobs = Jobs(table=vault.charges, charges=charges, clock=clock, wake=wake)
    return Parts(charges, Passing(charges, vault.charges, clock, wake.set), jobs)
