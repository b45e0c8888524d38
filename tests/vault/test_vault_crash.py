"""P24: killed at any moment, what was answered is there, and nothing is half-written."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.children import run
from tests.vault.makers import booking, keep, many, new, opened, pan, rows

KILLED = """
import asyncio, os, pathlib, signal, sys
from tests.vault.makers import booking, entry, find, keep, new, open_vault, pan
directory, at = pathlib.Path(sys.argv[1]), sys.argv[2]
armed = []
def step(name):
    if armed and name == at:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(directory, step=step)
kept = keep(vault, new(), entries=[entry('first')])[0]
print('kept', kept.token.alias, flush=True)
armed.append(1)
message = [new(pan(n), at=booking(f'RES-{n}')) for n in range(3)]
tokens = keep(vault, *message, new(holder='Changed'), entries=[entry('second')] * 4)
print('answered', *[one.token.alias for one in tokens], flush=True)
find(vault, kept.token, entries=[entry('third')])
print('found', flush=True)
"""


@pytest.mark.parametrize(
    "at, durable",
    [
        ("keep:begun", 0),
        ("keep:cards", 0),
        ("keep:links", 0),
        ("keep:written", 0),
        ("keep:committed", 1),
        ("keep:answer", 1),
        ("record:begun", 1),
        ("record:written", 1),
        ("record:committed", 2),
        ("record:answer", 2),
    ],
)
def test_p24_killed_at_each_step_nothing_is_lost_or_half_written(tmp_path, at, durable) -> None:
    # `keep:begun` comes before the plan: a plan is made inside the writer's turn for few cards
    done = run(KILLED, tmp_path, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    said = done.stdout.decode().split()
    assert said[0] == "kept"
    assert ("answered" in said) == at.startswith("record")
    assert "found" not in said
    with rows(tmp_path) as connection:
        connection.assert_sound()
    with opened(tmp_path) as vault:
        expected = ["first", *["second"] * (4 if durable else 0), *["third"] * (durable > 1)]
        assert [row.entry.exchange for row in vault.entries()] == expected
        assert vault.audit.check().findings == []
        assert vault.count_by_product() == {"seaside": 4 if durable else 1}
        again = keep(vault, *(new(pan(n), at=booking(f"RES-{n}")) for n in range(3)), new())
        assert [one.created for one in again] == [not durable] * 3 + [False]
        aliases = [one.token.alias for one in again]
        assert said[1] == aliases[3]
        if "answered" in said:
            assert said[3:7] == aliases
        if durable:
            assert {row.entry.iduser for row in vault.entries()[1:5]} == {
                one.token.iduser for one in again
            }


KEYS = """
import os, pathlib, signal, sys
from tests.vault.makers import NOON, open_vault
from gateway.vault.rows import KeyRow
directory, at, what = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
armed = []
def step(name):
    if armed and name == at:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(directory, step=step)
row = lambda id: KeyRow(id, 'desk', 'pms', b'hash', (), (), (), NOON, None, None, None)
vault.keys.insert(row('old'), 'test')
armed.append(1)
if what == 'insert':
    vault.keys.insert(row('new'), 'test')
else:
    vault.keys.revoke('old', NOON, 'test')
"""


@pytest.mark.parametrize("what", ["insert", "revoke"])
@pytest.mark.parametrize(
    "at, durable",
    [("key:begun", 0), ("key:row", 0), ("key:written", 0), ("key:committed", 1), ("key:answer", 1)],
)
def test_p24_p36_killed_at_each_step_no_key_changes_without_its_entry(
    tmp_path, at, durable, what
) -> None:
    done = run(KEYS, tmp_path, at, what)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with opened(tmp_path) as vault:
        changed = [row.id for row in vault.keys.all() if row.id == "new" or row.revoked]
        entries = [(one.entry.action.value, one.entry.key) for one in vault.entries()]
    of = {"insert": ("key_create", "new"), "revoke": ("key_revoke", "old")}[what]
    assert changed == ([of[1]] if durable else [])
    assert entries == [("key_create", "old"), *([of] if durable else [])]


FIRST_USE = """
import os, pathlib, signal, sys
from tests.vault.makers import open_vault
def step(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
open_vault(pathlib.Path(sys.argv[1]), step=step)
"""


@pytest.mark.parametrize(
    "at", ["keyring:begun", "keyring:written", "keyring:committed", "keyring:answer"]
)
def test_p24_p22_killed_at_its_first_start_a_vault_starts_again(tmp_path: Path, at: str) -> None:
    done = run(FIRST_USE, tmp_path, at)
    assert done.returncode == -signal.SIGKILL
    with opened(tmp_path) as vault:
        keep(vault, new())
    with opened(tmp_path) as vault:
        assert not keep(vault, new())[0].created


@pytest.mark.parametrize("count", [2, 240])  # decided on the writer's thread, and beside it
def test_p24_answered_only_after_the_commit(tmp_path: Path, count: int) -> None:
    order: list[str] = []

    def step(name: str) -> None:
        if name == "keep:written":
            time.sleep(0.2)  # who does not wait for the commit is back by now
        order.append(name)

    with opened(tmp_path, step=step) as vault:
        order.clear()
        keep(vault, *many(count))
        assert order == [
            "keep:begun",
            "keep:cards",
            "keep:links",
            "keep:written",
            "keep:committed",
            "keep:answer",
        ]
