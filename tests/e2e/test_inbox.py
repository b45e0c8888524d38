"""Nothing is ever lost: an answer whose cards became tokens is kept until its caller has it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import shutil
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager

import pytest
import requests

from gateway.errors import CardDisguised, ExchangeUnknown, MessageUnfit, VaultUnavailable
from gateway.sandbox.faults import Fault, FaultServer
from gateway.sandbox.tls import server_context
from gateway.stages.inbox import read_headers
from gateway.vault.answer import AnswerState
from tests.e2e.process import until
from tests.e2e.test_pull import bookings, tokens
from tests.running import ROOT


def table(gateway):
    return gateway.worker._vault.answers


def listed(gateway, **filters):
    gateway.loop.call(gateway.worker._inbox.flush())
    return gateway.loop.call(table(gateway).listed(**filters))


def kept(gateway, row):
    return gateway.loop.call(table(gateway).open(row.exchange, client=row.client))


@contextmanager
def slow_vault(gateway, seconds=1.0):
    """The commit of tokens takes so long that the client has left before it."""
    vault, original = gateway.worker._vault, gateway.worker._vault.keep

    async def keep(*args, **more):
        await asyncio.sleep(seconds)
        return await original(*args, **more)

    vault.keep = keep
    try:
        yield
    finally:
        del vault.keep


def wait_for(gateway, **filters):
    """What is listed, once there is something."""
    for _ in range(100):
        if listed(gateway, **filters):
            time.sleep(0.2)  # the exchange ends a moment after its commit
            return listed(gateway, **filters)
        time.sleep(0.05)
    raise AssertionError("nothing was kept")


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
    with slow_vault(gateway), gateway.session(gateway.key()) as session:
        with pytest.raises(requests.Timeout):
            gateway.pull("10107", session=session, timeout=0.5)
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
    database = gateway.worker._vault._store._database

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


# --- the same poll again ------------------------------------------------------------------------


@pytest.fixture
def booking_com(own_gateway, sandbox, tmp_path):
    """A gateway, and a Booking.com that delivers a card once."""
    with Once(server_context(sandbox.directory)) as partner:
        gateway = own_gateway(
            test_hosts=at_booking_com(sandbox, partner),
            hotels={"booking-com": {"1": "seaside"}},
        )
        yield gateway, partner


def at_booking_com(sandbox, server):
    """`test_hosts:` that put a server in Booking.com's place."""
    host = {
        "stands_for": "secure-supply-xml.booking.com", "address": "127.0.0.1",
        "ca": str(sandbox.ca_file),
    }  # fmt: skip
    return {f"booking.sandbox.test:{server.port}": host}


class Once(FaultServer):
    """Answers the first request with a card, all others with an empty list."""

    def __init__(self, context):
        super().__init__("close_after_request", context=context)
        self.bodies = [BODY]
        self.more = b""  # lines of the head
        self.pause = 0.0
        self.fault = Fault(self._next)

    def _next(self, card):
        del card
        body = self.bodies.pop() if self.bodies else b"<reservations/>"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n%sContent-Length: %d\r\n\r\n"
        return (self.pause, head % (self.more, len(body)) + body)


BODY = (
    b"<reservations><reservation><hotel_id>1</hotel_id><id>7</id><customer>"
    b"<cc_number>4111111111111111</cc_number><cc_expiration_date>10/2030</cc_expiration_date>"
    b"</customer></reservation></reservations>"
)


def poll(gateway, partner, user="u", *, key=None, timeout=20, **headers):
    with gateway.session(key or gateway.key(products=("seaside",))) as session:
        return session.post(
            f"https://booking.sandbox.test:{partner.port}/hotels/xml/reservations",
            data=f"<request><username>{user}</username></request>",
            headers={"Content-Type": "text/xml"} | headers,
            timeout=timeout,
        )


def lose(gateway, partner):
    """A poll whose answer nobody waits for."""
    with slow_vault(gateway):
        with pytest.raises(requests.Timeout):
            poll(gateway, partner, timeout=0.5)
        wait_for(gateway, states=(AnswerState.UNDELIVERED,))


def test_the_same_poll_gets_what_never_arrived(booking_com):
    gateway, partner = booking_com
    lose(gateway, partner)
    asked = len(partner.received)
    answer = poll(gateway, partner)
    assert b"<cc_token>" in answer.content
    assert b"411111******1111" in answer.content
    assert len(partner.received) == asked  # the partner was not asked again
    assert answer.headers["Content-Type"] == "text/xml"
    assert poll(gateway, partner).content == b"<reservations/>"  # it has arrived now
    (row,) = listed(gateway)
    assert row.state is AnswerState.REPLAYED


