"""What the vault's tables need of a database, whichever it is: `sqlite` fulfils it, and `postgres`.

Statements are written in the SQL that both understand; values are bound at `?` or at `?1`, `?2`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
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

    journal: Journal | None

    def execute(self, statement: str, values: Values = (), /) -> Cursor:
        """Runs one statement."""

    def executemany(self, statement: str, rows: Iterable[Values], /) -> Cursor:
        """Runs it for each of `rows`; it changed as many rows as all of them did."""


class Database(Protocol):
    """One thread that writes, as many readers as ask at a time. Several processes may share it."""

    def use(self, journal: Journal) -> None:
        """Has `journal` append the audit's entries from now on; without one none can be written."""

    def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` on a connection that sees one state of the database. Blocks.

        Raises VaultUnavailable.
        """

    def write(self, name: str, work: Callable[[Connection], T]) -> Future[T]:
        """Runs `work` in a transaction, as if no other ran beside it; the future is done once that is
        durable.

        `work` may run twice and must do the same both times. The future ends in what `work` raises,
        in VaultUnavailable, or in Taken when a row is there already, or one it needs is gone.
        """

    def close(self) -> None:
        """Finishes what is queued, then closes every connection."""
