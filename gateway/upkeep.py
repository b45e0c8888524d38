"""What a worker does every few seconds beside its traffic: fresh keys, gauges, what waits to be written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from gateway import certificates
from gateway.access.keys import FRESH, Keys
from gateway.config import Config
from gateway.errors import VaultUnavailable
from gateway.garbage import Garbage
from gateway.log import event
from gateway.metrics import Metrics
from gateway.refused import Refusals
from gateway.vault.service import Vault

_HOUSEKEEPING_SECONDS: Final = 2.0
# The keys are read anew by a thread long before a request would have to do it (`keys.FRESH`).
_KEYS_SECONDS: Final = FRESH.total_seconds() / 2
_MEASURE_SECONDS: Final = 60.0  # certificates are files: they need not be read oftener


class Upkeep:
    """Its two tasks run until they are cancelled; one that ends by itself is a fault."""

    def __init__(
        self,
        *,
        config: Config,
        vault: Vault,
        keys: Keys,
        refusals: Refusals,
        metrics: Metrics,
        garbage: Garbage,
        idle: Callable[[], bool],
    ) -> None:
        self._config, self._vault, self._keys, self._refusals = config, vault, keys, refusals
        self._metrics, self._garbage, self._idle = metrics, garbage, idle
        self._measured = float("-inf")  # when certificates were read last
        self._ends: set[str] = set()  # what has a `not_after`

    async def refresh_keys(self) -> None:
        """Keeps what is known of the keys fresh, beside the event loop and whatever else there is to do.

        Where the table can not be read a request tries for itself, and is refused if it can not either.
        """
        while True:
            await asyncio.sleep(_KEYS_SECONDS)
            try:
                await asyncio.to_thread(self._keys.refresh)
            except VaultUnavailable as error:
                event("keys_not_read", level=logging.ERROR, code=error.code)

    async def keep_house(self) -> None:
        """Every few seconds: garbage is collected, refusals and keys' last use are written, gauges are set."""
        while True:
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
            self._garbage.collect(idle=self._idle())
            try:
                counts = await asyncio.to_thread(self.flush)
                await asyncio.to_thread(self.measure_ends)
            except VaultUnavailable as error:
                event("housekeeping_failed", level=logging.ERROR, code=error.code)
                continue
            for product, count in counts.items():
                self._metrics.vault_cards.labels(product).set(count)

    def flush(self) -> dict[str, int]:
        """Writes refusals and keys' last use. Returns the cards of each product.

        Raises `VaultUnavailable`.
        """
        self._refusals.flush()
        self._keys.save_uses()
        return self._vault.count_by_product()

    def measure_ends(self) -> None:
        """When certificates and keys end. Ids of keys are ours; a key without an end has no line.

        Raises `VaultUnavailable`.
        """
        if monotonic() - self._measured >= _MEASURE_SECONDS:
            self._measured = monotonic()
            try:
                for seen in certificates.installed(self._config):
                    self._metrics.not_after.labels(seen.what).set(seen.not_after.timestamp())
            except (OSError, ValueError):  # half replaced, perhaps: the last measure stays
                event("certificates_not_read", level=logging.ERROR)
        ends = {
            f"key:{row.id}": row.expires
            for row in self._vault.keys.all()
            if row.expires is not None and row.revoked is None
        }
        for what, at in ends.items():
            self._metrics.not_after.labels(what).set(at.timestamp())
        for what in self._ends - ends.keys():
            self._metrics.not_after.remove(what)
        self._ends = set(ends)
