"""P24: killed at any step of a charge. Nothing that was answered is lost, nothing is sent twice.

A process is killed at a step of its own; another opens the vault afterwards, is asked the same again,
and finds out what became of it by looking. What really left for the processor stands in a file.
"""

from __future__ import annotations

import signal

import pytest

from gateway.errors import RequestInProgress
from gateway.processors.model import Ended, Result
from tests.charges.scripted import Scripted
from tests.charges.test_page import CHALLENGED, SEASIDE
from tests.charges.world import world as make
from tests.children import run
from tests.vault.makers import rows

KILLED = """
import os, pathlib, signal, sys
from tests.charges.scripted import Scripted
from tests.charges.world import world
directory, at, what = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
at, _, which = at.partition('#')
armed, passed = [], []
def step(name):
    if not armed:
        return
    passed.append(name)
    if name == at and passed.count(name) == int(which or 1):
        os.kill(os.getpid(), signal.SIGKILL)
processor = Scripted(file=directory / 'sent', authorize='authorized')
run = processor.run
async def watched(*order):
    step('sending')
    answer = await run(*order)
    step('answered')
    return answer
processor.run = watched
with world(directory, processor, step) as made:
    token = made.token()
    if what == 'create':
        armed.append(1)
        made.charge(token, reference='R', key='k')
    else:
        held = made.charge(token, reference='R', capture_now=False)
        armed.append(1)
        made.ask(held['id'], 'capture', 600, key='k')
    print('done', flush=True)
"""
ASKED = {"create": "charge_begin", "capture": "charge_ask"}
# Each step, and what there is when it is killed there: nothing, an intent, a sending, an outcome.
NOTHING, INTENT, SENT, KNOWN = range(4)
STEPS = [
    ("{}:begun", NOTHING),
    ("charge:row", NOTHING),
    ("{}:done", NOTHING),
    ("{}:written", NOTHING),
    ("{}:committed", INTENT),
    ("{}:answer", INTENT),
    ("sending", INTENT),
    ("answered", SENT),
    ("charge_outcome:begun", SENT),
    ("charge:row#2", SENT),
    ("charge_outcome:done", SENT),
    ("charge_outcome:written", SENT),
    ("charge_outcome:committed", KNOWN),
    ("charge_outcome:answer", KNOWN),
]


def sent(directory):
    file = directory / "sent"
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [line for line in lines if not line.startswith(("look", "authorize"))]


@pytest.mark.parametrize(
    "what, at, reached",
    [(what, at.format(name), reached) for what, name in ASKED.items() for at, reached in STEPS],
)
def test_p24_p36_killed_at_each_step_nothing_is_lost_and_nothing_sent_twice(
    tmp_path, what, at, reached
):
    done = run(KILLED, tmp_path, at, what)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert b"done" not in done.stdout.split()
    assert len(sent(tmp_path)) == (reached >= SENT)
    with rows(tmp_path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = connection.execute("SELECT id, state, operation FROM charge").fetchall()
        actions = connection.execute("SELECT action, outcome FROM audit").fetchall()
    # What left had its intent in the audit, and so had what did not leave.
    action = {"create": "charge", "capture": "capture"}[what]
    assert ((action, "intent") in actions) == (reached >= INTENT)
    assert ((action, "done") in actions and actions[-1] == (action, "done")) == (reached == KNOWN)
    if what == "create" and reached == NOTHING:
        assert found == []
        return
    ((id, state, operation),) = found
    took = {"create": "succeeded", "capture": "succeeded"}[what]
    before = {"create": "pending", "capture": "authorized"}[what]
    assert state == (took if reached == KNOWN else before)
    assert (operation is not None) == (INTENT <= reached < KNOWN)
    # The truth that a look finds.
    truth = took
    if reached < SENT:
        truth = (
            "authorized" if what == "capture" else Result(Ended.FAILED, code="processor_has_none")
        )
    processor = Scripted(file=tmp_path / "sent", look=truth)
    with make(tmp_path, processor) as world:
        if INTENT <= reached < KNOWN:  # asked again at once, by a client that had no answer
            with pytest.raises(RequestInProgress):
                _again(world, id, what)
        world.settle(hours=1)
        shown = world.get(id)
        settled = {"create": "declined", "capture": "authorized"}[what]
        assert shown["state"] == (took if reached >= SENT else settled)
        assert shown["in_progress"] is None
        again = _again(world, id, what)
        if reached == NOTHING:  # the first time that it is heard
            assert again["state"] == took
        else:
            assert (again["id"], again["state"]) == (id, shown["state"])
    assert len(sent(tmp_path)) == (reached >= SENT or reached == NOTHING)


CHALLENGE = """
import os, pathlib, signal, sys
from tests.charges.scripted import Scripted
from tests.charges.test_page import CHALLENGED, SEASIDE
from tests.charges.world import world
directory, at = pathlib.Path(sys.argv[1]), sys.argv[2]
processor = Scripted(file=directory / 'sent', debit=CHALLENGED)
def step(name):
    if processor.sent() and name == at:
        os.kill(os.getpid(), signal.SIGKILL)
with world(directory, processor, step, seaside=SEASIDE) as made:
    made.charge(made.token(), reference='R', key='k')
"""


@pytest.mark.parametrize("at", ["charge:row", "charge:link", "charge_outcome:written"])
def test_p24_killed_while_the_guests_page_is_written_one_is_there_in_the_end(tmp_path, at):
    done = run(CHALLENGE, tmp_path, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with rows(tmp_path) as connection:
        assert connection.execute("SELECT state FROM charge").fetchall() == [("pending",)]
        assert connection.execute("SELECT count(*) FROM page_link").fetchone() == (0,)
        ((id,),) = connection.execute("SELECT id FROM charge").fetchall()
    processor = Scripted(file=tmp_path / "sent", look=CHALLENGED)
    with make(tmp_path, processor, seaside=SEASIDE) as world:
        world.settle(minutes=10)
        assert world.state(id) == "challenged"
        assert world.charge(_token(world), reference="R", key="k")["challenge"]["url"]
    with rows(tmp_path) as connection:
        assert connection.execute("SELECT state FROM page_link").fetchall() == [("open",)]
    assert len(sent(tmp_path)) == 1


def _again(world, id, what):
    if what == "create":
        return world.charge(_token(world), reference="R", key="k")
    return world.ask(id, "capture", 600, key="k")


def _token(world):
    return world.token()  # the same card: the same token
