"""BookingSync's file, against the simulated BookingSync: the PMS makes booking and payment first."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address

import pytest

from gateway.processors.model import Ended
from gateway.sandbox import bookingsync_card as numbers
from tests.processors.orders import keep, order, run

ADDRESS = {"address1": "some address 1 / 10", "zip": "12312", "city": "Nice", "country_code": "FR"}
GATEWAYS = {
    1: ("123", "bogus"),
    2: ("124", "booking_pay"),
    3: ("125", "ogone"),
    4: ("126", "stripe"),
}


@pytest.fixture
def gateway(gateways, sandbox):
    sandbox.bookingsync.reset()
    return gateways("bookingsync")


def prepared(gateway, rental=1, pan=numbers.APPROVED, *, cvc="123", **extra):
    """An order for a tentative payment that the PMS has made."""
    url, dates = (
        gateway.sandbox.url("bookingsync"),
        {"start_at": "2030-05-01", "end_at": "2030-05-04"},
    )
    currency = "USD" if rental == 4 else "EUR"
    with gateway.direct() as session:
        session.headers["Authorization"] = "Bearer sandbox"
        session.headers["Content-Type"] = "application/vnd.api+json"

        def post(path, body):
            answer = session.post(url + path, data=json.dumps(body), timeout=10)
            assert answer.status_code == 201, answer.text
            return answer.json()

        booking = post(f"/api/v3/rentals/{rental}/bookings", {"bookings": [dates]})
        paying = {"amount_in_cents": 1099, "currency": currency, "kind": "instant-booking"}
        path = f"/api/v3/bookings/{booking['bookings'][0]['id']}/payments"
        payment = post(path, {"payments": [paying]})["payments"][0]["id"]
    id, name = GATEWAYS[rental]
    named = {"gateway_id": id, "gateway_name": name, "gateway_type": "PaymentGateway"}
    more = {"tentative_payment_id": str(payment)} | ADDRESS | named | extra
    return order(keep(gateway, pan, cvc=cvc), currency=currency, extra=more)


def later(asked, done):
    return order(asked.token, processor_id=done.processor_id, extra=asked.extra)


def test_authorised_and_paid_later(gateway, sandbox):
    asked = prepared(gateway, pan="5555555555554444")
    done = run(gateway, "debit", asked)
    assert (done.ended, done.processor_id) == (
        Ended.AUTHORIZED,
        asked.extra["tentative_payment_id"],
    )
    (card,) = sandbox.received.cards("bookingsync")
    assert (card.number, card.cvc, card.month, card.year, card.holder) == (
        "5555555555554444",
        "123",
        "12",
        "2030",
        "Jane Doe",
    )
    assert run(gateway, "look", later(asked, done)).ended is Ended.AUTHORIZED
    sandbox.bookingsync.account.capture()
    found = run(gateway, "look", later(asked, done))
    assert (found.ended, found.processor_id) == (Ended.SUCCEEDED, done.processor_id)


@pytest.mark.parametrize(("rental", "kind"), [(2, "form"), (3, "html"), (4, "redirect")])
@pytest.mark.parametrize("passed", [True, False])
def test_the_three_challenges(gateway, sandbox, rental, kind, passed):
    asked = prepared(gateway, rental)
    done = run(gateway, "debit", asked)
    assert (done.ended, done.challenge.kind) == (Ended.CHALLENGED, kind)
    assert done.processor_id == asked.extra["tentative_payment_id"]
    if kind == "form":
        assert done.challenge.url.startswith(sandbox.url("bookingsync") + "/challenge/")
        assert set(done.challenge.fields) == {"PaReq"}
    if kind == "html":
        assert 'name="downloadform3D"' in done.challenge.html
    assert run(gateway, "look", later(asked, done)).ended is Ended.PENDING
    payment = sandbox.bookingsync.account.payment(int(done.processor_id))
    sandbox.bookingsync.account.authenticate(payment.challenge, passed=passed)
    ended = run(gateway, "look", later(asked, done)).ended
    assert ended is (Ended.AUTHORIZED if passed else Ended.DECLINED)


def test_declined(gateway):
    done = run(gateway, "debit", prepared(gateway, pan=numbers.DECLINED))
    assert (done.ended, done.decline) == (Ended.DECLINED, "authorization declined")


def test_a_card_that_is_none_there(gateway):
    done = run(gateway, "debit", prepared(gateway, pan="4111111111111118"))
    assert (done.ended, done.decline) == (
        Ended.DECLINED,
        "number - is not a valid credit card number",
    )


@pytest.mark.parametrize(
    "change",
    [{"tentative_payment_id": "999"}, {"gateway_id": "7"}, {"country_code": " "}],
)
def test_what_is_not_right_is_not_done(gateway, change):
    done = run(gateway, "debit", prepared(gateway, **change))
    assert (done.ended, done.code) == (Ended.FAILED, "processor_refused")


def test_a_failure_of_the_gateway_may_have_been_done(gateway):
    asked = prepared(gateway, pan=numbers.GATEWAY_FAILURE)
    done = run(gateway, "debit", asked)
    assert (done.ended, done.code) == (Ended.UNKNOWN, "processor_unclear")
    assert run(gateway, "look", asked).ended is Ended.PENDING


@pytest.mark.parametrize("name", ["tentative_payment_id", "address1", "gateway_type"])
def test_without_what_it_needs_nothing_is_sent(gateway, name):
    asked = prepared(gateway)
    extra = {key: value for key, value in asked.extra.items() if key != name}
    gateway.sandbox.received.clear()
    done = run(gateway, "debit", order(asked.token, extra=extra))
    assert (done.ended, done.code) == (Ended.FAILED, "order_incomplete")
    assert not gateway.sandbox.received.requests("bookingsync")


def test_without_a_security_code_nothing_is_sent(gateway):
    asked = prepared(gateway, pan="4012888888881881", cvc=None)
    gateway.sandbox.received.clear()
    done = run(gateway, "debit", asked)
    assert (done.ended, done.code) == (Ended.FAILED, "cvc_unavailable")
    assert not gateway.sandbox.received.requests("bookingsync")


def test_a_security_code_is_used_once(gateway):
    asked = prepared(gateway, pan="4242424242424242")
    assert run(gateway, "debit", asked).ended is Ended.AUTHORIZED
    assert run(gateway, "debit", asked).code == "cvc_unavailable"


def test_p21_a_security_code_that_was_not_sent_is_held_again(gateway, monkeypatch):
    asked = prepared(gateway, pan="4222222222222")
    stand_ins = gateway.worker._egress._stand_ins
    (key,) = (key for key in stand_ins if key[0] == "secure.bookingsync.sandbox.test")
    monkeypatch.setitem(stand_ins, key, replace(stand_ins[key], address=ip_address("127.0.0.2")))
    done = run(gateway, "debit", asked)
    assert (done.ended, done.code) == (Ended.FAILED, "upstream_unreachable")
    monkeypatch.undo()
    assert run(gateway, "debit", asked).ended is Ended.AUTHORIZED


def test_p06_another_products_card_is_not_put_in(gateway, sandbox):
    asked = prepared(gateway)
    theirs = keep(gateway, "4111111111111111", product="hilltop", cvc="123")
    sandbox.received.clear()
    done = run(gateway, "debit", order(theirs, extra=asked.extra))
    assert (done.ended, done.code) == (Ended.FAILED, "token_unknown")
    assert not sandbox.received.requests("bookingsync")


def test_what_it_can_not_do(gateway):
    done = run(gateway, "refund", prepared(gateway))
    assert (done.ended, done.code) == (Ended.FAILED, "operation_not_supported")
