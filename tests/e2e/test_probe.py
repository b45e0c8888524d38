"""Readiness costs one durable write a second, however often and by how many it is asked."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.control.probe import FRESH_SECONDS, Probe
from gateway.errors import VaultUnavailable
from tests.e2e.process import until


class Checked:
    """A check that counts, and fails while `error` is set."""

    def __init__(self, seconds=0.0):
        self.calls, self.error, self.seconds = 0, None, seconds
        self.now = 100.0

    def __call__(self):
        self.calls += 1
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error

    def clock(self):
        return self.now


def test_a_result_stands_for_a_second_good_or_bad():
    check = Checked()
    probe = Probe(check, check.clock)
    for _ in range(5):
        probe()
    check.error = VaultUnavailable()
    check.now += FRESH_SECONDS * 0.99
    probe()
    assert check.calls == 1
    check.now += FRESH_SECONDS * 0.02
    for _ in range(5):
        with pytest.raises(VaultUnavailable):
            probe()
    assert check.calls == 2
    check.error = None
    check.now += FRESH_SECONDS * 1.01
    probe()
    assert check.calls == 3


def test_a_result_is_as_old_as_the_end_of_its_check():
    check = Checked()
    probe = Probe(lambda: (check(), setattr(check, "now", check.now + 8.0)), check.clock)
    probe()  # it waited eight seconds for a lock
    probe()
    assert check.calls == 1


def test_whoever_asks_meanwhile_shares_the_check():
    check, together = Checked(seconds=0.3), threading.Barrier(16)
    check.error = VaultUnavailable()
    probe = Probe(check)

    def ask(_):
        together.wait(10)
        with pytest.raises(VaultUnavailable) as refused:
            probe()
        return refused.value

    with ThreadPoolExecutor(16) as pool:
        errors = list(pool.map(ask, range(16)))
    assert check.calls == 1
    assert len({id(error) for error in errors}) == 16  # a traceback is one thread's alone


def test_what_a_check_must_not_raise_is_not_kept():
    check = Checked()
    check.error = ZeroDivisionError()
    probe = Probe(check)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            probe()
    assert check.calls == 2


def test_p38_asking_often_costs_few_writes_and_a_failure_shows_within_a_second(
    own_gateway, monkeypatch
):
    gateway = own_gateway()
    store = gateway.worker._vault._store
    probed, original = [], store.probe
    monkeypatch.setattr(store, "probe", lambda now: probed.append(now) or original(now))
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: gateway.control("/readyz"), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert 1 <= len(probed) <= 2 + (time.monotonic() - started) // FRESH_SECONDS

    def unable(now):
        raise VaultUnavailable

    monkeypatch.setattr(store, "probe", unable)
    changed, asked = time.monotonic(), []

    def unready():
        asked.append(time.monotonic())
        return gateway.control("/readyz").status_code == 503

    assert until(30, unready)
    assert all(at - changed < FRESH_SECONDS + 0.5 for at in asked[:-1])
    assert gateway.control("/readyz").json()["checks"]["vault"] == "vault_unavailable"
