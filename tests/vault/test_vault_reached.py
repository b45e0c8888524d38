"""P24: how far an answer came, and the audit's row of it: both are there, or neither."""

from __future__ import annotations

import signal

import pytest

from tests.children import run
from tests.vault.makers import listed, opened

KILLED = """
import asyncio, os, pathlib, signal, sys
from gateway.vault.answer import AnswerState
from tests.vault.makers import answer, entry, keep, open_vault
def step(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(pathlib.Path(sys.argv[1]), step=step)
keep(vault, answer=lambda kept: answer())
asyncio.run(
    vault.answers.reached("exchange-1", AnswerState.ACKNOWLEDGED, client="pms", entry=entry())
)
"""


@pytest.mark.parametrize("at", ["reached:written", "reached:committed"])
def test_p24_killed_while_it_is_acknowledged_both_are_written_or_neither(tmp_path, at):
    done = run(KILLED, tmp_path, at)
    assert done.returncode == -signal.SIGKILL
    durable = at == "reached:committed"
    with opened(tmp_path) as vault:
        assert len(vault.entries()) == durable
        assert [row.state for row in listed(vault)] == [
            "acknowledged" if durable else "undelivered"
        ]
