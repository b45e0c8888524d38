"""What a backup says of itself: when it was made, of what, and what it has, under the audit's key.

    {"made": …, "gateway": …, "schema": 20, "store": "sqlite", "kek": {"provider": …, "id": …},
     "newest": [id, hash] of the newest audit entry,
     "tables": {name: {"key": […], "rest": […], "rows": n, "sha256": …}}}

1. It names columns as they were when the backup was made, so that a newer version can check an older file
   before it changes anything in it.
2. It is signed by HMAC with the vault's own key for the audit, which only its KEK gives: a row that was
   changed, added or taken out shows, and so does a manifest that was made to fit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from gateway.vault.copied import HEADS, Copied
from gateway.vault.entries import stamp, unstamp

TABLE: Final = "backup_manifest"
_MAKE: Final = f"CREATE TABLE {TABLE} (manifest TEXT NOT NULL, signature TEXT NOT NULL)"
_ADD: Final = f"INSERT INTO {TABLE} VALUES (?, ?)"  # noqa: S608 - a name of ours
_READ: Final = f"SELECT manifest, signature FROM {TABLE}"  # noqa: S608
# They become SQL before anything else is known of the file.
_NAME: Final = re.compile(r"[a-z_]{1,40}")


class Connection(Protocol):
    """SQLite's own will do: what a backup is in."""

    def execute(self, statement: str, values: tuple[Any, ...] = (), /) -> Any:  # Any: its cursor
        """Runs one statement."""


@dataclass(frozen=True, slots=True)
class TableSum:
    """What one table had: `key` and `rest` are its columns, as `copied.Copied` has them."""

    key: tuple[str, ...]
    rest: tuple[str, ...]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """See above. `newest` None: there was no entry."""

    made: datetime
    gateway: str
    schema: int
    store: str
    kek_provider: str
    kek_id: str
    newest: tuple[int, str] | None
    tables: Mapping[str, TableSum]

    def text(self) -> str:
        """As it stands in the file, and is signed."""
        said = {
            "made": stamp(self.made),
            "gateway": self.gateway,
            "schema": self.schema,
            "store": self.store,
            "kek": {"provider": self.kek_provider, "id": self.kek_id},
            "newest": self.newest,
            "tables": {
                name: {
                    "key": one.key,
                    "rest": one.rest,
                    "rows": one.rows,
                    "sha256": one.sha256,
                }
                for name, one in self.tables.items()
            },
        }
        return json.dumps(said, ensure_ascii=True)

    @property
    def digest(self) -> str:
        """By which the audit names the backup."""
        return hashlib.sha256(self.text().encode("ascii")).hexdigest()

    def copied(self) -> list[Copied]:
        """Its tables, to be read from the file; not how far the audit's writers came, which a database may
        not keep.
        """
        return [
            Copied(name, one.key, one.rest)
            for name, one in self.tables.items()
            if name != HEADS.name
        ]


def read_manifest(text: str) -> Manifest:
    """Reads back what `Manifest.text` wrote. Raises ValueError for anything else."""
    said: Any = json.loads(text)  # Any: whatever stands there
    try:
        tables = {name: _table(name, one) for name, one in said["tables"].items()}
        newest = said["newest"]
        return Manifest(
            unstamp(said["made"]),
            str(said["gateway"]),
            int(said["schema"]),
            str(said["store"]),
            str(said["kek"]["provider"]),
            str(said["kek"]["id"]),
            None if newest is None else (int(newest[0]), str(newest[1])),
            tables,
        )
    except (KeyError, TypeError, AttributeError, IndexError):
        raise ValueError("no manifest") from None


def write(connection: Connection, manifest: Manifest, signature: str) -> None:
    """Puts it into the backup."""
    connection.execute(_MAKE)
    connection.execute(_ADD, (manifest.text(), signature))


def read(connection: Connection) -> tuple[str, str]:
    """Its text and its signature, as they stand in the file. Raises ValueError where there is not one."""
    rows = connection.execute(_READ).fetchall()
    if len(rows) != 1:
        raise ValueError("no manifest")
    return str(rows[0][0]), str(rows[0][1])


def _table(name: str, said: Any) -> TableSum:  # Any: as above
    key, rest = tuple(map(str, said["key"])), tuple(map(str, said["rest"]))
    if not key or not all(_NAME.fullmatch(one) for one in (name, *key, *rest)):
        raise ValueError("no manifest")
    return TableSum(key, rest, int(said["rows"]), str(said["sha256"]))
