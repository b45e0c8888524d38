"""Whether a clock is believed by what erases: pure, by a clock and by the time since the machine's start."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.clock_guard import LEAP, ClockGuard
from gateway.errors import VaultUnavailable
from tests.vault.makers import Clock

HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)


class Machine:
    """A clock that somebody sets, and the time that passes."""

    def __init__(self, *, ran=True):
        self.clock, self.elapsed, self.asked, self.ran = Clock(), 0.0, [], ran
        self.guard = ClockGuard(self.clock, self.was_there, lambda: self.elapsed)

    def was_there(self, since, until):
        self.asked.append((self.clock.now - since, self.clock.now - until))
        return self.ran

    def passes(self, time):
        self.clock.now += time
        self.elapsed += time.total_seconds()

    def leaps(self, time):
        self.clock.now += time


def test_a_clock_that_goes_on_is_believed():
    machine = Machine()
    for _ in range(100):
        assert machine.guard.believed()
        assert machine.guard.leapt() is None
        machine.passes(10 * DAY)


@pytest.mark.parametrize("leap", [LEAP + timedelta(seconds=1), DAY, YEAR])
def test_one_that_leapt_is_not_until_it_has_stood_for_a_day(leap):
    machine = Machine()
    machine.passes(10 * DAY)
    machine.leaps(leap)
    assert machine.guard.leapt() == leap
    for _ in range(24):
        assert not machine.guard.believed()
        machine.passes(HOUR)
    assert machine.guard.believed()
    assert machine.guard.leapt() is None
    machine.leaps(leap)
    assert not machine.guard.believed()


def test_one_that_is_set_right_is_believed_at_once():
    machine = Machine()
    machine.passes(10 * DAY)
    machine.leaps(YEAR)
    assert not machine.guard.believed()
    machine.passes(HOUR)
    machine.leaps(-YEAR)
    assert machine.guard.believed()
    assert machine.guard.leapt() is None


def test_one_that_leaps_again_and_is_set_half_right_is_not():
    machine = Machine()
    machine.passes(10 * DAY)
    machine.leaps(YEAR)
    assert machine.guard.leapt() == YEAR
    machine.passes(20 * HOUR)
    machine.leaps(YEAR)
    assert machine.guard.leapt() == 2 * YEAR
    machine.passes(20 * HOUR)
    machine.leaps(-YEAR)
    assert machine.guard.leapt() == YEAR
    assert not machine.guard.believed()


def test_one_that_is_set_back_erases_less_and_is_held_when_it_comes_forward():
    machine = Machine()
    machine.passes(10 * DAY)
    machine.leaps(-DAY)
    assert machine.guard.believed()
    machine.leaps(DAY)
    assert not machine.guard.believed()


def test_corrections_are_no_leap_but_many_of_them_are():
    machine = Machine()
    machine.passes(10 * DAY)
    machine.leaps(HOUR)
    assert machine.guard.believed()
    machine.leaps(HOUR)
    assert machine.guard.leapt() == 2 * HOUR


def test_a_process_that_has_not_run_for_a_day_asks_the_audit():
    machine = Machine(ran=False)
    assert not machine.guard.believed()
    assert machine.guard.leapt() is None
    assert machine.asked == [(3 * DAY, DAY)]
    machine.passes(DAY - HOUR)
    assert not machine.guard.believed()
    machine.passes(HOUR)
    assert machine.guard.believed()
    assert len(machine.asked) == 2


def test_what_the_audit_can_not_say_is_not_believed():
    def away(*_):
        raise VaultUnavailable

    with pytest.raises(VaultUnavailable):
        ClockGuard(Clock(), away, lambda: 0.0).believed()
