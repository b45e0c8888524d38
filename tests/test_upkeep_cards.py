"""What a running gateway erases by itself, and what Prometheus is told of what is overdue."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta

import pytest
from prometheus_client import generate_latest

from gateway import upkeep
from gateway.audit import ITSELF, Action
from gateway.clock_guard import ClockGuard
from gateway.config import Config
from gateway.errors import VaultUnavailable
from gateway.metrics import Metrics
from gateway.upkeep import Upkeep
from tests.control.serving import SETTINGS
from tests.vault.makers import Clock, booking, entry, find, keep, new, opened, rows


@pytest.fixture
def house(tmp_path):
    clock = Clock()
    config = Config.model_validate_json(json.dumps(SETTINGS))
    with opened(tmp_path, clock=clock) as vault:
        yield Upkeep(config=config, vault=vault, keys=None, refusals=None, inbox=None,
                     metrics=Metrics(), garbage=None, idle=bool, clock=clock,
                     elapsed=lambda: clock().timestamp())  # fmt: skip


def told(house):
    lines = generate_latest(house._metrics.registry).decode().splitlines()
    said = [line.split(" ") for line in lines if line.startswith("card_gateway_cards_")]
    return {name.removeprefix("card_gateway_cards_"): float(value) for name, value in said}


def test_what_is_due_goes_by_itself_and_is_told(house, monkeypatch):
    monkeypatch.setattr(upkeep, "_CARD_SECONDS", 0.01)
    token = keep(house._vault, new())[0].token
    house._clock.now += timedelta(days=100)

    async def until_it_is_gone():
        loop, done, expire = asyncio.get_running_loop(), asyncio.Event(), house.expire

        def expire_and_tell():
            expire()
            loop.call_soon_threadsafe(done.set)

        monkeypatch.setattr(house, "expire", expire_and_tell)
        task = asyncio.create_task(house.purge_cards())
        await done.wait()
        task.cancel()

    asyncio.run(asyncio.wait_for(until_it_is_gone(), 30))
    assert find(house._vault, token) is None
    assert told(house)["purged_timestamp_seconds"] == house._clock.now.timestamp()
    (entry,) = [one.entry for one in house._vault.entries() if one.entry.action is Action.PURGE]
    assert (entry.iduser, entry.origin) == (token.iduser, ITSELF)


def test_what_could_not_be_erased_is_told_as_overdue(house, monkeypatch):
    keep(house._vault, new())
    house.expire()
    assert told(house)['overdue{product="seaside"}'] == 0
    house._clock.now += timedelta(days=100)

    def refused(*_):
        raise VaultUnavailable

    monkeypatch.setattr(house._vault.retention, "_expire", refused)
    before = told(house)["purged_timestamp_seconds"]
    house.expire()
    assert told(house)['overdue{product="seaside"}'] == 1
    assert told(house)["purged_timestamp_seconds"] == before


def test_a_departure_that_is_not_believed_is_told(house, caplog):
    keep(house._vault, new(at=booking(departure=date(9999, 12, 31))))
    house.expire()
    metrics = generate_latest(house._metrics.registry).decode()
    assert 'card_gateway_departures_unbelieved{product="seaside"} 1.0' in metrics
    house.expire()  # and is said once
    assert [one.getMessage() for one in caplog.records].count("departures_unbelieved") == 1


def test_a_log_that_somebody_reads_is_no_purge(house, tmp_path):
    keep(house._vault, new())
    with rows(tmp_path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM card").fetchall()
        keep(house._vault, new("4539578763621486"))
        house.expire()
        assert told(house)["purged_timestamp_seconds"] == 0
        reader.execute("COMMIT")
    house.expire()
    assert told(house)["purged_timestamp_seconds"] > 0


YEAR = timedelta(days=365)


@pytest.fixture
def machine(house, monkeypatch):
    """Has the house's clock and the time that passes apart."""
    started = house._clock.now

    class Machine:
        seconds = 0.0

        def passes(self, time):
            house._clock.now += time
            self.seconds += time.total_seconds()

        def restart(self):
            guard = ClockGuard(house._clock, house._vault.audit.ran, lambda: self.seconds)
            monkeypatch.setattr(house, "clock_guard", guard)

    made = Machine()
    made.restart()
    keep(house._vault, new(at=booking(departure=started.date())), entries=[entry()])
    made.passes(timedelta(days=2))
    return made


def erased(house):
    house.expire()
    return not house._vault.count_by_product()


def test_a_clock_that_leapt_erases_no_card_and_is_told(house, machine):
    assert not erased(house)
    house._clock.now += YEAR
    before = told(house)["purged_timestamp_seconds"]
    assert not erased(house)
    assert told(house)['overdue{product="seaside"}'] == 1
    assert told(house)["purged_timestamp_seconds"] == before
    assert "card_gateway_clock_leapt 1.0" in generate_latest(house._metrics.registry).decode()
    house._clock.now -= YEAR
    assert not erased(house)
    assert told(house)['overdue{product="seaside"}'] == 0
    assert "card_gateway_clock_leapt 0.0" in generate_latest(house._metrics.registry).decode()


def test_a_clock_that_was_left_so_for_a_day_erases_again(house, machine):
    house._clock.now += YEAR
    assert not erased(house)
    machine.passes(timedelta(hours=23))
    assert not erased(house)
    machine.passes(timedelta(hours=1))
    assert erased(house)


def test_a_process_that_is_started_with_a_clock_that_leapt_erases_nothing_for_a_day(house, machine):
    house._clock.now += YEAR
    machine.restart()
    assert not erased(house)
    asyncio.run(house._vault.record([entry(at=house._clock.now)]))  # it goes on with that clock
    machine.restart()
    assert not erased(house)
    machine.passes(timedelta(hours=25))
    assert erased(house)


def test_one_that_is_started_anew_erases_at_once(house, machine):
    for _ in range(40):
        machine.passes(timedelta(days=1))
        asyncio.run(house._vault.record([entry(at=house._clock.now)]))
    machine.restart()
    assert erased(house)


def test_p21_what_the_log_holds_of_a_security_code_goes_whatever_the_clock(
    house, machine, monkeypatch
):
    scrubbed = []
    monkeypatch.setattr(house._vault.retention, "scrub", lambda: scrubbed.append(1) or True)
    house._clock.now += YEAR
    assert not erased(house)
    assert scrubbed


def test_a_clock_that_leapt_erases_no_answer(house, machine, monkeypatch):
    monkeypatch.setattr(upkeep, "_ANSWER_SECONDS", 0.01)
    purged = []
    monkeypatch.setattr(house, "_purge", lambda what, *_: purge(what))

    async def purge(what):
        purged.append(what)

    async def for_a_while():
        task = asyncio.create_task(house.purge_answers())
        await asyncio.sleep(0.3)
        task.cancel()

    house._clock.now += YEAR
    asyncio.run(for_a_while())
    assert purged == []
    house._clock.now -= YEAR
    asyncio.run(for_a_while())
    assert {"answers", "idempotency_keys", "notices", "page_links", "recaptures"} == set(purged)
