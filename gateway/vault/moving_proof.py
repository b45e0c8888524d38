"""Whether a vault's copy is that vault: every table, counted and summed on both sides, and the audit's chain."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from gateway.vault.chain import Chain
from gateway.vault.chain_check import check
from gateway.vault.copying import Sum, sums
from gateway.vault.database import Connection, Database
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


def prove(source: Leaving, target: Filling, progress: Callable[[str, int], None]) -> Proof:
    """Reads both, side by side. To be called while nobody writes to either. Raises VaultSealed where the
    KEK does not open the target, VaultUnavailable.
    """
    with ThreadPoolExecutor(1) as beside:
        theirs = beside.submit(target.read, sums)
        ours = source.database.read(lambda c: sums(c, progress=progress))
        there = theirs.result()
    differing = {name: there[name].rows for name, one in ours.items() if there[name] != one}
    if differing:
        return Proof(ours, differing)
    chain = Chain(target.unsealed().keyring.audit)
    before, after = _findings(source.database, chain), _findings(target, chain)
    counted = target.read(_is_counted)
    return Proof(ours, counted=counted, chained=not after or bool(before), audit_holds=not before)


def _findings(database: Database | Filling, chain: Chain) -> int:
    return database.read(lambda c: len(check(c, chain).findings))


def _is_counted(connection: Connection) -> bool:
    actual, noted = (dict(connection.execute(one).fetchall()) for one in (_ACTUAL, _NOTED))
    return actual == noted
