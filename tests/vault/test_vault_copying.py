"""One vault's rows in another: each of them and nothing else, from either store to either."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.errors import VaultClosed
from gateway.vault import closing
from gateway.vault.audits import KEPT
from gateway.vault.chain_check import Fault
from gateway.vault.closing import Closed
from gateway.vault.copied import HEADS, NOT_COPIED, TABLES
from gateway.vault.copying import AnotherVault, copy, sums
from gateway.vault.kek.file import KekFile
from gateway.vault.places import open_database
from gateway.vault.service import Vault
from tests import postgres
from tests.vault.makers import (
    NOON,
    booking,
    entry,
    find,
    find_all,
    keep,
    many,
    new,
    opened,
    pan,
    place,
    rows,
)
from tests.vault.outside import outside
from tests.vault.rotating import rotate
from tests.vault.test_vault_audit import OLD, PURGE
from tests.vault.test_vault_retention import RULE
from tests.vault.test_vault_verification import filled, full  # noqa: F401 - fixtures

NOW = "2026-03-01T12:00:00.000000+00:00"


@pytest.fixture(params=["to_sqlite", "to_postgres"])
def target(request, tmp_path):
    """Where a second vault is to be, in either store."""
    directory = tmp_path / "target"
    if request.param == "to_sqlite":
        yield directory / "vault.db"
        return
    yield postgres.place_of(directory)
    postgres.forget_databases(directory)


@contextmanager
def database(at):
    one = open_database(at, now=NOW)
    try:
        yield one
    finally:
        one.close()


def copied(directory, target, **how):
    """What changed, once the vault of `directory` has been copied."""
    with database(place(directory)) as source, database(target) as to:
        return source.read(lambda c: copy(c, to, **how))


def summed(at, **how):
    with database(at) as one:
        return one.read(lambda c: sums(c, **how))


@contextmanager
def there(target, directory):
    """The copy, opened as a vault, with the key of the vault of `directory`."""
    vault = Vault.open(target, KekFile(directory / "kek"))
    try:
        yield vault
    finally:
        vault.close()


def test_p18_what_a_copy_reads_is_summed_as_it_would_be_by_itself(tmp_path, target) -> None:
    """A row that came, one that changed and one that went between two copies, too."""
    for number in range(2):
        with opened(tmp_path) as vault:
            if number:
                with rows(tmp_path) as connection:
                    connection.with_cascades().execute(
                        "DELETE FROM card WHERE iduser = (SELECT min(iduser) FROM card)"
                    )
                rotate(vault)
            keep(vault, *many(1200, seed=number), entries=[entry() for _ in range(1200)])
        found = {}
        copied(tmp_path, target, summed=found)
        assert found == summed(place(tmp_path)) == summed(target)
        assert found["card"].rows == 1200 + 1199 * number


def test_every_table_is_copied_or_said_not_to_be(tmp_path) -> None:
    with opened(tmp_path), rows(tmp_path) as connection:
        named = {table.name: set(table.columns) for table in [*TABLES, HEADS]}
        assert set(connection.tables()) - {"sqlite_sequence"} - NOT_COPIED == set(named) - {
            HEADS.name
        }
        for table, columns in named.items():
            left = {"closed", "closed_by"} if table == "keyring_version" else set()
            assert connection.columns(table) - left == columns, table


def test_a_full_vault_is_the_same_elsewhere(full, target) -> None:  # noqa: F811
    source = full.vault._database
    with database(target) as to:
        seen = []
        changes = source.read(
            lambda c: copy(c, to, progress=lambda table, count: seen.append((table, count)))
        )
        assert (changes.changed, changes.removed) == (0, 0)
        before, after = source.read(sums), to.read(sums)
        assert before == after
        # What `fill` has no row of: what lives for moments, and what no test of it makes.
        empty = {name for name, one in before.items() if not one.rows}
        assert empty <= {
            "issuing",
            "old_token",
            "charge_consumed",
            "collection_charge",
            "refusal",
            "route_hour",
            "route_writer",
            "api_key",
        }
        counted = {}
        for table, count in seen:
            counted[table] = counted.get(table, 0) + count
        assert counted == {
            name: one.rows for name, one in before.items() if one.rows and name != HEADS.name
        }
        again = source.read(lambda c: copy(c, to))
        assert again.all == 0
    with outside(target) as connection:
        connection.assert_sound()
        cards = dict(connection.execute("SELECT product, cards FROM card_count").fetchall())
        assert cards == dict(
            connection.execute("SELECT product, count(*) FROM card GROUP BY product").fetchall()
        )


def test_the_copy_is_a_vault_with_the_same_tokens_and_an_audit_in_one_chain(
    tmp_path, target
) -> None:
    with opened(tmp_path) as vault:
        kept = keep(vault, *many(30), entries=[entry() for _ in range(30)])
    assert copied(tmp_path, target).added > 60
    assert copied(tmp_path, target).all == 0
    with there(target, tmp_path) as vault:
        assert all(find_all(vault, (one.token for one in kept)))
        assert keep(vault, *many(30))[7].token == kept[7].token
        asyncio.run(vault.record([entry("further")]))
        report = vault.audit.check()
        assert (report.findings, report.entries) == ([], 31)
        assert vault.verification.check(RULE, NOON, lambda *_: None).findings == ()
        assert keep(vault, new(pan(990)))[0].token not in {one.token for one in kept}


def test_what_went_changed_and_came_since_is_carried_over(tmp_path, target) -> None:
    with opened(tmp_path) as vault:
        stays, goes, links = keep(
            vault, new(pan(1)), new(pan(2), at=booking("RES-2")), new(pan(3), at=booking("RES-3"))
        )
        copied(tmp_path, target)
        with rows(tmp_path) as connection:
            connection.with_cascades().execute(
                "DELETE FROM card WHERE iduser = ?", (goes.token.iduser,)
            )
        keep(vault, new(pan(3), at=booking("RES-4")))
        (came,) = keep(vault, new(pan(4)))
        rotate(vault)
        changes = copied(tmp_path, target)
        assert changes.removed >= 1
        assert changes.changed >= 2
        assert summed(place(tmp_path)) == summed(target)
    with there(target, tmp_path) as vault:
        found = [find(vault, one.token) is not None for one in (stays, goes, links, came)]
        assert found == [True, False, True, True]
        (number,) = keep(vault, new(pan(3), at=booking("RES-4")))
        assert number.token == links.token


def test_p24_a_target_with_pages_that_the_source_purged_is_brought_in_step(
    tmp_path, target
) -> None:
    """Of the audit nothing goes before the rest comes: the target's first page is of rows that are gone."""
    now = datetime.now(UTC)
    with opened(tmp_path) as vault:
        asyncio.run(vault.record([replace(entry(), at=OLD)] * 700))
        asyncio.run(vault.record([replace(entry(), at=now)] * 100))
        copied(tmp_path, target)
        while vault.audit.purge(now - KEPT, replace(PURGE, at=now)):
            pass
        with rows(tmp_path) as connection:
            assert connection.execute("SELECT min(id) FROM audit").fetchone() == (701,)
        copied(tmp_path, target)
        assert copied(tmp_path, target).all == 0
    assert summed(place(tmp_path)) == summed(target)
    with there(target, tmp_path) as vault:
        assert vault.audit.check().findings == []


