"""P16, P21: of what was erased or used up no byte is left in database, write-ahead log or a later backup.

What is sealed is encrypted: that its plain text is nowhere would not show that a row is gone. So the
sealed bytes themselves are looked for, as they lay there before.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from gateway.vault.model import Wanted
from gateway.vault.sqlite import compaction
from tests.vault import test_vault_foreign
from tests.vault.makers import NOON, booking, keep, new, opened, pan, rows
from tests.vault.test_vault_cards import ASKED
from tests.vault.test_vault_cvc import END, MARK, held, take
from tests.vault.test_vault_retention import DUE, LEFT, purge
from tests.vault.test_vault_secrecy import spellings

pytestmark = pytest.mark.sqlite_alone("it looks into SQLite's files, its log and its backup")

MANY = 300
# No zeros: as bytes they are what erased pages are full of.
FIRST = 73_519_486_217_311
BLOBS = {
    "card": "sealed, look_up, tokenuser_hash",
    "link": "sealed",
    "foreign_token": "sealed",
    "cvc": "sealed",
}


def files(directory):
    """Name → bytes of the database, its log, and a backup that is made now."""
    state, backup = directory / "state", directory / "backup.db"
    backup.unlink(missing_ok=True)
    with rows(directory) as source, closing(sqlite3.connect(backup)) as target:
        source.raw.backup(target)
    found = {path.name: path.read_bytes() for path in state.glob("vault.db*")}
    found.pop("vault.db-shm", None)  # an index of the log: page numbers, no content
    return found | {"backup": backup.read_bytes()}


def traces(directory, *tables):
    """What lies in the columns that hold or tell a card: halves of each, for a page may cut one."""
    with rows(directory) as connection:
        values = {
            value
            for table in tables
            for row in connection.execute(f"SELECT {BLOBS[table]} FROM {table}")
            for value in row
        }
    # A record's header tells its key and salt, which are others' too: what follows it is its own. A
    # stub keeps the hash of the tokenuser.
    return {value[-32:] for value in values} | {
        value[-64:-32] for value in values if len(value) > 96
    }


def seen(directory, wanted):
    """Which of them are where."""
    return {name for name, content in files(directory).items() for one in wanted if one in content}


def plain(*texts):
    return {spelling for text in texts for spelling in spellings(text)}


def fill(vault):
    """Cards of which half are due, with what hangs on them."""
    cards = [
        new(
            pan(FIRST + place),
            at=booking(f"RES-{place}", departure=LEFT + timedelta(days=300 * (place % 2))),
        )
        for place in range(MANY)
    ]
    kept = [one.token for one in keep(vault, *cards)]
    for token in kept[:20]:
        test_vault_foreign.keep_foreign(vault, token.iduser)
    return kept


@pytest.mark.parametrize("way", ["purge", "forget"])
def test_p16_of_erased_cards_no_byte_is_left(tmp_path, way):
    with opened(tmp_path) as vault:
        kept = fill(vault)
        before = traces(tmp_path, "card", "link", "foreign_token")
        assert seen(tmp_path, before) >= {
            "vault.db-wal",
            "backup",
        }  # the search finds what there is
        if way == "purge":
            assert purge(vault).cards == MANY // 2
        else:
            for token in kept[::2]:
                wanted = Wanted(token, frozenset({"seaside"}))
                asyncio.run(vault.cards.forget(wanted, ASKED, None))
        assert vault.retention.scrub()
        stubs = set()
        if way == "purge":
            with rows(tmp_path) as connection:
                found = connection.execute("SELECT tokenuser_hash FROM stub")
                stubs = {value[-32:] for (value,) in found}
        gone = before - traces(tmp_path, "card", "link", "foreign_token") - stubs
        assert len(gone) > MANY
        assert seen(tmp_path, gone) == set()
        assert seen(tmp_path, plain(*(pan(FIRST + place) for place in range(0, 40, 2)))) == set()
        # What stays is whole.
        assert seen(tmp_path, traces(tmp_path, "card", "link")) >= {"vault.db", "backup"}
    assert seen(tmp_path, gone) == set()


@pytest.mark.parametrize("way", ["take", "purge"])
def test_p21_of_a_used_security_code_no_byte_is_left(tmp_path, way):
    with opened(tmp_path, clock=lambda: NOON) as vault:
        token = keep(vault, held())[0].token
        before = traces(tmp_path, "cvc")
        assert seen(tmp_path, before) >= {"vault.db-wal", "backup"}
        if way == "take":
            assert take(vault, token).cvc.reveal() == MARK
        else:
            assert vault.cvcs.purge(END) == 1
        assert vault.retention.scrub()
        assert seen(tmp_path, before | plain(MARK)) == set()


def test_p16_a_purge_that_was_killed_before_the_log_is_scrubbed_by_the_next(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, new())
        before = traces(tmp_path, "card", "link")
        assert purge(vault).cards == 1
        assert "vault.db-wal" in seen(tmp_path, before)  # no scrub: somebody was killed here
        assert purge(vault, DUE).cards == 0
        assert vault.retention.scrub()
        with rows(tmp_path) as connection:
            (stub,) = connection.execute("SELECT tokenuser_hash FROM stub").fetchone()
        assert seen(tmp_path, before - {stub[-32:]}) == set()


def test_p16_rows_are_overwritten_in_a_file_that_is_too_large_to_be_written_anew(
    tmp_path, monkeypatch
):
    """So few that SQLite divides no page, and keeps no copy beside one."""
    monkeypatch.setattr(compaction, "EACH_TIME", 0)
    monkeypatch.setattr(compaction, "BY_ITSELF", 0)
    with opened(tmp_path) as vault:
        for one in keep(vault, *[new(pan(FIRST + place)) for place in range(5)]):
            test_vault_foreign.keep_foreign(vault, one.token.iduser)
        before = traces(tmp_path, "card", "link", "foreign_token")
        assert purge(vault).cards == 5
        assert vault.retention.scrub()
        with rows(tmp_path) as connection:
            found = connection.execute("SELECT tokenuser_hash FROM stub").fetchall()
        assert seen(tmp_path, before - {value[-32:] for (value,) in found}) == set()
