"""Nothing is ever lost: an answer whose cards became tokens is kept until its caller has it."""

from __future__ import annotations

import uuid

import pytest
import requests

from gateway.stages.kept_head import read_headers
from gateway.vault.answer import AnswerState
from tests.e2e.inbox import (
    LEAVES,
    kept,
    listed,
    slow_vault,
    wait_for,
)
from tests.e2e.ota import bookings, tokens


def test_an_answer_is_kept_as_it_was_delivered(gateway):
    name = f"pms-{uuid.uuid4().hex[:8]}-poll".translate(str.maketrans("0123456789", "ghijklmnop"))
    answer = gateway.pull("10107", headers={"X-Gateway-Exchange": name})
    assert answer.headers["X-Gateway-Exchange"] == name
    (row,) = [row for row in listed(gateway) if row.exchange == name]
    assert row.state is AnswerState.DELIVERED
    assert (row.client, row.products, row.hotels) == ("pms", ("seaside",), ("10107",))
    assert row.route == "siteminder/pull"
    assert row.echo == "echo-abc"
    stored = kept(gateway, row)
    assert stored.body == answer.content
    assert stored.status == 200
    assert read_headers(stored.headers).get("Content-Type") == answer.headers["Content-Type"]


def test_it_is_found_by_hotel_echo_and_client(gateway):
    gateway.pull("CARDS")
    assert listed(gateway, hotel="CARDS")
    assert not listed(gateway, hotel="CARDS", client="somebody")
    assert not listed(gateway, hotel="NOBODY")
    assert listed(gateway, echo="echo-abc", hotel="CARDS")
    assert not listed(gateway, products=("hilltop",), hotel="CARDS")


def test_what_has_no_card_is_not_kept(gateway):
    for hotel in ("NOCARD", "EMPTY", "MASKED"):
        answer = gateway.pull(hotel)
        names = [row.exchange for row in listed(gateway)]
        assert answer.headers["X-Gateway-Exchange"] not in names


def test_a_card_that_failed_is_kept_like_any_other(gateway):
    answer = gateway.pull("BADEXPIRY")
    (row,) = [
        row for row in listed(gateway) if row.exchange == answer.headers["X-Gateway-Exchange"]
    ]
    assert kept(gateway, row).body == answer.content


def test_p24_a_client_that_leaves_finds_its_answer_undelivered(own_gateway):
    """The client is gone when the tokens are committed: they are in the answer that is kept."""
    gateway = own_gateway()
    with slow_vault(gateway) as left, gateway.session(gateway.key()) as session:
        with pytest.raises(requests.ReadTimeout):
            gateway.pull("10107", session=session, timeout=LEAVES)
        left.set()
        (row,) = wait_for(gateway)
    assert row.state is AnswerState.UNDELIVERED
    assert gateway.rows("select count(*) from card") == [(1,)]
    assert len(tokens(*bookings(kept(gateway, row).body))) == 1


def test_an_id_that_was_used_before_loses_no_answer(gateway):
    name = "the-same-name-again"
    first = gateway.pull("10107", headers={"X-Gateway-Exchange": name})
    second = gateway.pull("CARDS", headers={"X-Gateway-Exchange": name})
    assert first.headers["X-Gateway-Exchange"] == name
    other = second.headers["X-Gateway-Exchange"]
    assert other != name
    by_name = {row.exchange: row for row in listed(gateway)}
    assert kept(gateway, by_name[name]).body == first.content
    assert kept(gateway, by_name[other]).body == second.content


def test_p03_what_is_kept_holds_no_card_and_no_code(gateway):
    gateway.pull("CVC")
    rows = listed(gateway, hotel="CVC")
    assert rows
    for row in rows:
        body = kept(gateway, row).body
        assert b"SeriesCode" not in body
        assert b"******" in body


def test_p24_the_vault_down_keeps_nothing_and_answers_nothing(own_gateway):
    gateway = own_gateway()
    database = gateway.worker._vault._database

    def full(jobs):
        raise OSError

    with gateway.session(gateway.key()) as session:
        database._transact = full
        try:
            answer = gateway.pull("10107", session=session)
        finally:
            del database._transact
    assert answer.status_code == 503
    assert gateway.rows("select count(*) from answer") == [(0,)]
    assert gateway.rows("select count(*) from card") == [(0,)]
