"""The same poll again gets the answer that never arrived, and nobody else does."""

from __future__ import annotations

import base64
import hashlib

import pytest
import requests

from gateway.errors import VaultUnavailable
from gateway.stages.kept_head import read_headers
from gateway.vault.answer import AnswerState
from tests.e2e.inbox import (
    BODY,
    LEAVES,
    kept,
    listed,
    lose,
    poll,
    slow_vault,
    wait_for,
)
from tests.e2e.process import until


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
    with slow_vault(gateway) as left:
        with pytest.raises(requests.ReadTimeout):
            poll(gateway, partner, timeout=LEAVES, Authorization="Basic b25l")
        left.set()
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
    assert until(30, lambda: not gateway.worker._inbox._open)


def test_an_id_that_is_used_again_hides_no_answer(booking_com):
    gateway, partner = booking_com
    partner.bodies = [BODY.replace(b"<id>7", b"<id>8"), BODY]
    named = {"X-Gateway-Exchange": "my-retry-of-this"}
    with slow_vault(gateway) as left:
        with pytest.raises(requests.ReadTimeout):
            poll(gateway, partner, timeout=LEAVES, **named)
        left.set()
        wait_for(gateway, states=(AnswerState.UNDELIVERED,))
    assert b"<id>8" in poll(gateway, partner, "another", **named).content
    assert b"<id>7" in poll(gateway, partner).content
    assert until(30, lambda: not gateway.worker._inbox._open)


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
    partner.pause = 1.5
    with pytest.raises(requests.ReadTimeout):
        poll(gateway, partner, timeout=LEAVES)
    (row,) = wait_for(gateway, states=(AnswerState.UNDELIVERED,))
    partner.pause = 0.0
    assert b"<cc_token>" in poll(gateway, partner).content
    assert row.products == ("seaside",)


def test_what_was_delivered_does_not_come_again(booking_com):
    gateway, partner = booking_com
    assert b"<cc_token>" in poll(gateway, partner).content
    assert poll(gateway, partner).content == b"<reservations/>"
