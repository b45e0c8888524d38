"""What the vault's tables need of a database, whichever it is: `sqlite` fulfils it, and `postgres`.

Statements are written in the SQL that both understand; values are bound at `?` or at `?1`, `?2`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from gateway.vault.chain import Head
    from gateway.vault.journal import Journal

T = TypeVar("T")

Values: TypeAlias = Sequence[Any]  # Any: the columns' types, as the schema gives them
Step: TypeAlias = Callable[[str], None]


def no_step(_name: str) -> None:
    """Nothing happens at a step, outside tests."""


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def fetchone(self) -> Any:  # Any: as above
        """The next row, None behind the last."""

    def fetchall(self) -> list[Any]:
        """The rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection within its transaction; the one that writes has what appends audit entries."""

    journal: Journal | None  # of the one that writes

    @property
    def gapless(self) -> bool:
        """Whether audit entries have ids without a gap: one that is missing was taken out then."""

    def execute(self, statement: str, values: Values = (), /) -> Cursor:
        """Runs one statement."""

    def time(self, now: datetime, /) -> datetime:
        """What time it is where several machines have to agree: the database's; `now`, this machine's, where
        one machine has it all.
        """

    def stream(self, statement: str, values: Values = (), /) -> Iterator[Any]:
        """Its rows one after the other, however many they are. Nothing else may run meanwhile."""

    def executemany(self, statement: str, rows: Iterable[Values], /) -> Cursor:
        """Runs it for each of `rows`; it changed as many rows as all of them did."""

    def add(self, statement: str, rows: Iterable[Values], /) -> None:
        """Has the INSERT `statement` run for each of `rows`: before any other statement, but maybe
        with the next one, which then raises what this one would have raised.
        """

    def among(self, statement: str, values: Sequence[bytes] | Sequence[int], /) -> Iterator[Any]:
        """The rows of `statement`, in which each `IN (%s)` stands for `values`."""

    def matching(self, statement: str, rows: Sequence[Values], /) -> Iterator[Any]:
        """The rows of `statement`, in which `%s` stands for a table of `rows`."""

    def count_cards(self, added: Mapping[str, int], /) -> None:
        """Counts what was added of each product, where the schema does not do it by itself."""

    def next_entries(self, count: int, /) -> Sequence[int]:
        """Ids for `count` audit entries, rising, that no other transaction gets."""

    def newest_entry(self) -> int:
        """The highest id of an audit entry that is known of."""

    def came_to(self, head: Head, id: int, /) -> None:
        """Notes, where ids have gaps, that a writer's chain goes to `head`, the entry `id`."""

    def last_heads(self) -> list[tuple[Head, int]]:
        """What `came_to` noted of each writer; nothing where ids have no gap."""

    def counters(self) -> dict[str, int]:
        """The highest number that a table's rows were ever given by themselves, where the database keeps
        such a count: it must not go back when the rows are copied.
        """

    def beside(self) -> frozenset[str]:
        """Names of the transactions that run beside this one, and may have seen an older state; none
        where one writes at a time.
        """

    def count_from(self, counters: Mapping[str, int], /) -> None:
        """Sees to it that none of these numbers is given again."""


class Database(Protocol):
    """One thread that writes, as many readers as ask at a time. Several processes may share it."""

    @property
    def few(self) -> int:
        """How many cards may be decided upon within a transaction, which reads at less cost than one that
        only reads, and keeps others waiting, or meets them, meanwhile.
        """

    def use(self, journal: Journal) -> None:
        """Has `journal` append the audit's entries from now on; without one none can be written."""

    def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` on a connection that sees one state of the database. Blocks.

        Raises VaultUnavailable.
        """

    def write(
        self, name: str, work: Callable[[Connection], T], *, entries: int = 0, large: bool = False
    ) -> Future[T]:
        """Runs `work` in a transaction, as if no other ran beside it; the future is done once that is
        durable.

        `entries`: how many audit entries `work` appends, as far as is known beforehand; a trip is saved.
        `large`: hundreds of rows, for which others wait once, rather than that it meets one of them each time.
        `work` may run twice and must do the same both times. The future ends in what `work` raises,
        in VaultUnavailable, or in Taken when a row is there already, or one it needs is gone.
        """

    def scrub(self, *, compact: bool = False) -> bool:
        """Overwrites, or cuts off, what the database's own log and pages still hold of rows that are erased.
        False: somebody reads an older state, and nothing is lost by trying again later. Blocks, others for a
        moment only; with `compact` for as long as it takes to write everything anew.

        Raises VaultUnavailable.
        """

    def close(self) -> None:
        """Finishes what is queued, then closes every connection."""
