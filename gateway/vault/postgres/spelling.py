"""How PostgreSQL spells what the vault's statements say. Pure: no database.

The tables' code writes the SQL that SQLite and PostgreSQL both understand, but for these:

| the tables' code             | PostgreSQL                                            |
|------------------------------|-------------------------------------------------------|
| `?`, `?2`                    | `$1`, `$2`                                            |
| `json_each(X)`               | `json_array_elements_text((X)::json) AS value`        |
| `CROSS JOIN t USING`         | `JOIN t USING` (in SQLite it tells where to begin)    |
| `INSERT … VALUES (?, …)`,    | `INSERT … SELECT * FROM unnest($1, …)`: one statement |
| run for each of many rows    | and one trip for all of them                          |
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

_MARK: Final = re.compile(r"'[^']*'|\?(\d*)")  # none within a text
_LIST: Final = re.compile(r"\bjson_each\(([^()]*)\)")
_ORDERED_JOIN: Final = re.compile(r"\bCROSS (JOIN \w+ USING)\b")
_INSERT: Final = re.compile(
    r"INSERT INTO (?P<table>\w+) \((?P<columns>[\w, ]+)\)"
    r" VALUES \(\?(?:, \?)*\)(?P<rest>.*)",
    re.DOTALL,
)


class Insert(NamedTuple):
    """A statement that adds one row at a time; `rest` is what follows its values."""

    table: str
    columns: tuple[str, ...]
    rest: str


@lru_cache(maxsize=1024)
def spelled(statement: str) -> str:
    """`statement` as PostgreSQL reads it. The statements are constants: each is spelled once."""
    statement = _LIST.sub(r"json_array_elements_text((\1)::json) AS value", statement)
    statement = _ORDERED_JOIN.sub(r"\1", statement)
    place = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal place
        if found[1] is None:
            return found[0]
        place += 1
        return f"${found[1] or place}"

    return _MARK.sub(mark, statement)


@lru_cache(maxsize=256)
def insert_of(statement: str) -> Insert | None:
    """What it inserts where, if it can be run for many rows at once."""
    found = _INSERT.fullmatch(statement)
    if found is None or "?" in found["rest"]:
        return None
    return Insert(found["table"], tuple(found["columns"].split(", ")), found["rest"])


@lru_cache(maxsize=256)
def unnested(insert: Insert, types: tuple[str, ...]) -> str:
    """The statement that adds all rows, each column an array of `types`."""
    arrays = ", ".join(f"${place}::{type}[]" for place, type in enumerate(types, start=1))
    names = ", ".join(insert.columns)
    return f"INSERT INTO {insert.table} ({names}) SELECT * FROM unnest({arrays}){insert.rest}"  # noqa: S608  # names are constants of ours
