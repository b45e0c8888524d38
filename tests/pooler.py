"""A real PgBouncer before a real PostgreSQL: Debian's, with the pgbouncer.ini of docs/scale.md."""

from __future__ import annotations

import atexit
import configparser
import functools
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

import psycopg

from tests.kept import Kept
from tests.ports import free_port

# For processes that a test starts: vaults on PostgreSQL are reached by it, where it is said.
POOLER = "CARD_GATEWAY_TEST_POOLER"
PAGE = Path(__file__).parent.parent / "docs" / "scale.md"
PASSWORD = "of-the-pooled"
_PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
_STARTING = 20  # seconds


def why_not() -> str:
    """Why there is no pooler here; empty where there is one."""
    return "" if _PROGRAM else "pgbouncer is not installed"


@functools.cache
def documented() -> str:
    """The pgbouncer.ini that docs/scale.md shows."""
    (found,) = re.findall(r"^```ini\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return found


class Pooler:
    """PgBouncer with the settings that are documented, but for `databases` (name → where it is), `users`
    (name → password or SCRAM secret) and the `settings` that say otherwise, of which files are copied. `port` is on loopback.

    `user`: who it runs as where the tests are root, which it refuses.
    """

    def __init__(self, databases, users, user=None, **settings) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="card-gateway-pooler-"))
        self.port = free_port()
        file, users_file = self.directory / "pgbouncer.ini", self.directory / "userlist.txt"
        users_file.write_text("".join(f'"{name}" "{secret}"\n' for name, secret in users.items()))
        ini = configparser.ConfigParser(interpolation=None)
        ini.read_string(documented())
        ini["databases"] = databases
        mine = {"listen_addr": "127.0.0.1", "listen_port": self.port, "auth_file": users_file,
                "unix_socket_dir": "", "admin_users": next(iter(users))}  # fmt: skip
        for name, path in settings.items():
            if isinstance(path, Path):  # it may not read it where it is
                settings[name] = shutil.copy(path, self.directory)
        ini["pgbouncer"].update({name: str(one) for name, one in (mine | settings).items()})
        with file.open("w") as opened:
            ini.write(opened)
        if user is not None:
            for one in (self.directory, *self.directory.iterdir()):
                shutil.chown(one, user)
        self.log = self.directory / "log"
        self._kept = Kept(
            [_PROGRAM, file], self.directory, self.log, stop="SIGTERM", end="SIGTERM", user=user
        )
        atexit.register(self.close)
        self._kept.start()
        self._await()

    def url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def show(self, what: str, user: str, password: str):
        """What PgBouncer's console tells, as dicts."""
        with psycopg.connect(
            self.url(user, "pgbouncer"), password=password, autocommit=True,
            cursor_factory=psycopg.ClientCursor, row_factory=psycopg.rows.dict_row,
        ) as console:  # fmt: skip
            return console.execute(f"SHOW {what}").fetchall()

    def close(self) -> None:
        atexit.unregister(self.close)
        self._kept.close()

    def _await(self) -> None:
        until = time.monotonic() + _STARTING
        while True:
            try:
                psycopg.connect(self.url("nobody", "nothing"), connect_timeout=2).close()
            except psycopg.OperationalError as refused:
                if "refused" not in str(refused) or "FATAL" in str(refused):
                    return  # it has answered that there is nobody of that name
            if time.monotonic() > until:
                raise AssertionError(self.log.read_text()[-2000:])
            time.sleep(0.02)