def test_a_copy_that_was_stopped_goes_on(tmp_path, target) -> None:
    with opened(tmp_path) as vault:
        kept = keep(vault, *many(700))  # more than a portion
    steps = []
    copied(tmp_path, target, step=steps.append)
    assert len(steps) == 2 * len(TABLES)  # one more, and the audit's rows do not go before
    for stop in ("copy:card:coming", "copy:link:coming", "copy:audit:coming", "copy:heads"):

        def step(name, stop=stop):
            if name == stop:
                raise KeyboardInterrupt

        with outside(target) as connection:
            connection.with_cascades().execute("DELETE FROM card WHERE id % 2 = 1")
        with pytest.raises(KeyboardInterrupt):
            copied(tmp_path, target, step=step)
    assert copied(tmp_path, target).all >= 0
    assert summed(place(tmp_path)) == summed(target)
    with there(target, tmp_path) as vault:
        assert all(find_all(vault, (one.token for one in kept)))


def test_what_is_left_out_stays_as_it_is(tmp_path, target) -> None:
    with opened(tmp_path) as vault:
        keep(vault, new())
    alone = frozenset({"link"})
    copied(tmp_path, target, without=alone)
    assert copied(tmp_path, target, without=alone).all == 0
    assert summed(place(tmp_path), without=alone) == summed(target, without=alone)
    assert summed(target)["link"].rows == 0


