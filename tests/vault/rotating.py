"""New keys for a vault of the tests, and what a vault holds under which."""

from __future__ import annotations

from gateway.vault import key_rows
from gateway.vault.keyring import State
from gateway.vault.sealed_tables import TABLES
from tests.vault.makers import rows

BY = "test"


def rotate(vault):
    """New keys, used from now on."""
    assert vault.rotation.add(BY)
    assert vault.rotation.activate(BY).behind == ()


def renew(vault):
    """New keys, everything under them, and the old ones gone; those that are needed still."""
    rotate(vault)
    vault.rewrap.run(BY)
    return {key.purpose for key in vault.rotation.retire(BY).needed}


def used(directory):
    """Purpose → the id of the key that is used, as the database has it."""
    with rows(directory) as connection:
        return {
            one.purpose: one.id for one in key_rows.read(connection) if one.state is State.ACTIVE
        }


def under(directory, table, column="sealed"):
    """The ids of the keys that a column names."""
    at = 1 if column != "sealed" else 2
    with rows(directory) as connection:
        found = connection.execute(
            f"SELECT DISTINCT substr({column}, ?, 4) FROM {table} WHERE {column} IS NOT NULL", (at,)
        )
        return {int.from_bytes(one, "big") for (one,) in found}


def opened_all(vault):
    """Table → what is sealed in each of its rows, in the order of their keys. What has no key that is
    known does not open."""
    found = {}
    for table in TABLES:
        rows_of = (
            f"SELECT {table.selects} FROM {table.source} WHERE {table.table}.sealed IS NOT NULL"
        )
        order = f" ORDER BY {', '.join(table.key)}"
        read = vault._database.read(lambda c, text=rows_of + order: c.execute(text).fetchall())
        found[table.name] = [table.opened(vault.watch.keyring, tuple(row)) for row in read]
    return found
