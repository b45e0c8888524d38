"""The history of what each route's messages held."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.vault.route_hours import KEPT, NUMBERS, RouteHour, begins, hour_of
from gateway.vault.service import Vault
from tests.drift.makers import add
from tests.vault.makers import NOON, open_vault, opened
from tests.vault.test_vault_sqlite import unavailable

NOW = hour_of(NOON)
PULL = RouteHour("siteminder/pull", NOW, "response", 5, 9, 7, 8, 1, 2, 1, 1)


def test_an_hour_is_the_one_that_a_time_is_in() -> None:
    assert begins(NOW) == NOON
    assert hour_of(NOON + timedelta(minutes=59, seconds=59)) == NOW
    assert hour_of(NOON - timedelta(microseconds=1)) == NOW - 1
    assert hour_of(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    with pytest.raises(ValueError, match="zone"):
        hour_of(datetime(2026, 1, 1))


def test_hours_come_back_as_they_were_by_route_and_phase_oldest_first(vault: Vault) -> None:
    older = PULL._replace(hour=NOW - 30)
    asked, other = PULL._replace(phase="request"), PULL._replace(route="adyen/pay")
    add(vault.route_hours, [PULL, other, asked, older])
    assert vault.route_hours.since(NOW - 30) == [other, asked, older, PULL]
    assert vault.route_hours.since(NOW - 29) == [other, asked, PULL]
    assert vault.route_hours.since(NOW + 1) == []


def test_what_comes_for_an_hour_adds_up_and_nothing_writes_nothing(vault, monkeypatch) -> None:
    add(vault.route_hours, [PULL])
    add(vault.route_hours, [PULL._replace(messages=1, failed=0)])
    (found,) = vault.route_hours.since(NOW)
    assert found == PULL._replace(
        **{name: 2 * getattr(PULL, name) for name in NUMBERS} | {"messages": 6, "failed": 2}
    )
    monkeypatch.setattr(vault._database, "write", None)
    add(vault.route_hours, [])


def test_two_processes_add_up(tmp_path) -> None:
    """Each with its vault open, at the same time, on the same hours in another order."""
    hours = [PULL._replace(hour=NOW - n) for n in range(20)]
    vaults = [open_vault(tmp_path) for _ in range(2)]
    both = threading.Barrier(2)

    def write(vault: Vault, mine: list[RouteHour]) -> None:
        both.wait()
        for _ in range(10):
            add(vault.route_hours, mine)

    threads = [
        threading.Thread(target=write, args=(vault, mine))
        for vault, mine in zip(vaults, (hours, hours[::-1]), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for vault in vaults:
        assert [one.messages for one in vault.route_hours.since(0)] == [100] * 20
        vault.close()


def test_a_restart_keeps_them(tmp_path) -> None:
    with opened(tmp_path) as vault:
        add(vault.route_hours, [PULL])
    with opened(tmp_path) as vault:
        assert vault.route_hours.since(0) == [PULL]


def test_what_is_old_is_erased_and_a_route_can_begin_anew(vault: Vault) -> None:
    days = KEPT // timedelta(days=1)
    add(vault.route_hours, [PULL._replace(hour=NOW - 24 * n) for n in (0, days, days + 1)])
    add(vault.route_hours, [PULL._replace(route="adyen/pay")])
    assert vault.route_hours.purge(NOON) == 1
    assert vault.route_hours.purge(NOON) == 0
    assert len(vault.route_hours.since(0)) == 3
    assert vault.route_hours.forget("siteminder/pull", NOON, "test") == 2
    assert [one.route for one in vault.route_hours.since(0)] == ["adyen/pay"]


def test_p36_who_lets_a_routes_history_begin_anew_stands_in_the_audit(vault: Vault) -> None:
    add(vault.route_hours, [PULL, PULL._replace(route="adyen/pay")])
    assert vault.route_hours.forget("nobody/has", NOON, "test") == 0
    assert vault.entries() == []
    vault.route_hours.forget(PULL.route, NOON, "command line: ada")
    expected = Entry(
        NOON, "", Action.DRIFT_ACCEPT, Outcome.DONE, origin="command line: ada", route=PULL.route
    )
    assert [one.entry for one in vault.entries()] == [expected]


@pytest.mark.sqlite_alone("how its writer fails")
def test_a_database_that_is_full_is_told(vault: Vault) -> None:
    def full(_jobs):
        raise OSError

    vault._database._transact = full
    unavailable(lambda: add(vault.route_hours, [PULL]))
    assert vault.route_hours.since(0) == []
