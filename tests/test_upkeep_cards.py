"""What a running gateway erases by itself, and what Prometheus is told of what is overdue."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from gateway import upkeep
from gateway.audit import ITSELF, Action
from gateway.config import Config
from gateway.errors import VaultUnavailable
from gateway.metrics import Metrics
from gateway.upkeep import Upkeep
from tests.control.serving import SETTINGS
from tests.vault.makers import Clock, find, keep, new, opened, rows


@pytest.fixture
def house(tmp_path):
    clock = Clock()
    config = Config.model_validate_json(json.dumps(SETTINGS))
    with opened(tmp_path, clock=clock) as vault:
        yield Upkeep(config=config, vault=vault, keys=None, refusals=None, inbox=None,
                     metrics=Metrics(), garbage=None, idle=bool, clock=clock)  # fmt: skip


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
