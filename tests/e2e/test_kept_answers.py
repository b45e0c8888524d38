"""What a running gateway tells of the answers that it keeps, and that it erases them in time."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
import requests

from gateway import upkeep
from gateway.errors import MessageUnfit
from gateway.metrics import Metrics
from gateway.secret import Secret
from gateway.upkeep import Upkeep
from gateway.vault.answer import AnswerState
from gateway.worker import utc_now
from tests.e2e.process import until
from tests.vault.makers import (
    LATER,
    NOON,
    answer,
    booking,
    card,
    keep,
    listed,
    mark,
    opened,
    quarantine,
)


@pytest.fixture
def vault(tmp_path):
    with opened(tmp_path) as opened_:
        yield opened_


@pytest.fixture
def house(vault):
    """The part of the upkeep that is about answers."""
    return Upkeep(config=None, vault=vault, keys=None, refusals=None, inbox=None, metrics=Metrics(), garbage=None,
                  idle=bool, clock=utc_now)  # fmt: skip


def lines(house):
    house._counted = float("-inf")
    house.count_answers()
    return {
        (sample.name.removeprefix("card_gateway_answers"), sample.labels["state"]): sample.value
        for family in house._metrics.registry.collect()
        for sample in family.samples
        if sample.name.startswith("card_gateway_answers")
    }


def test_p39_answers_are_counted_by_state(house, vault):
    states = [state.value for state in AnswerState]
    empty = {(name, state): 0 for name in ("", "_bytes") for state in states}
    assert lines(house) == empty
    for n in range(3):
        kept = answer(f"exchange-{n}", at=NOON + timedelta(minutes=n), route="4539578763621486")
        keep(vault, answer=lambda _, kept=kept: kept)
    quarantine(vault, answer("exchange-bad"))
    size = {row.exchange: row.size for row in listed(vault)}
    assert lines(house) == empty | {
        ("", "undelivered"): 3,
        ("_bytes", "undelivered"): sum(size[f"exchange-{n}"] for n in range(3)),
        ("_oldest_timestamp_seconds", "undelivered"): NOON.timestamp(),
        ("", "refused"): 1,
        ("_bytes", "refused"): size["exchange-bad"],
        ("_oldest_timestamp_seconds", "refused"): NOON.timestamp(),
    }
    for n in range(3):
        mark(vault, AnswerState.ACKNOWLEDGED, f"exchange-{n}")
    assert ("_oldest_timestamp_seconds", "undelivered") not in lines(house)
    assert lines(house)["", "undelivered"] == 0
    assert lines(house)["", "acknowledged"] == 3


def test_answers_are_not_counted_each_time(house, vault):
    house.count_waiting()
    keep(vault, answer=lambda _: answer())
    house.count_waiting()
    assert house._metrics.answers.labels("undelivered")._value.get() == 0


def test_what_has_expired_is_erased_while_the_gateway_runs(own_gateway, monkeypatch):
    for name in ("_CVC_SECONDS", "_ANSWER_SECONDS", "_COUNT_SECONDS"):
        monkeypatch.setattr(upkeep, name, 0.1)
    gateway = own_gateway()
    vault = gateway.worker._vault
    soon = datetime.now(UTC) + timedelta(seconds=0.5)

    async def fill():
        from gateway.vault.model import NewCard

        await vault.keep([], answer=lambda _: answer("exchange-a", at=NOON, expires=soon))
        await vault.keep([], answer=lambda _: answer("exchange-b", at=NOON, expires=LATER))
        cvc = Secret("737")
        await vault.keep([NewCard("seaside", True, card(), booking(), cvc, soon)])

    gateway.loop.call(fill())
    assert until(10, lambda: gateway.rows("select exchange from answer") == [("exchange-b",)])
    assert until(10, lambda: gateway.rows("select count(*) from cvc") == [(0,)])
    assert until(10, lambda: 'card_gateway_answers{state="undelivered"} 1.0' in gateway.metrics())
    assert 'card_gateway_answers_oldest_timestamp_seconds{state="undelivered"}' in gateway.metrics()
    log = gateway.logs.getvalue()
    assert '"event": "purged", "what": "answers", "count": 1' in log
    assert '"event": "purged", "what": "cvcs", "count": 1' in log


def control(gateway, method, path, key):
    url = "http://{}:{}/v1/exchanges{}".format(*gateway.addresses.control, path)
    return requests.request(method, url, headers={"X-Api-Key": key}, timeout=10)


def test_a_pull_is_delivered_fetched_again_and_acknowledged(own_gateway):
    gateway = own_gateway()
    key = gateway.key()
    answer = gateway.pull("10107", session=gateway.session(key))
    name = answer.headers["X-Gateway-Exchange"]

    def state():
        return control(gateway, "GET", f"/{name}", key).json()["state"]

    assert until(10, lambda: state() == "delivered")  # written by the upkeep, not by this test
    again = control(gateway, "GET", f"/{name}/answer", key)
    assert (again.status_code, again.content) == (200, answer.content)
    assert again.headers["Content-Type"] == answer.headers["Content-Type"]
    assert again.headers["X-Gateway-Exchange"] == name
    assert until(30, lambda: state() == "replayed")
    assert control(gateway, "POST", f"/{name}/acknowledge", key).json()["state"] == "acknowledged"
    assert control(gateway, "GET", "?state=unacknowledged", key).json() == []
    assert (
        control(gateway, "GET", f"/{name}", gateway.key(products=("hilltop",))).status_code == 404
    )


def test_what_was_delivered_is_written_before_it_stops(own_gateway, monkeypatch):
    monkeypatch.setattr(upkeep, "_HOUSEKEEPING_SECONDS", 3600)
    gateway = own_gateway()
    gateway.pull("10107")
    assert gateway.rows("select state from answer") == [("undelivered",)]
    gateway.loop.call(gateway.worker.stop(2.0))
    assert gateway.rows("select state from answer") == [("delivered",)]


def test_a_refused_answer_is_replayed_over_the_control_api(own_gateway):
    gateway = own_gateway()
    key = gateway.key(scopes=("proxy", "admin"), products=())
    find = gateway.worker._pipeline._s.swap.find

    async def fail(*_):
        raise MessageUnfit

    gateway.worker._pipeline._s.swap.find = fail
    assert gateway.pull("10107").status_code == 502
    (refused,) = control(gateway, "GET", "?state=refused", key).json()
    assert (refused["code"], refused["reason"]) == ("message_unfit", MessageUnfit.text)
    path = f"/{refused['exchange']}/replay"
    still = control(gateway, "POST", path, key)
    assert (still.status_code, still.json()["code"]) == (502, "message_unfit")
    gateway.worker._pipeline._s.swap.find = find
    done = control(gateway, "POST", path, key)
    assert done.status_code == 200
    name = done.json()["exchange"]
    assert name != refused["exchange"]
    assert b"******" in control(gateway, "GET", f"/{name}/answer", key).content
    assert control(gateway, "POST", path, key).json()["code"] == "answer_not_refused"


def test_p38_a_vault_that_is_down_does_not_end_the_purging(house, vault, caplog, monkeypatch):
    monkeypatch.setattr(upkeep, "_CVC_SECONDS", 0.01)
    vault.close()

    async def main():
        task = asyncio.create_task(house.purge_cvcs())
        await asyncio.sleep(0.2)
        assert not task.done()
        task.cancel()

    with caplog.at_level(logging.ERROR, "card_gateway"):
        asyncio.run(main())
    assert {record.getMessage() for record in caplog.records} == {"not_purged"}
