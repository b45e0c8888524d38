"""P24: a refused answer comes out once, whoever lets it through the rules again, and whatever ends when."""

from __future__ import annotations

import signal

import pytest

from gateway.vault.answer import AnswerState
from gateway.vault.model import AnswerCameOut
from gateway.vault.service import Vault
from tests.children import run
from tests.vault.makers import answer, entry, get, keep, listed, mark, new, opened, quarantine

UNDELIVERED, REFUSED, REPLAYED = (
    AnswerState.UNDELIVERED,
    AnswerState.REFUSED,
    AnswerState.REPLAYED,
)


def states(vault: Vault) -> dict[str, AnswerState]:
    return {row.exchange: row.state for row in listed(vault)}


def replay(vault: Vault, name: str, of: str = "refused", **more) -> None:
    made = answer(name, replays=of, **more)
    keep(vault, new(), entries=[entry(name)], answer=lambda kept: made)


def test_p24_it_is_replayed_with_the_answer_that_was_made_of_it(vault: Vault) -> None:
    quarantine(vault, answer("refused"))
    replay(vault, "new")
    assert states(vault) == {"refused": REPLAYED, "new": UNDELIVERED}
    assert get(vault, "new") == answer("new")


def test_p24_what_came_out_already_does_not_come_out_again(vault: Vault) -> None:
    quarantine(vault, answer("refused"))
    quarantine(vault, answer("theirs", client="spa"))
    keep(vault, answer=lambda kept: answer("whole"))
    replay(vault, "new")
    tokens = vault.count_by_product()
    for of in ("refused", "theirs", "whole", "new", "nothing"):
        with pytest.raises(AnswerCameOut):
            replay(vault, f"again-{of}", of)
    assert states(vault) == {
        "refused": REPLAYED,
        "theirs": REFUSED,
        "whole": UNDELIVERED,
        "new": UNDELIVERED,
    }
    assert vault.count_by_product() == tokens
    assert [row.entry.exchange for row in vault.entries()] == ["new"]


def test_what_is_refused_comes_out_in_no_other_way(vault: Vault) -> None:
    quarantine(vault, answer("refused"))
    assert not any(
        mark(vault, state, "refused")
        for state in AnswerState
        if state not in {REFUSED, UNDELIVERED}
    )
    assert states(vault) == {"refused": REFUSED}


KILLED = """
import os, pathlib, signal, sys
from tests.vault.makers import answer, open_vault, quarantine
from tests.vault.test_vault_replay import replay
armed = []
def step(name):
    if armed and name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(pathlib.Path(sys.argv[1]), step=step)
quarantine(vault, answer("refused"))
armed.append(1)
replay(vault, "new")
"""


@pytest.mark.parametrize(
    "at, durable",
    [
        ("keep:begun", False),
        ("keep:links", False),
        ("keep:spooled", False),
        ("keep:came_out", False),
        ("keep:written", False),
        ("keep:committed", True),
        ("keep:answer", True),
    ],
)
def test_p24_killed_at_each_step_it_comes_out_once(tmp_path, at, durable) -> None:
    done = run(KILLED, tmp_path, at)
    assert done.returncode == -signal.SIGKILL
    before = {"refused": REFUSED}
    after = {"refused": REPLAYED, "new": UNDELIVERED}
    with opened(tmp_path) as vault:
        assert states(vault) == (after if durable else before)
        if durable:
            with pytest.raises(AnswerCameOut):
                replay(vault, "again")
        else:
            replay(vault, "new")
        assert states(vault) == after
        assert vault.count_by_product() == {"seaside": 1}
        assert [row.entry.exchange for row in vault.entries()] == ["new"]
