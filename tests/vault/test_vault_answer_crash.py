"""P24: killed at any moment, an answer and its tokens are both there, or neither."""

from __future__ import annotations

import signal

import pytest

from gateway.vault.answer import AnswerState
from tests.children import run
from tests.vault.makers import (
    answer,
    get,
    get_refused,
    keep,
    listed,
    many,
    opened,
    rows,
)

KILLED = """
import os, pathlib, signal, sys
from gateway.vault.answer import AnswerState
from tests.vault.makers import answer, entry, keep, many, mark, open_vault, quarantine
directory, at, count = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def step(name):
    if name == at:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(directory, step=step)
def rewrite(kept):
    step('rewriting')
    return answer(body=b' '.join(one.token.alias.encode() for one in kept) + bytes(20_000))
keep(vault, *many(count), entries=[entry()] * (count + 1), answer=rewrite)
print('answered', flush=True)
quarantine(vault, answer('refused'))
print('refused', flush=True)
mark(vault, AnswerState.DELIVERED)
print('marked', flush=True)
"""


STEPS = {
    "rewriting": 0,
    "keep:begun": 0,
    "keep:cards": 0,
    "keep:links": 0,
    "keep:spooled": 0,
    "keep:written": 0,
    "keep:committed": 1,
    "keep:answer": 1,
    "quarantine:begun": 1,
    "quarantine:row": 1,
    "quarantine:written": 1,
    "quarantine:committed": 2,
    "quarantine:answer": 2,
    "mark:begun": 2,
    "mark:written": 2,
    "mark:committed": 3,
    "mark:answer": 3,
}
# what comes after the commit is the same for any number of cards
CASES = [
    (at, durable, n) for at, durable in STEPS.items() for n in (0, 3, 40) if n == 3 or not durable
]


@pytest.mark.parametrize("at, durable, count", CASES)
def test_p24_killed_at_each_step_tokens_and_answer_are_there_or_neither(
    tmp_path, at, durable, count
) -> None:
    done = run(KILLED, tmp_path, at, count)
    assert done.returncode == -signal.SIGKILL, done.stderr
    said = done.stdout.decode().split()
    assert len(said) <= durable
    with rows(tmp_path) as connection:
        connection.assert_sound()
    with opened(tmp_path) as vault:
        assert vault.count_by_product().get("seaside", 0) == (count if durable else 0)
        assert len(vault.entries()) == (count + 1 if durable else 0)
        found = get(vault)
        states = [row.state for row in listed(vault)]
        assert (found is not None) == bool(durable)
        assert (get_refused(vault, "refused") is not None) == (durable > 1)
        assert (AnswerState.DELIVERED in states) == (durable > 2)
        if found is not None:
            again = keep(vault, *many(count))
            assert not any(one.created for one in again)
            aliases = " ".join(one.token.alias for one in again).encode()
            assert found == answer(body=aliases + bytes(20_000))
