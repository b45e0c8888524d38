"""What goes to PostgreSQL together: trips are what a vault on another machine costs."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from gateway.errors import VaultUnavailable
from gateway.vault import entries as audit
from gateway.vault import key_rows
from gateway.vault.model import Taken
from gateway.vault.postgres import connections
from tests.vault.makers import entry, keep, many, new, opened, pan, rows
from tests.vault.test_vault_retention import purge

pytestmark = pytest.mark.postgres_alone

# What the server answers at once is one trip: it ends with either of these.
_TRIP = re.compile(r"\tF\t\d+\t(?:Query|Sync)\b")


class _Undone(Exception):
    pass


@pytest.fixture
def trips(tmp_path: Path, monkeypatch):
    """How many trips were made so far, on connections that are opened from now on."""
    files = []
    configure = connections.configure

    def traced(raw) -> None:
        configure(raw)
        files.append((tmp_path / f"trace{len(files)}").open("w+"))
        raw.pgconn.trace(files[-1].fileno())

    monkeypatch.setattr(connections, "configure", traced)
    yield lambda: sum(len(_TRIP.findall(Path(file.name).read_text())) for file in files)
    for file in files:
        file.close()


@pytest.fixture
def vault(trips, tmp_path: Path):
    with opened(tmp_path) as vault:
        keep(vault, new(pan(0)), entries=[entry()])  # the chain has begun, types are known
        yield vault


def _undone(vault, work) -> list:
    """What `work` gives within a transaction that is then undone."""
    found = []

    def undone(connection) -> None:
        found.append(work(connection))
        raise _Undone

    with pytest.raises(_Undone):
        vault._database.write("test", undone).result(20)
    return found[0]


def test_a_message_with_a_new_card_takes_three_trips_and_its_commit(vault, trips) -> None:
    before = trips()
    keep(vault, new(pan(1)), entries=[entry()])
    assert trips() - before == 4


def test_a_message_with_a_known_card_takes_one_less(vault, trips) -> None:
    before = trips()
    keep(vault, new(pan(0)), entries=[entry()])
    assert trips() - before == 3


def test_messages_that_wait_together_share_what_they_ask_at_the_beginning(vault, trips) -> None:
    async def all_of_them() -> None:
        await asyncio.gather(*(vault.keep([one], [entry()]) for one in many(20)))

    before = trips()
    asyncio.run(all_of_them())
    assert trips() - before <= 3 * 20 + 2 * 2  # the first one may not have waited
    assert vault.audit.check().findings == []


def test_what_was_added_is_there_for_the_next_statement(vault) -> None:
    def work(connection):
        connection.add("INSERT INTO keyring_made (purpose) VALUES (?)", [("one",), ("two",)])
        connection.add("INSERT INTO keyring_made (purpose) VALUES (?)", [("three",)])
        asked = "SELECT count(*) FROM keyring_made WHERE purpose IN (%s)"
        return list(connection.among(asked, ["one", "two", "three"]))

    assert _undone(vault, work) == [(3,)]


def test_p24_what_is_added_last_is_committed(vault, tmp_path: Path) -> None:
    def work(connection) -> None:
        connection.add("INSERT INTO keyring_made (purpose) VALUES (?)", [("last",)])

    vault._database.write("test", work).result(20)
    with rows(tmp_path) as connection:
        asked = "SELECT count(*) FROM keyring_made WHERE purpose = 'last'"
        assert connection.execute(asked).fetchall() == [(1,)]


def test_p24_what_can_not_be_added_undoes_all_of_it(vault, tmp_path: Path) -> None:
    def work(connection) -> None:
        connection.add("INSERT INTO keyring_made (purpose) VALUES (?)", [("good",)])
        connection.add("INSERT INTO keyring_made (purpose) VALUES (?)", [("twice",)])
        connection.add("INSERT INTO keyring_made (purpose) VALUES (?)", [("twice",)])

    with pytest.raises(Taken):
        vault._database.write("test", work).result(20)
    with rows(tmp_path) as connection:
        asked = "SELECT count(*) FROM keyring_made WHERE purpose IN ('good', 'twice')"
        assert connection.execute(asked).fetchall() == [(0,)]


def twice(connection) -> None:
    """An entry, and behind it what the database refuses with the commit."""
    audit.append(connection, [entry("lost")])
    connection.add("INSERT INTO keyring_made (purpose) VALUES (?)", [("twice",)])
    connection.add("INSERT INTO keyring_made (purpose) VALUES (?)", [("twice",)])


def unbound(connection) -> None:
    """An entry, and behind it what can not even be sent."""
    audit.append(connection, [entry("lost")])
    connection.add("INSERT INTO keyring_made (purpose) VALUES (?)", [("a\0b",)])


@pytest.mark.parametrize("work", [twice, unbound])
def test_p36_a_sink_is_told_nothing_that_can_not_be_added(tmp_path: Path, work) -> None:
    with opened(tmp_path, sinks=[tmp_path / "audit.jsonl"]) as vault:
        keep(vault, new(pan(0)), entries=[entry("first")])
        with pytest.raises((Taken, VaultUnavailable)):
            vault._database.write("test", work).result(20)
        keep(vault, new(pan(1)), entries=[entry("second")])
        assert vault.audit.check().findings == []
    told = (tmp_path / "audit.jsonl").read_text()
    assert [name in told for name in ("first", "lost", "second")] == [True, False, True]


@pytest.mark.parametrize("work", [twice, unbound])
def test_p36_the_chain_goes_on_after_what_could_not_be_added(vault, tmp_path: Path, work) -> None:
    with pytest.raises((Taken, VaultUnavailable)):
        vault._database.write("test", work).result(20)
    keep(vault, new(pan(1)), entries=[entry()])
    assert vault.audit.check().findings == []
    with rows(tmp_path) as connection:
        assert connection.execute("SELECT count(*) FROM audit_anchor").fetchone() == (1,)


def test_a_sink_costs_a_trip(trips, tmp_path: Path) -> None:
    with opened(tmp_path, sinks=[tmp_path / "audit.jsonl"]) as vault:
        keep(vault, new(pan(0)), entries=[entry()])
        before = trips()
        keep(vault, new(pan(1)), entries=[entry()])
        assert trips() - before == 5


def test_a_portion_of_a_purge_keeps_others_waiting_for_five_trips(vault, trips) -> None:
    """Its turn, what is due, its end, what is left of it, and all that is written, with the commit."""

    def made(count: int, seed: int) -> int:
        keep(vault, *many(count, seed))
        before = trips()
        assert purge(vault).cards == count
        return trips() - before

    purge(vault)  # of the first card
    made(50, 1)  # types are known
    assert made(100, 2) - made(50, 3) == 5
    assert vault.audit.check().findings == []


def test_p23_what_was_asked_at_the_beginning_is_asked_again_after_a_change(vault) -> None:
    def work(connection):
        stood = key_rows.version(connection)
        key_rows.rename(connection, "another")
        return stood, key_rows.version(connection)

    stood, stands = _undone(vault, work)
    assert (stood, stands) == (vault.watch.version, "another")


def test_entries_have_ids_without_a_gap_where_nothing_went_wrong(vault) -> None:
    keep(vault, new(pan(1)), new(pan(2)), entries=[entry()] * 3)
    keep(vault, new(pan(3)))
    keep(vault, new(pan(3)), entries=[entry()])
    ids = [one.id for one in vault.entries(limit=100)]
    assert ids == list(range(ids[0], ids[0] + 5))
