"""Whether a vault's copy is that vault: every table, counted and summed on both sides, and the audit's chain."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from gateway.vault.chain import Chain
from gateway.vault.chain_check import check
from gateway.vault.copying import Progress, Sum, sums
from gateway.vault.database import Connection
from gateway.vault.moving_ends import Filling, Leaving

_ACTUAL: Final = "SELECT product, count(*) FROM card GROUP BY product"
_NOTED: Final = "SELECT product, cards FROM card_count WHERE cards > 0"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found. `tables`: what the source has; `differing`: the tables that are not the same in the
    target, `rows` of each there; `counted`: whether the target counts its cards right; `chained`: whether
    its audit holds, as far as the source's did.
    """

    tables: dict[str, Sum] = field(default_factory=dict)
    differing: dict[str, int] = field(default_factory=dict)
    counted: bool = True
    chained: bool = True
    audit_holds: bool = True  # at the source

    @property
    def holds(self) -> bool:
        """Whether the target is the source."""
        return not self.differing and self.counted and self.chained

    @property
    def rows(self) -> int:
        """How many rows were compared."""
        return sum(one.rows for one in self.tables.values())


def holds(source: Leaving) -> bool:
    """Whether the source's audit is as it was written. Raises VaultSealed, VaultUnavailable."""
    chain = Chain(source.unsealed().keyring.audit)
    return not source.database.read(lambda c: check(c, chain)).findings


def prove(
    source: Leaving, ours: dict[str, Sum], target: Filling, progress: Progress, *, held: bool
) -> Proof:
    """Reads the target, and compares it with what the source has: `ours`. To be called while nobody writes
    to either. `held`: whether the source's audit does. Raises VaultSealed where the KEK does not open the
    target, VaultUnavailable.
    """
    # The source's own key for the audit: the target is unsealed once it is known to be the same.
    chain = Chain(source.unsealed().keyring.audit)
    with ThreadPoolExecutor(1) as beside:
        checked = beside.submit(target.read, lambda c: check(c, chain))
        there = target.read(lambda c: sums(c, progress=progress))
        faults = checked.result().findings
    differing = {name: one.rows for name, one in there.items() if ours.get(name) != one}
    if differing:
        return Proof(ours, differing)
    target.unsealed()
    counted = target.read(_is_counted)
    return Proof(ours, counted=counted, chained=not faults or not held, audit_holds=held)


def _is_counted(connection: Connection) -> bool:
    actual, noted = (dict(connection.execute(one).fetchall()) for one in (_ACTUAL, _NOTED))
    return actual == noted