def test_a_row_that_was_changed_shows_in_its_table_s_sum_alone(tmp_path, target) -> None:
    with opened(tmp_path) as vault:
        keep(vault, new())
    copied(tmp_path, target)
    before = summed(target)
    with outside(target) as connection:
        connection.execute("UPDATE link SET seen = ?", ("2026-03-02",))
    after = summed(target)
    assert [name for name in before if before[name] != after[name]] == ["link"]
    assert before["link"].rows == after["link"].rows


def test_a_target_with_another_vault_s_audit_is_refused(tmp_path, target) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        with opened(tmp_path / name) as vault:
            keep(vault, new(), entries=[entry(name)])
    copied(tmp_path / "one", target)
    with pytest.raises(AnotherVault, match=r"key_event|audit"):
        copied(tmp_path / "other", target)


def test_ids_that_were_given_are_not_given_again(tmp_path, target) -> None:
    with opened(tmp_path) as vault:
        keep(vault, *many(5), entries=[entry() for _ in range(5)])
        newest = vault._database.read(lambda c: c.counters())["audit"]
    copied(tmp_path, target)
    with database(target) as one:
        assert one.read(lambda c: c.counters())["audit"] == newest
        ids = one.write("test", lambda c: list(c.next_entries(2))).result()
        assert min(ids) > newest
    with there(target, tmp_path) as vault:
        keep(vault, *many(5, seed=2))
    with outside(target) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT id) FROM link").fetchone() == (
            10,
            10,
        )


def test_p36_an_entry_taken_out_of_the_copy_is_missed(tmp_path, target) -> None:
    """On SQLite the copy of a vault whose ids have gaps knows of each writer's entries instead."""
    with opened(tmp_path) as vault:
        keep(vault, *many(3), entries=[entry() for _ in range(3)])
    copied(tmp_path, target)
    for where in ("= (SELECT min(id) + 1 FROM audit)", "= (SELECT max(id) FROM audit)"):
        with outside(target) as connection:
            connection.unguard("audit")
            (id,) = connection.execute(f"SELECT id FROM audit WHERE id {where}").fetchone()
            connection.execute("DELETE FROM audit WHERE id = ?", (id,))
        with there(target, tmp_path) as vault:
            found = vault.audit.check().findings
        assert (Fault.MISSING, id) in {(one.fault, one.last) for one in found}


@pytest.mark.parametrize("why", [Closed.MOVED, Closed.RESTORING])
def test_a_vault_that_is_elsewhere_or_not_whole_opens_for_nobody(tmp_path, why) -> None:
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new(), entries=[entry()])
        vault._database.write("close", lambda c: closing.close(c, why)).result()
        for work in (
            lambda: keep(vault, new(pan(2))),
            lambda: find(vault, kept.token, entries=[entry()]),
        ):
            with pytest.raises(VaultClosed) as refused:
                work()
            assert refused.value.why
        with pytest.raises(VaultClosed):
            vault.watch.refresh()
        with pytest.raises(VaultClosed), opened(tmp_path):
            pass
        with rows(tmp_path) as connection:
            (count,) = connection.execute("SELECT count(*) FROM audit").fetchone()
        assert count == 1
        vault._database.write("close", lambda c: closing.close(c, Closed.OPEN)).result()
        assert find(vault, kept.token) is not None


def test_a_vault_that_is_being_moved_is_read_and_not_written(tmp_path) -> None:
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
        vault._database.write("close", lambda c: closing.close(c, Closed.MOVING)).result()
        with opened(tmp_path) as late:  # as `vault status` does
            for one in (vault, late):
                with pytest.raises(VaultClosed):
                    keep(one, new(pan(2)))
                one.watch.refresh()
                assert find(one, kept.token) is not None


def test_a_closed_vault_s_copy_is_not_closed_by_it(tmp_path, target) -> None:
    with opened(tmp_path) as vault:
        keep(vault, new())
        vault._database.write("close", lambda c: closing.close(c, Closed.MOVING)).result()
    with database(target) as to:
        to.write("close", lambda c: closing.close(c, Closed.RESTORING)).result()
    copied(tmp_path, target)
    with database(target) as to:
        assert to.read(closing.why) is Closed.RESTORING
