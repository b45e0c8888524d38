"""The two stores as they are tortured: where a vault is, and what can be done to the store itself."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import conninfo, sql

from gateway.vault.places import Place
from gateway.vault.postgres.place import PostgresPlace
from tests.postgres import Server

_SECONDS = 60.0
HARMED = 0.2  # of the rounds
_OURS = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


class Store(Protocol):
    """`name` is what the command line calls it."""

    name: str

    def place(self, directory: Path) -> Place:
        """A new vault's."""

    def harm(self, dice: random.Random) -> Callable[[], None] | None:
        """What is done to the store in this round, if anything."""

    def settle(self) -> None:
        """Returns once nothing of what the killed processes began goes on."""

    def save(self, to: Path) -> None:
        """What is needed besides the vault's directory to see what is wrong."""

    def close(self) -> None:
        """Ends what was started."""


class SqliteStore:
    name = "sqlite"

    def place(self, directory: Path) -> Place:
        return directory / "vault.db"

    def harm(self, dice: random.Random) -> None:
        """A file has nothing that could be killed."""

    def settle(self) -> None:
        """A process that was killed has let go of its files."""

    def save(self, to: Path) -> None:
        """The directory has all of it."""

    def close(self) -> None:
        """Nothing was started."""


class PostgresStore:
    """A server of its own, that is killed in so many of the rounds."""

    name = "postgres"

    def __init__(self, harmed: float = HARMED) -> None:
        self._server, self._harmed = Server(), harmed
        self._database = ""
        self._count = 0

    def place(self, directory: Path) -> Place:
        before, self._count = self._database, self._count + 1
        self._database = f"torture_{self._count}"
        with self._administrator() as connection:
            if before:
                drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
                connection.execute(drop.format(sql.Identifier(before)))
            create = sql.SQL("CREATE DATABASE {}")
            connection.execute(create.format(sql.Identifier(self._database)))
        return PostgresPlace(conninfo.make_conninfo(self._server.url, dbname=self._database))

    def harm(self, dice: random.Random) -> Callable[[], None] | None:
        if dice.random() >= self._harmed:
            return None
        return dice.choice((self._kill_backend, self._kill_server))

    def settle(self) -> None:
        until = time.monotonic() + _SECONDS
        while True:
            try:
                with self._administrator() as connection:
                    found = connection.execute(f"SELECT 1 {_OURS}", [self._database]).fetchone()
                if found is None:
                    return
            except psycopg.OperationalError:  # it recovers from what was done to it
                pass
            assert time.monotonic() < until, "the server does not come back, or a backend stays"
            time.sleep(0.01)

    def save(self, to: Path) -> None:
        self._server.stop()
        shutil.copytree(self._server.data, to / "postgresql")
        self._server.start()

    def close(self) -> None:
        self._server.close()

    def _administrator(self) -> psycopg.Connection:
        return psycopg.connect(self._server.url, autocommit=True)

    def _kill_backend(self) -> None:
        """With one backend killed so, PostgreSQL ends all of them and recovers."""
        with self._administrator() as connection:
            asked = f"SELECT pid {_OURS} AND backend_type = 'client backend' LIMIT 1"
            found = connection.execute(asked, [self._database]).fetchone()
        if found is not None:
            with suppress(ProcessLookupError):  # it ended with its writer meanwhile
                os.kill(found[0], signal.SIGKILL)

    def _kill_server(self) -> None:
        """Immediately, as if its machine had been switched off; and on again."""
        self._server.crash()
        self._server.start()


STORES: dict[str, Callable[[], Store]] = {"sqlite": SqliteStore, "postgres": PostgresStore}
