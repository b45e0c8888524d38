"""What is asked of a large vault for a few rows: no more than of a small one.

In steps of SQLite's machine, which no other program's work changes.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.vault import audits
from gateway.vault.copied import TABLES
from tests.vault.makers import NOON, entry, keep, many, opened
from tests.vault.test_vault_retention import RULE

pytestmark = pytest.mark.sqlite_alone("it counts SQLite's own steps")

_FEW, _MANY = 200, 2000
_LINK = next(one for one in TABLES if one.name == "link")


@pytest.fixture(scope="module")
def vaults(tmp_path_factory):
    """One of few cards, one of many, nothing in either past its time."""
    directory = tmp_path_factory.mktemp("large")
    with (
        opened(directory / "few", clock=lambda: NOON) as few,
        opened(directory / "many", clock=lambda: NOON) as large,
    ):
        keep(few, *many(_FEW))
        keep(large, *many(_MANY))
        yield few, large


def steps(vault, work) -> int:
    """How many steps `work`, which gets a connection, takes."""
    counted: list[None] = []

    def read(connection) -> None:
        connection.set_progress_handler(lambda: counted.append(None), 1)
        try:
            work(connection)
        finally:
            connection.set_progress_handler(None, 0)

    vault._database.read(read)
    return len(counted)


def look_up(connection) -> None:
    """Ten links by their keys, as a copy looks for them that finds its target's differ."""
    named = _LINK.page(further=False, keys_alone=True)
    keys = connection.execute(named, (10,)).fetchall()
    assert len(list(connection.matching(_LINK.named(), keys))) == 10


def test_a_copy_finds_a_link_by_both_of_its_keys_without_reading_the_others(vaults) -> None:
    few, large = (steps(one, look_up) for one in vaults)
    assert 0 < large <= few * 1.1


def test_that_nothing_is_past_its_time_is_found_without_looking_at_what_is_not(vaults) -> None:
    asked: list[int] = []
    for vault in vaults:
        connections = vault._database._idle
        assert len(connections) == 1
        counted: list[None] = []
        connections[0].set_progress_handler(lambda seen=counted: seen.append(None), 1)
        assert [one.links for one in vault.retention.overdue(RULE, NOON).values()] == [0]
        connections[0].set_progress_handler(None, 0)
        asked.append(len(counted))
    few, large = asked
    assert 0 < large <= few * 1.1


def test_p36_a_portion_of_old_entries_goes_without_counting_how_many_are_old(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(audits, "_PORTION", 50)
    old = datetime(2024, 1, 1, tzinfo=UTC)
    asked = []
    for count in (_FEW, _MANY):
        directory = tmp_path / str(count)
        with opened(directory, clock=lambda: old) as vault:
            asyncio.run(vault.record([entry(at=old) for _ in range(count)]))
        with opened(directory) as vault:
            by = Entry(datetime.now(UTC), "", Action.AUDIT_PURGE, Outcome.DONE)
            counted: list[None] = []
            writing = vault._database._writing
            writing.set_progress_handler(lambda seen=counted: seen.append(None), 1)
            assert vault.audit.purge(datetime(2025, 1, 1, tzinfo=UTC), by) == 50
            writing.set_progress_handler(None, 0)
            assert vault.audit.check().findings == []
        asked.append(len(counted))
    few, large = asked
    assert 0 < large <= few * 1.1
