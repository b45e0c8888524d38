"""A move that is killed at any of its steps, or stopped: one of both is the vault once it is run again."""

from __future__ import annotations

import signal

import pytest

from gateway.errors import VaultClosed
from gateway.vault.closing import Closed
from tests.children import run
from tests.vault.makers import entry, find, find_all, keep, many, new, opened, pan, place
from tests.vault.moving import Watching, both, interrupt, move, moved, opens, said, state

KILLED = """
import os, pathlib, signal, sys
from tests.vault.moving import move, named
directory, target, (at, _, count) = pathlib.Path(sys.argv[1]), named(sys.argv[2]), sys.argv[3].partition("#")
left = int(count or 1)
def step(reached):
    global left
    left -= reached == at
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
move(directory, target, step=step, run="first")
"""
OF_A_WRITE = ("begun", "written", "committed", "answer")
# What stands after a kill: the source, the target.
IN_USE, NOTICE, SHUT, LEFT, THERE = "in use", "notice", "shut", "left", "there"
STEPS = [
    *((f"{name}:{step}", IN_USE) for name in ("move_claim", "move_begin") for step in OF_A_WRITE),
    *((f"copy:{step}", IN_USE) for step in OF_A_WRITE),
    ("copy:committed#4", IN_USE),
    ("move_announce:begun", IN_USE), ("move_announce:written", IN_USE),
    ("move_announce:committed", NOTICE), ("move_announce:answer", NOTICE),
    ("move_close:begun", NOTICE), ("move_close:written", NOTICE),
    ("move_close:committed", SHUT), ("move_close:answer", SHUT),
    ("move:closed", SHUT), ("move:copied", SHUT), ("move:proven", SHUT),
    ("move_leave:begun", SHUT), ("move_leave:written", SHUT),
    ("move_leave:committed", LEFT), ("move_leave:answer", LEFT), ("move:left", LEFT),
    ("move_open:begun", LEFT), ("move_open:written", LEFT),
    ("move_open:committed", THERE), ("move_open:answer", THERE),
]  # fmt: skip
MAIN_STEPS = [
    (at, stands)
    for at, stands in STEPS
    if at.endswith(("#4", ":committed")) or at.startswith("move:")
]
STANDS = {
    IN_USE: {Closed.OPEN},
    NOTICE: {Closed.CLOSING},
    SHUT: {Closed.MOVING},
    LEFT: {Closed.MOVED},
    THERE: {Closed.MOVED},
}


def killed(directory, target, at):
    done = run(KILLED, directory, text_of(target), at)
    assert done.returncode == -signal.SIGKILL, done.stderr


def text_of(target):
    return str(getattr(target, "url", target))


@pytest.mark.sqlite_alone
@pytest.mark.parametrize(("at", "stands"), STEPS)
def test_p24_killed_at_each_step_one_of_both_is_the_vault_once_it_is_run_again(
    tmp_path, other, at, stands
):
    check_killed(tmp_path, other, at, stands)


@pytest.mark.postgres_alone
@pytest.mark.parametrize(("at", "stands"), MAIN_STEPS)
def test_p24_killed_on_its_way_back_one_of_both_is_the_vault_once_it_is_run_again(
    tmp_path, other, at, stands
):
    check_killed(tmp_path, other, at, stands)


def check_killed(tmp_path, other, at, stands):
    with opened(tmp_path) as vault:
        kept = keep(vault, *many(40), entries=[entry() for _ in range(40)])
    killed(tmp_path, other, at)
    assert state(place(tmp_path)) in STANDS[stands]
    untouched = at in {"move_claim:begun", "move_claim:written"}
    assert state(other) is (Closed.OPEN if untouched or stands is THERE else Closed.FILLING)
    more = []
    if stands in {IN_USE, NOTICE}:  # what has begun may end
        with opened(tmp_path) as vault:
            more = keep(vault, new(pan(5)), entries=[entry()])
    else:
        with pytest.raises(VaultClosed), opened(tmp_path) as vault:
            keep(vault, new(pan(5)))
    went = move(tmp_path, other)
    assert went.proof.holds
    assert went.before == (stands is THERE)
    assert said(other)[-1] == "move done"
    assert said(other).count("move done") == 1
    assert not opens(place(tmp_path), tmp_path)
    with moved(tmp_path, other) as vault:
        assert all(find_all(vault, (one.token for one in (*kept, *more))))
        assert vault.audit.check().findings == []
        assert vault.count_by_product() == {"seaside": 40 + len(more)}


GIVEN_UP = """
import os, pathlib, signal, sys
from tests.vault.moving import both, named
directory, target, at = pathlib.Path(sys.argv[1]), named(sys.argv[2]), sys.argv[3]
def step(reached):
    if reached == at:
        os.kill(os.getpid(), signal.SIGKILL)
with both(directory, target, step=step, run="second") as (leaving, _):
    leaving.reopen(whoever_closed=True)
"""


@pytest.mark.parametrize(
    ("at", "open_again"),
    [
        ("move_reopen:begun", False),
        ("move_reopen:written", False),
        ("move_reopen:committed", True),
        ("move_reopen:answer", True),
    ],
)
def test_p24_killed_while_it_is_given_up_it_is_closed_or_open(tmp_path, other, at, open_again):
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
    killed(tmp_path, other, "move:copied")
    done = run(GIVEN_UP, tmp_path, text_of(other), at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert state(place(tmp_path)) is (Closed.OPEN if open_again else Closed.MOVING)
    with both(tmp_path, other) as (leaving, _):
        assert leaving.reopen(whoever_closed=True) is not open_again
        assert leaving.reopen(whoever_closed=True) is False
    assert said(place(tmp_path))[-1] == "open failed"
    with opened(tmp_path) as vault:
        assert find(vault, kept.token)
        assert vault.audit.check().findings == []
    assert not opens(other, tmp_path)


@pytest.mark.parametrize("phase", ["copy", "notice", "close", "last", "verify"])
def test_who_stops_it_leaves_the_source_in_use(tmp_path, target, phase):
    with opened(tmp_path) as vault:
        with pytest.raises(KeyboardInterrupt):
            move(tmp_path, target, watcher=Watching(**{phase: interrupt}))
        (kept,) = keep(vault, new(), entries=[entry()])
        assert not opens(target, tmp_path)
    assert said(place(tmp_path))[-1] == ("copy intent" if phase == "copy" else "open failed")
    assert move(tmp_path, target).proof.holds
    with moved(tmp_path, target) as vault:
        assert find(vault, kept.token)
        assert vault.audit.check().findings == []