def test_another_poll_or_another_client_does_not(booking_com):
    gateway, partner = booking_com
    lose(gateway, partner)
    assert poll(gateway, partner, "somebody").content == b"<reservations/>"
    with gateway.session(gateway.key(products=("seaside", "hilltop"))) as session:
        session.headers["X-Gateway-Product"] = "hilltop"
        answer = session.post(
            f"https://booking.sandbox.test:{partner.port}/hotels/xml/reservations",
            data="<request><username>u</username></request>",
            headers={"Content-Type": "text/xml"}, timeout=20,
        )  # fmt: skip
        assert answer.content == b"<reservations/>"
    assert b"<cc_token>" in poll(gateway, partner).content


def test_p28_other_credentials_at_the_partner_are_another_poll(booking_com):
    gateway, partner = booking_com
    with slow_vault(gateway):
        with pytest.raises(requests.Timeout):
            poll(gateway, partner, timeout=0.5, Authorization="Basic b25l")
        wait_for(gateway, states=(AnswerState.UNDELIVERED,))
    for headers in ({}, {"Authorization": "Basic dHdv"}, {"Cookie": "session=1"}):
        assert poll(gateway, partner, **headers).content == b"<reservations/>"
    assert b"<cc_token>" in poll(gateway, partner, Authorization="Basic b25l").content


def test_p06_a_key_of_another_product_gets_none_of_it(booking_com):
    gateway, partner = booking_com
    lose(gateway, partner)
    other = gateway.key(products=("hilltop",))
    assert poll(gateway, partner, key=other).content == b"<reservations/>"
    assert b"<cc_token>" in poll(gateway, partner).content


def test_a_look_up_that_failed_loses_no_answer(booking_com):
    gateway, partner = booking_com
    lose(gateway, partner)
    table = gateway.worker._vault.answers

    async def fail(exchange, *, client):
        del exchange, client
        raise VaultUnavailable

    table.open = fail
    assert poll(gateway, partner).status_code == 503
    del table.open
    assert b"<cc_token>" in poll(gateway, partner).content
    assert until(5, lambda: not gateway.worker._inbox._open)


def test_an_id_that_is_used_again_hides_no_answer(booking_com):
    gateway, partner = booking_com
    partner.bodies = [BODY.replace(b"<id>7", b"<id>8"), BODY]
    named = {"X-Gateway-Exchange": "my-retry-of-this"}
    with slow_vault(gateway):
        with pytest.raises(requests.Timeout):
            poll(gateway, partner, timeout=0.5, **named)
        wait_for(gateway, states=(AnswerState.UNDELIVERED,))
    assert b"<id>8" in poll(gateway, partner, "another", **named).content
    assert b"<id>7" in poll(gateway, partner).content
    assert until(5, lambda: not gateway.worker._inbox._open)


def test_p03_what_is_kept_says_nothing_of_the_clear_body(booking_com):
    gateway, partner = booking_com
    digest = base64.b64encode(hashlib.md5(BODY, usedforsecurity=False).digest()).decode()
    partner.more = f"Content-MD5: {digest}\r\nETag: {digest}\r\nAlt-Svc: h2=a.example\r\n".encode()
    lose(gateway, partner)
    (row,) = listed(gateway)
    names = {name.lower() for name, _ in read_headers(kept(gateway, row).headers)}
    assert names == {b"content-type"}
    answer = poll(gateway, partner)
    assert b"<cc_token>" in answer.content
    assert digest not in str(answer.headers)


def test_a_client_that_leaves_while_the_partner_thinks_loses_nothing(booking_com):
    gateway, partner = booking_com
    partner.pause = 1.0
    with pytest.raises(requests.Timeout):
        poll(gateway, partner, timeout=0.4)
    (row,) = wait_for(gateway, states=(AnswerState.UNDELIVERED,))
    partner.pause = 0.0
    assert b"<cc_token>" in poll(gateway, partner).content
    assert row.products == ("seaside",)


def test_what_was_delivered_does_not_come_again(booking_com):
    gateway, partner = booking_com
    assert b"<cc_token>" in poll(gateway, partner).content
    assert poll(gateway, partner).content == b"<reservations/>"


