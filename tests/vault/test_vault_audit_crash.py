"""P36: killed at any step, or with several processes at once, the audit's chain is whole."""

from __future__ import annotations

import signal
from collections import Counter
from datetime import UTC, datetime

import pytest

from gateway.vault.audits import KEPT, Selection
from tests.children import at_once, run
from tests.vault.makers import opened
from tests.vault.test_vault_audit import PURGE, old_and_new, write

RECORD = """
import os, pathlib, signal, sys
from tests.vault.makers import open_vault
from tests.vault.test_vault_audit import write
directory, at, nth = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
seen = []
def step(name):
    seen.append(name)
    if seen.count(at) == nth:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(directory, step=step)
write(vault, 'a', 'b')
write(vault, 'c')
"""


@pytest.mark.parametrize("nth, durable", [(1, ""), (2, "ab")])
@pytest.mark.parametrize("at", ["begun", "written", "committed", "answer"])
def test_p36_killed_at_each_step_the_chain_is_whole(tmp_path, at, nth, durable) -> None:
    done = run(RECORD, tmp_path, f"record:{at}", nth)
    assert done.returncode == -signal.SIGKILL, done.stderr
    if at in {"committed", "answer"}:
        durable = {"": "ab", "ab": "abc"}[durable]
    with opened(tmp_path) as vault:
        write(vault, "again")
        assert vault.audit.check().findings == []
        names = [one.exchange for one in vault.audit.lines(Selection())]
        assert names == [*durable, "again"]


PURGES = """
import os, pathlib, signal, sys
from datetime import UTC, datetime
from gateway.vault.audits import KEPT
from tests.vault.makers import open_vault
from tests.vault.test_vault_audit import PURGE
def step(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(pathlib.Path(sys.argv[1]), step=step)
vault.audit.purge(datetime.now(UTC) - KEPT, PURGE)
"""


@pytest.mark.parametrize(
    "at, gone",
    [
        ("purge:begun", 0),
        ("purge:anchored", 0),
        ("purge:erased", 0),
        ("purge:written", 0),
        ("purge:committed", 6),
        ("purge:answer", 6),
    ],
)
def test_p36_killed_at_each_step_of_a_purge_the_chain_is_whole(tmp_path, at, gone) -> None:
    old_and_new(tmp_path)
    done = run(PURGES, tmp_path, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with opened(tmp_path) as vault:
        report = vault.audit.check()
        assert (report.findings, report.purged) == ([], gone)
        assert vault.audit.purge(datetime.now(UTC) - KEPT, PURGE) == 6 - gone
        assert vault.audit.check().findings == []


MANY = """
import pathlib, sys
from tests.vault.makers import open_vault
from tests.vault.test_vault_audit import write
vault = open_vault(pathlib.Path(sys.argv[1]))
for _ in range(40):
    write(vault, *[sys.argv[2]] * 3)
vault.close()
"""


def test_p36_processes_that_write_at_once_have_a_chain_each(tmp_path) -> None:
    with opened(tmp_path) as vault:

        def meanwhile():
            for _ in range(40):
                write(vault, "a")

        others = at_once(MANY, [(tmp_path, name) for name in ("b", "c")], meanwhile)
        assert [other.returncode for other in others] == [0, 0], others[0].stderr
        report = vault.audit.check()
        lines = vault.audit.lines(Selection())
    assert (report.findings, report.entries) == ([], 280)
    assert len({one.writer for one in lines}) == len({(x.writer, x.exchange) for x in lines}) == 3
    assert Counter(one.exchange for one in lines) == {"a": 40, "b": 120, "c": 120}
