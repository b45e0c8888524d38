"""What a restore holds of the lost vault's audit: on the disk, however much there is."""

from __future__ import annotations

import os
import stat
from contextlib import closing

import pytest

from gateway.errors import BackupRefused, VaultUnavailable
from gateway.secret import Secret
from gateway.vault.audit_line import Line
from gateway.vault.chain import Chain, Head
from gateway.vault.hashes import KeyedHash
from gateway.vault.lost import _Behind, _follow_all, _without_collisions
from gateway.vault.sqlite.spool import Entries
from tests.children import run

KEY = Secret(bytes(range(32)))
CHAIN = Chain(KeyedHash({1: KEY}, 1))
ROOT = CHAIN.entries(b"", [("root",)])[0]
NONE = _Behind([], [])


def lines(count, *, writer=1, seq=1, before=ROOT, first=1, said=""):
    """Entries that follow each other."""
    found = []
    for number in range(count):
        values = ("2026-03-01T12:00:00.000000Z", f"exchange-{number}", "tokenize", "done", "pms", "", "",
                  "route", "seaside", 1000 + number, "", said, "", first + number, writer, seq + number)  # fmt: skip
        (before,) = CHAIN.entries(before, [values])
        *entry, id, writer, at = values
        found.append(Line._make((id, *entry, writer, at, before.hex())))
    return found


def last_of(found):
    return bytes.fromhex(found[-1].hash)


@pytest.fixture
def entries(tmp_path):
    with closing(Entries(tmp_path / "audit.db")) as one:
        yield one


def follow(entries, purged=0, **heads):
    heads = heads or {"w1": Head(1, 0, ROOT)}
    _follow_all(CHAIN, {one.writer: one for one in heads.values()}, NONE, purged, entries)


def test_what_follows_is_there_by_id(entries):
    one, other = lines(5), lines(5, writer=2, first=3)
    entries.add([*other, *one])
    follow(entries, w1=Head(1, 0, ROOT), w2=Head(2, 0, ROOT))
    assert [line.id for line in entries.happened] == sorted(line.id for line in (*one, *other))
    assert list(entries) == [*other, *one]
    assert len(entries.written) == len(entries.happened) == 10


def test_what_stands_in_two_files_counts_once(entries):
    entries.add(lines(5) * 3)
    follow(entries)
    assert list(entries.happened) == lines(5)


def test_what_the_backup_has_is_passed_over(entries):
    found = lines(6)
    entries.add(found)
    follow(entries, w1=Head(1, 4, bytes.fromhex(found[3].hash)))
    assert list(entries.happened) == found[4:]


@pytest.mark.parametrize("first", ["stayed", "left"])
def test_of_two_that_claim_a_place_the_one_that_others_follow_happened(entries, first):
    start = lines(2)
    stayed = lines(2, seq=3, first=3, before=last_of(start))
    left = lines(1, seq=3, first=3, before=last_of(start), said="rolled back")
    entries.add([*start, *((*stayed, *left) if first == "stayed" else (*left, *stayed))])
    follow(entries)
    assert list(entries.happened) == [*start, *stayed]


def test_of_two_at_the_end_the_one_written_later_happened(entries):
    start = lines(2)
    ends = [lines(1, seq=3, first=3, before=last_of(start), said=said) for said in ("a", "b")]
    entries.add([*start, *ends[0], *ends[1]])
    follow(entries)
    assert list(entries.happened) == [*start, *ends[1]]
    assert len(entries.written) == 4


def test_p36_one_that_was_changed_but_for_its_hash_is_refused(entries):
    """It stands beside the one that it was made of."""
    found = lines(3)
    entries.add([*found, found[1]._replace(detail="changed")])
    with pytest.raises(BackupRefused, match="entry 2 "):
        follow(entries)


def test_p36_one_that_is_missing_from_between_is_refused(entries):
    found = lines(4)
    entries.add([found[0], *found[2:]])
    with pytest.raises(BackupRefused, match="entry 2 of a writer is missing"):
        follow(entries)


def test_p36_who_is_not_known_is_refused(entries):
    entries.add(lines(2, writer=7, first=40))
    with pytest.raises(BackupRefused, match="entry 40 "):
        follow(entries)


def test_an_id_that_was_given_twice_was_not_committed_the_first_time(entries):
    one, other = lines(4, first=1), lines(3, writer=2, first=3)
    entries.add([*one, *other])
    follow(entries, w1=Head(1, 0, ROOT), w2=Head(2, 0, ROOT))
    _without_collisions(entries)
    assert list(entries.happened) == [*one[:2], *other]
    assert len(entries.written) == 7


# In a process of its own: what else this one does meanwhile would be counted, too.
MEMORY = """
import pathlib, sys, tracemalloc
from contextlib import closing
from gateway.vault.lost_keys import _require_all
from gateway.vault.lost_lines import of_files
from tests.vault.test_vault_spool import Entries, KEY, _without_collisions, follow
directory, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
with closing(Entries(directory / f"{count}.db")) as entries:
    tracemalloc.start()
    _require_all({1: KEY}, {}, of_files([directory / f"{count}.jsonl"], entries))
    follow(entries)
    _without_collisions(entries)
    assert sum(1 for _ in entries.happened) == len(entries.written) == count
    print(tracemalloc.get_traced_memory()[1])
"""


def test_p24_it_takes_no_more_memory_for_more_of_them(tmp_path):
    """Held in memory, eight thousand entries more are some megabytes."""
    most = {}
    for count in (2_000, 10_000):
        (tmp_path / f"{count}.jsonl").write_text("".join(one.json() for one in lines(count)))
        done = run(MEMORY, tmp_path, count)
        assert done.returncode == 0, done.stderr
        most[count] = int(done.stdout)
    assert most[10_000] < most[2_000] + 500_000


def test_p16_nobody_else_reads_the_file(tmp_path):
    before = os.umask(0)
    try:
        with closing(Entries(tmp_path / "audit.db")) as entries:
            entries.add(lines(3))
        modes = {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == {0o600}


def test_p27_a_disk_that_is_full_is_no_error_of_the_databases(entries):
    entries._connection.execute("PRAGMA max_page_count = 20")
    with pytest.raises(VaultUnavailable) as raised:
        entries.add(lines(1000))
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
