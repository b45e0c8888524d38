"""What SQLite is asked, and writes, for a message whose one card is known: nothing that tells nothing new.

Each statement is some 10 µs, each page that it changes some 16, of which the commit takes most: beside what a
card costs in its codec neither is little, and neither shows in a test that measures time.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.vault.makers import NOON, answer, entry, keep, new, opened

pytestmark = pytest.mark.sqlite_alone("it counts SQLite's own statements and pages")

_FRAME = 24 + 4096  # of the write-ahead log: its head and a page
_WITH_ANSWER = (
    15  # pages at most: answer, its body, what they are found by, the audit, the file's first page
)
_ALONE = 4


@pytest.fixture
def vault(tmp_path: Path):
    """A vault that has the card, and has begun its chain of audit entries."""
    # Its clock stands: a link is written once in the hour that it is seen in.
    with opened(tmp_path, clock=lambda: NOON) as vault:
        keep(vault, new(), entries=[entry()])
        keep(vault, new(), entries=[entry()])
        yield vault


def asked(vault, keeping) -> list[str]:
    """The beginnings of the statements that ran for `keeping`."""
    statements: list[str] = []
    connection = vault._database._writing
    connection.set_trace_callback(statements.append)
    try:
        keeping()
    finally:
        connection.set_trace_callback(None)
    return [" ".join(one.split()[:4]) for one in statements]


def pages(directory: Path, keeping) -> int:
    """How many pages `keeping` wrote; the log goes on behind what it has."""
    log = next(directory.rglob("vault.db-wal"))
    before = log.stat().st_size
    keeping()
    return (log.stat().st_size - before) // _FRAME


def test_a_known_card_asks_for_nothing_twice(vault) -> None:
    assert asked(vault, lambda: keep(vault, new(), entries=[entry()])) == [
        "BEGIN IMMEDIATE",
        "SELECT version, closed FROM",
        "WITH wanted (look_up, booking_hash,",
        "SELECT coalesce(max(seq), 0) FROM",
        "INSERT INTO audit (at,",
        "SELECT 1 FROM audit_head",
        "COMMIT",
    ]


def test_its_answer_is_two_statements_more(vault) -> None:
    alone = asked(vault, lambda: keep(vault, new(), entries=[entry()]))
    kept = asked(vault, lambda: keep_answer(vault, "exchange-1"))
    assert [one for one in kept if one not in alone] == [
        "INSERT INTO answer (client,",
        "INSERT INTO answer_body (id,",
    ]
    assert len(kept) == len(alone) + 2


def test_a_known_card_changes_few_pages(vault, tmp_path: Path) -> None:
    assert 0 < pages(tmp_path, lambda: keep(vault, new(), entries=[entry()])) <= _ALONE
    assert pages(tmp_path, lambda: keep_answer(vault, "exchange-1")) <= _WITH_ANSWER


def keep_answer(vault, exchange: str) -> None:
    made = answer(exchange, body=b"<a/>" * 1000)
    keep(vault, new(), entries=[entry()], answer=lambda _kept: made)


def test_p27_who_begins_to_write_reads_no_more_where_the_audit_is_longer(tmp_path: Path) -> None:
    """In steps of SQLite's machine: each process's first entry is written while all others wait."""
    steps = {}
    for entries in (200, 2000):
        directory = tmp_path / str(entries)
        with opened(directory, clock=lambda: NOON) as vault:
            asyncio.run(vault.record([entry() for _ in range(entries)]))
        with opened(directory, clock=lambda: NOON) as vault:
            counted: list[None] = []
            vault._database._writing.set_progress_handler(lambda seen=counted: seen.append(None), 1)
            asyncio.run(vault.record([entry()]))
            steps[entries] = len(counted)
            assert vault.audit.check().findings == []
    assert 0 < steps[2000] <= steps[200] * 1.1
