"""PAYCOMET's file, against the simulated PAYCOMET."""

from __future__ import annotations

import json

import pytest

from gateway.processors.model import Ended, Initiator
from gateway.sandbox.paycomet_cards import DECLINES, NEEDS_CHALLENGE
from tests.processors.orders import keep, order, run

APPROVED = "5445288852200883"
EXTRA = {"ip": "192.0.2.7"}


@pytest.fixture
def gateway(gateways):
    return gateways("paycomet")


def sent(gateway, path):
    return [one for one in gateway.sandbox.received.requests("paycomet") if one.path == path]


def asked_for(gateway, pan=APPROVED, **more):
    return order(keep(gateway, pan), **{"extra": EXTRA} | more)


def test_authorise_capture_refund(gateway):
    asked = asked_for(gateway)
    held = run(gateway, "authorize", asked)
    assert (held.ended, held.processor_id[:2]) == (Ended.AUTHORIZED, "AC")
    assert run(gateway, "look", asked).ended is Ended.AUTHORIZED
    later = order(
        asked.token, reference=asked.reference, processor_id=held.processor_id, extra=EXTRA
    )
    taken = run(gateway, "capture", later)
    assert (taken.ended, taken.processor_id) == (Ended.SUCCEEDED, held.processor_id)
    assert run(gateway, "look", later).ended is Ended.SUCCEEDED
    assert run(gateway, "refund", later).ended is Ended.REFUNDED
    assert run(gateway, "look", later).ended is Ended.REFUNDED
    again = run(gateway, "refund", later)
    assert (again.ended, again.code, again.decline) == (Ended.FAILED, "processor_refused", "1027")


def test_what_is_sent(gateway):
    asked = asked_for(gateway, currency="JPY", amount=202)
    assert run(gateway, "debit", asked).ended is Ended.SUCCEEDED
    (request,) = sent(gateway, "/v1/payments")
    payment = json.loads(request.body)["payment"]
    pair = payment.pop("idUser"), payment.pop("tokenUser")
    assert pair != (asked.token.iduser, asked.token.tokenuser)
    assert payment == {
        "terminal": 1,
        "order": asked.reference,
        "amount": "202",
        "currency": "JPY",
        "methodId": "1",
        "originalIp": "192.0.2.7",
        "secure": 1,
        "productDescription": "B-1",
        "urlOk": "https://pms.example/back",
        "urlKo": "https://pms.example/back",
    }
    assert request.header("paycomet-api-token") == "sandbox"


def test_cancel(gateway):
    asked = asked_for(gateway)
    held = run(gateway, "authorize", asked)
    later = order(
        asked.token, reference=asked.reference, processor_id=held.processor_id, extra=EXTRA
    )
    assert run(gateway, "cancel", later).ended is Ended.CANCELLED
    assert run(gateway, "look", later).ended is Ended.CANCELLED
    assert run(gateway, "capture", later).decline == "504"


@pytest.mark.parametrize(("pan", "code"), sorted(DECLINES.items()))
def test_declined(gateway, pan, code):
    asked = asked_for(gateway, pan)
    done = run(gateway, "debit", asked)
    assert (done.ended, done.decline) == (Ended.DECLINED, str(int(code)))
    assert run(gateway, "look", asked).ended is Ended.DECLINED


def test_a_card_that_paycomet_does_not_take_is_never_charged(gateway):
    done = run(gateway, "debit", asked_for(gateway, "4111111111111112"))
    assert (done.ended, done.decline) == (Ended.FAILED, "1042")
    assert not sent(gateway, "/v1/payments")


def test_a_challenge(gateway, sandbox):
    asked = asked_for(gateway, NEEDS_CHALLENGE)
    done = run(gateway, "debit", asked)
    assert (done.ended, done.challenge.kind) == (Ended.CHALLENGED, "redirect")
    assert run(gateway, "look", asked).ended is Ended.PENDING
    page = done.challenge.url.partition("/challenge/")[2]
    with gateway.direct() as session:
        url = f"{sandbox.url('paycomet')}/challenge/{page}"
        session.get(url, allow_redirects=False, timeout=10)
    found = run(gateway, "look", asked)
    assert (found.ended, found.processor_id[:2]) == (Ended.SUCCEEDED, "AC")


def test_a_merchants_own_charge(gateway):
    no_show = asked_for(gateway, NEEDS_CHALLENGE, initiator=Initiator.NO_SHOW)
    assert run(gateway, "debit", no_show).ended is Ended.SUCCEEDED
    bare = asked_for(gateway, NEEDS_CHALLENGE, initiator=Initiator.DEPOSIT)
    assert run(gateway, "debit", bare).decline == "1361"
    told = asked_for(
        gateway, NEEDS_CHALLENGE, initiator=Initiator.DEPOSIT, extra=EXTRA | {"trx_type": "C"}
    )
    assert run(gateway, "debit", told).ended is Ended.SUCCEEDED
    kinds = [
        json.loads(one.body)["payment"].get("trxType") for one in sent(gateway, "/v1/payments")
    ]
    assert kinds == ["N", None, "C"]


def test_without_an_address_nothing_is_sent(gateway):
    done = run(gateway, "debit", asked_for(gateway, extra={}))
    assert (done.ended, done.code) == (Ended.FAILED, "order_incomplete")
    assert not gateway.sandbox.received.requests("paycomet")


def test_an_order_that_is_there_already_may_be_this_one(gateway):
    asked = asked_for(gateway)
    assert run(gateway, "debit", asked).ended is Ended.SUCCEEDED
    again = run(gateway, "debit", asked)
    assert (again.ended, again.code) == (Ended.UNKNOWN, "processor_unclear")


def test_what_is_not_found_may_still_come(gateway):
    assert run(gateway, "look", asked_for(gateway)).ended is Ended.UNKNOWN


@pytest.mark.parametrize("fault", ["error_500", "garbage", "abort_after_request"])
def test_a_server_that_breaks_leaves_it_unknown(gateway, sandbox, fault):
    asked = asked_for(gateway)
    assert run(gateway, "debit", asked).ended is Ended.SUCCEEDED  # its pair is there
    sandbox.paycomet.settings.fault = fault
    try:
        done = run(gateway, "debit", asked_for(gateway))
    finally:
        sandbox.paycomet.settings.fault = ""
    assert done.ended is Ended.UNKNOWN
    assert done.code in {"processor_unclear", "upstream_invalid"}


def test_a_server_that_breaks_before_the_charge_leaves_it_undone(gateway, sandbox):
    sandbox.paycomet.settings.fault = "abort_after_request"
    try:
        done = run(gateway, "debit", asked_for(gateway, "4012888888881881"))
    finally:
        sandbox.paycomet.settings.fault = ""
    assert (done.ended, done.code) == (Ended.FAILED, "token_not_issued")
    assert not sent(gateway, "/v1/payments")
