"""A refused answer comes out once what was wrong is mended, and with no more than its caller had."""

from __future__ import annotations

import asyncio
import json
import shutil

import pytest
import requests

from gateway.errors import CardDisguised, ExchangeUnknown
from gateway.sandbox.tls import server_context
from gateway.vault.answer import AnswerState
from tests.children import command
from tests.e2e.inbox import (
    BODY,
    Once,
    at_booking_com,
    kept,
    listed,
    poll,
    replay,
    unreadable_at_first,
)
from tests.running import ROOT


def test_a_refused_answer_stays_where_it_is_while_nothing_was_mended(booking_com):
    gateway, partner = booking_com
    partner.bodies = [BODY.replace(b">4111111111111111<", b">NDExMTExMTExMTExMTExMQ==<")]
    assert poll(gateway, partner).status_code == 502
    (row,) = listed(gateway)
    with pytest.raises(CardDisguised):
        replay(gateway, row)
    (row,) = listed(gateway)
    assert row.state is AnswerState.REFUSED
    assert gateway.rows("select count(*) from card") == [(0,)]


def test_p24_a_replayed_answer_is_kept_with_its_tokens(booking_com):
    gateway, partner = booking_com
    refused = unreadable_at_first(gateway, partner)
    assert refused.code == "message_unfit"
    name = replay(gateway, refused)
    states = {row.exchange: row.state for row in listed(gateway)}
    assert states == {refused.exchange: AnswerState.REPLAYED, name: AnswerState.UNDELIVERED}
    (row,) = listed(gateway, states=(AnswerState.UNDELIVERED,))
    assert b"<cc_token>" in kept(gateway, row).body
    assert row.products == ("seaside",)
    with pytest.raises(ExchangeUnknown):
        replay(gateway, refused)
    with pytest.raises(ExchangeUnknown):
        gateway.loop.call(gateway.worker.replay("somebody", refused.exchange))


def test_p24_a_replay_by_the_api_is_done_once_under_its_key(booking_com):
    gateway, partner = booking_com
    refused = unreadable_at_first(gateway, partner)
    key = gateway.key(scopes=("admin",), products=())
    url = "http://{}:{}/v1/exchanges/{}/replay?client=pms".format(
        *gateway.addresses.control, refused.exchange
    )
    headers = {"X-Api-Key": key, "Idempotency-Key": "replay-1"}
    first, again = (requests.post(url, headers=headers, timeout=20) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200), first.text
    assert first.json() == again.json()
    (row,) = listed(gateway, states=(AnswerState.UNDELIVERED,))
    assert first.json() == {"exchange": row.exchange, "client": "pms"}
    assert b"<cc_token>" in kept(gateway, row).body
    headers["Idempotency-Key"] = "replay-2"
    other = requests.post(url, headers=headers, timeout=20)
    assert (other.status_code, other.json()["code"]) == (409, "answer_not_refused")
    rows = gateway.rows("select outcome, detail from audit where action = 'replay' order by id")
    assert rows == [("intent", f"of {refused.exchange}"), ("done", "repeated")]


WRONG = """
system: booking-com
about: Somebody took XML for JSON
shapes:
  b-json: { format: json, booking: "$.reservations[*]", card: customer, number: cc_number }
routes:
  - name: reservations
    to: https://secure-supply-xml.booking.com/hotels/xml/reservations
    methods: [POST]
    inbox: { again: body }
    response: { tokenize: b-json }
"""


def test_the_command_replays_once_the_rule_is_mended(own_gateway, sandbox, tmp_path):
    rules = shutil.copytree(ROOT / "rules", tmp_path / "rules")
    pack = rules / "booking-com.yaml"
    pack.write_text(WRONG, encoding="utf-8")
    with Once(server_context(sandbox.directory)) as partner:
        gateway = own_gateway(
            rules=str(rules), test_hosts=at_booking_com(sandbox, partner),
            hotels={"booking-com": {"1": "seaside"}},
        )  # fmt: skip
        assert poll(gateway, partner).json()["code"] == "message_malformed"
    (row,) = listed(gateway)
    replaying = "exchanges", "replay", row.exchange, "--config", gateway.config_file, "--json"
    still = command(*replaying)
    assert still.returncode == 1, still.stderr
    assert json.loads(still.stdout)["code"] == "message_malformed"
    shutil.copy(ROOT / "rules/booking-com.yaml", pack)
    done = command(*replaying)
    assert done.returncode == 0, done.stderr
    (kept_now,) = listed(gateway, states=(AnswerState.UNDELIVERED,))
    assert kept_now.exchange == json.loads(done.stdout)["exchange"]
    assert b"<cc_token>" in kept(gateway, kept_now).body
    assert kept_now.products == ("seaside",)
    assert b"4111111111111111" not in done.stdout + done.stderr + still.stdout + still.stderr


def test_p06_a_replay_may_do_no_more_than_its_caller(booking_com):
    """A key for another product: its cards failed at first, and fail now."""
    gateway, partner = booking_com
    refused = unreadable_at_first(gateway, partner, key=gateway.key(products=("hilltop",)))
    replay(gateway, refused)
    assert gateway.rows("select count(*) from card") == [(0,)]
    (row,) = listed(gateway, states=(AnswerState.UNDELIVERED,))
    assert b"product_not_permitted" in kept(gateway, row).body


def test_p36_a_replay_is_in_the_audit_before_the_answer_is_opened(booking_com):
    gateway, partner = booking_com
    refused = unreadable_at_first(gateway, partner)
    replay(gateway, refused)
    rows = gateway.rows(
        "select action, outcome, detail from audit where action in ('replay', 'tokenize') order by id"
    )
    assert rows[0] == ("replay", "intent", f"of {refused.exchange}")
    assert rows[1][:2] == ("tokenize", "done")


def test_two_replays_at_once_come_out_once(booking_com):
    gateway, partner = booking_com
    refused = unreadable_at_first(gateway, partner)

    async def both():
        calls = [gateway.worker.replay(refused.client, refused.exchange) for _ in range(2)]
        return await asyncio.gather(*calls, return_exceptions=True)

    outcomes = gateway.loop.call(both())
    assert sorted(type(one).__name__ for one in outcomes) == ["ExchangeUnknown", "str"]
    assert len(listed(gateway, states=(AnswerState.UNDELIVERED,))) == 1