# --- quarantine ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b"<reservations>", b'<reservations a="&unknown;">'),
        BODY.replace(b"</reservations>", b""),
        BODY.replace(b"<id>7", b"<note>NDExMTExMTExMTExMTExMQ==</note><id>7"),
    ],
    ids=["entity", "cut", "base64"],
)
def test_an_answer_that_is_refused_goes_to_quarantine(booking_com, body):
    gateway, partner = booking_com
    partner.bodies = [body]
    answer = poll(gateway, partner)
    assert answer.status_code == 502
    (row,) = listed(gateway)
    assert row.state is AnswerState.REFUSED
    assert row.code == answer.json()["code"]
    assert row.exchange == answer.headers["X-Gateway-Exchange"]
    assert gateway.rows("select count(*) from card") == [(0,)]
    assert kept(gateway, row) is None
    refused = gateway.loop.call(table(gateway).open_refused(row.exchange, client=row.client))
    assert refused.body == body


def test_p21_what_is_in_quarantine_has_no_security_code(booking_com):
    gateway, partner = booking_com
    for cut in (b"</reservations>", b""):
        body = BODY.replace(b"</customer>", b"<cc_cvc>987</cc_cvc></customer>")
        body = body.replace(b"<id>7", b"<note>NDExMTExMTExMTExMTExMQ==</note><id>7")
        partner.bodies = [body.replace(cut, b"") if cut else body]
        assert poll(gateway, partner).status_code == 502
    for row in listed(gateway):
        refused = gateway.loop.call(table(gateway).open_refused(row.exchange, client=row.client))
        assert b"4111111111111111" in refused.body
        assert b"987" not in refused.body
    assert len(listed(gateway)) == 2


def test_an_answer_that_can_not_be_decoded_is_told(booking_com):
    gateway, partner = booking_com
    partner.more = b"Content-Encoding: gzip\r\n"
    assert poll(gateway, partner).status_code == 502
    assert listed(gateway) == []
    assert "answer_not_kept" in gateway.logs.getvalue()


def test_a_push_has_no_inbox(own_gateway):
    """Its sender is told that it failed, and sends again."""
    text = (ROOT / "rules/siteminder-push.yaml").read_text(encoding="utf-8")
    assert "inbox" not in text


# --- replay -------------------------------------------------------------------------------------


def replay(gateway, row):
    return gateway.loop.call(gateway.worker._pipeline.replay(row.client, row.exchange))


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
    original = gateway.worker._pipeline._s.swap.find

    async def fail(*args):
        del args
        raise MessageUnfit

    gateway.worker._pipeline._s.swap.find = fail
    try:
        assert poll(gateway, partner).status_code == 502
    finally:
        gateway.worker._pipeline._s.swap.find = original
    (refused,) = listed(gateway)
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
        gateway.loop.call(gateway.worker._pipeline.replay("somebody", refused.exchange))


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
    command = [sys.executable, "-m", "gateway", "exchanges", "replay", row.exchange]
    command += ["--config", str(gateway.config_file), "--json"]
    still = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    assert still.returncode == 1, still.stderr
    assert json.loads(still.stdout)["code"] == "message_malformed"
    shutil.copy(ROOT / "rules/booking-com.yaml", pack)
    done = subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
    (kept_now,) = listed(gateway, states=(AnswerState.UNDELIVERED,))
    assert kept_now.exchange == json.loads(done.stdout)["exchange"]
    assert b"<cc_token>" in kept(gateway, kept_now).body
    assert kept_now.products == ("seaside",)
    assert b"4111111111111111" not in done.stdout + done.stderr + still.stdout + still.stderr


def unreadable_at_first(gateway, partner, **more):
    """A refused answer that would come out today."""
    original = gateway.worker._pipeline._s.swap.find

    async def fail(*args):
        del args
        raise MessageUnfit

    gateway.worker._pipeline._s.swap.find = fail
    try:
        assert poll(gateway, partner, **more).status_code == 502
    finally:
        gateway.worker._pipeline._s.swap.find = original
    (refused,) = listed(gateway, states=(AnswerState.REFUSED,))
    return refused


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
    pipeline = gateway.worker._pipeline

    async def both():
        calls = [pipeline.replay(refused.client, refused.exchange) for _ in range(2)]
        return await asyncio.gather(*calls, return_exceptions=True)

    outcomes = gateway.loop.call(both())
    assert sorted(type(one).__name__ for one in outcomes) == ["ExchangeUnknown", "str"]
    assert len(listed(gateway, states=(AnswerState.UNDELIVERED,))) == 1
