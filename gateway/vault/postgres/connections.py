"""A process's connections to its PostgreSQL database, and whether there are any to be had."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, Self

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout

from gateway.errors import ConfigurationError, Problem
from gateway.log import event
from gateway.vault.postgres.connection import Row, configure
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.postgres.refusal import Refusal, refusal_of

# A connection that was not used for so long may be gone without anybody's having said so.
_IDLE_SECONDS: Final = 60.0
# While the server is away, whoever asks is refused after so long: the first one has waited for it.
_AWAY_SECONDS: Final = 0.5


class Connections:
    """Up to `place.connections` of them. `seconds`: how long one is waited for."""

    def __init__(self, place: PostgresPlace, seconds: float) -> None:
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # it says where the server is
        self._place, self._seconds = place, seconds
        self._away = False
        self._pool: ConnectionPool[_Telling] = ConnectionPool(
            place.url,
            connection_class=_Telling,
            kwargs=place.options(seconds),
            configure=configure,
            min_size=0,
            max_size=place.connections,
            max_idle=_IDLE_SECONDS,
            reconnect_timeout=seconds,
            open=False,
            name="vault",
        )

    def open(self) -> None:
        """Raises ConfigurationError where none can be had before somebody changes something."""
        refusal = self._refusal()
        if refusal is not None:
            raise ConfigurationError([Problem(str(self._place), 0, refusal.message, refusal.hint)])
        self._pool.open()

    @property
    def are_away(self) -> bool:
        """Whether the server gave none when one was asked for last."""
        return self._away

    def close(self) -> None:
        """Closes all of them."""
        self._pool.close()

    @contextmanager
    def one(self) -> Iterator[psycopg.Connection[Row]]:
        """One that nobody else uses meanwhile. Raises PoolTimeout when none was to be had."""
        with ExitStack() as stack:
            failed = self._failed()
            try:
                raw = stack.enter_context(
                    self._pool.connection(_AWAY_SECONDS if self._away else self._seconds)
                )
            except PoolTimeout:
                # Where the others are in use it is worth waiting; where no new one could be made it is not.
                self._away = self._away or self._failed() > failed
                raise
            self._away = False
            yield raw

    @contextmanager
    def begun(
        self, *statements: str, last: bool
    ) -> Iterator[tuple[psycopg.Connection[Row], list[list[Row]]] | None]:
        """One in a transaction, begun by `statements`, in one trip; rolled back if it is still open at the
        end. With it the rows of each of them that gives any, all columns as text. None where the connection
        turned out to be gone, which nobody had told: nothing was done on it yet, so another one may be
        tried, unless it was the `last`.
        """
        with self.one() as raw:
            try:
                found = _found(raw.execute("; ".join(statements)))
            except psycopg.OperationalError:
                if last or not raw.broken:
                    raise
                begun = False
            else:
                begun = True
            if begun:
                try:
                    yield raw, found
                finally:
                    if raw.info.transaction_status is not TransactionStatus.IDLE and not raw.broken:
                        raw.execute("ROLLBACK")
        if not begun:
            self._pool.check()  # where one is gone, others are
            yield None

    def _failed(self) -> int:
        """How many times none could be made until now."""
        return self._pool.get_stats().get("connections_errors", 0)

    def _refusal(self) -> Refusal | None:
        try:
            _Telling.connect(self._place.url, **self._place.options(self._seconds)).close()
        except psycopg.OperationalError as error:
            return refusal_of(str(error))
        return None


def _found(cursor: psycopg.Cursor[Row]) -> list[list[Row]]:
    """The rows of each of several statements that gives any; the first one gives none."""
    found = []
    while cursor.nextset():
        if cursor.description is not None:
            found.append(cursor.fetchall())
    return found


class _Pipeline(psycopg.Pipeline):
    """Ends with a Sync alone. psycopg sends a Flush behind it: of a connection that sent one PostgreSQL
    never thinks that it stands still (idle_in_transaction_session_timeout), and its rows would be held.
    """

    def _fetch_gen(self, *, flush: bool) -> PQGen[None]:  # noqa: ARG002 - psycopg's signature
        return super()._fetch_gen(flush=False)


class _Telling(psycopg.Connection[Row]):
    """A connection that says in the log why it could not be had: a pool only says that it has none. It can
    stand still only so long, in a pipeline as well.
    """

    @contextmanager
    def pipeline(self) -> Iterator[psycopg.Pipeline]:
        """As psycopg's."""
        self._pipeline = self._pipeline or _Pipeline(self)
        with super().pipeline() as made:
            yield made

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:  # Any: psycopg's signature
        try:
            return super().connect(conninfo, **options)
        except psycopg.OperationalError as error:
            refusal = refusal_of(str(error))
            reason = "unreachable" if refusal is None else refusal.code
            event("database_not_connected", level=logging.ERROR, reason=reason)
            raise
