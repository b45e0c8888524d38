"""The thread that writes: what a job had with it goes with the job."""

from __future__ import annotations

import gc
import weakref
from threading import Event

import pytest

from gateway.vault.writer import Job, Writer

seen: list[weakref.ref[Failed]] = []  # what was raised


class Failed(Exception):
    """What a job raises; with it goes what its frames hold."""

    def __init__(self) -> None:
        seen.append(weakref.ref(self))


class Card:
    """What a job has with it."""


@pytest.fixture
def uncollected():
    """Nothing is let go of but what nobody holds: the collector may take ten minutes."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def writer():
    one = Writer(lambda jobs: [job.work(None) for job in jobs], lambda: None, lambda _: None)
    yield one
    one.close()


def gone(one) -> bool:
    """Whether nobody holds it, in a moment: the thread may not have come back to where it waits."""
    waiting = Event()
    for _ in range(200):
        if one() is None:
            return True
        waiting.wait(0.01)
    return False


@pytest.mark.parametrize("together", [1, 3])
def test_p16_what_a_job_raised_is_let_go_of_at_once(writer, uncollected, together):
    def fail(_connection: object) -> None:
        raise Failed

    seen.clear()
    hold = Event()
    writer.submit(Job("held", lambda _: hold.wait(10)))  # those behind it wait together
    failing = [writer.submit(Job("failing", fail)) for _ in range(together)]
    hold.set()
    for future in failing:
        assert isinstance(future.exception(10), Failed)
    failing.clear()
    del future
    assert len(seen) >= together
    assert all(map(gone, seen))


def test_p16_what_a_job_had_with_it_is_let_go_of_before_the_next_one_comes(writer, uncollected):
    card = Card()
    there = weakref.ref(card)
    done = writer.submit(Job("keep", lambda _, one=card: id(one)))
    assert done.result(10) == id(card)
    del card, done
    assert gone(there)


@pytest.mark.parametrize("fails", [True, False])
def test_those_that_wait_together_get_each_its_own(writer, fails):
    hold = Event()
    writer.submit(Job("held", lambda _: hold.wait(10)))
    futures = []
    for number in range(5):
        work = (lambda _: 1 // 0) if fails and number == 2 else (lambda _, one=number: one)
        futures.append(writer.submit(Job("one", work)))
    hold.set()
    for number, future in enumerate(futures):
        if fails and number == 2:
            assert isinstance(future.exception(10), ZeroDivisionError)
        else:
            assert future.result(10) == number
