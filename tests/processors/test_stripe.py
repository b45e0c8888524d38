"""Stripe's file, against the simulated Stripe."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from gateway.processors.model import Ended, Initiator
from gateway.sandbox.cards import generated
from tests.processors.orders import keep, order, run

APPROVED, DECLINED, ASKS = generated(70_001), "4000000000009995", "4000002500003155"


@pytest.fixture
def gateway(gateways):
    return gateways("stripe")


def sent(gateway, path="/v1/payment_intents"):
    return [one for one in gateway.sandbox.received.requests("stripe") if one.path == path]


def form(request):
    return dict(parse_qsl(request.body.decode()))


def test_authorise_capture_refund(gateway):
    asked = order(keep(gateway, APPROVED), currency="JPY", amount=5000, extra={"statement": "STAY"})
    held = run(gateway, "authorize", asked)
    assert (held.ended, held.processor_id[:3]) == (Ended.AUTHORIZED, "pi_")
    assert len(held.network_transaction_id) == 15
    assert held.network_transaction_id.isdecimal()
    (request,) = sent(gateway)
    said = form(request)
    assert (said["amount"], said["currency"]) == ("5000", "jpy")
    assert (said["statement_descriptor_suffix"], said["metadata[booking]"]) == ("STAY", "B-1")
    assert request.header("idempotency-key") == asked.reference
    assert (said["return_url"], "off_session" in said) == ("https://pms.example/back", False)
    later = order(asked.token, processor_id=held.processor_id, amount=4000, currency="JPY")
    assert run(gateway, "capture", later).ended is Ended.SUCCEEDED
    back = run(gateway, "refund", later)
    assert (back.ended, back.processor_id) == (Ended.REFUNDED, held.processor_id)
    assert run(gateway, "look", later).ended is Ended.REFUNDED
    again = run(gateway, "refund", later)
    assert (again.ended, again.decline) == (Ended.FAILED, "charge_already_refunded")


def test_the_card_goes_there_once_and_hangs_on_a_customer(gateway):
    token = keep(gateway, generated(70_002), cvc="314")
    for _ in range(2):
        assert run(gateway, "debit", order(token)).ended is Ended.SUCCEEDED
    assert len(sent(gateway, "/v1/payment_methods")) == len(sent(gateway, "/v1/customers")) == 1
    (card,) = gateway.sandbox.received.cards("stripe")
    assert (card.number, card.month, card.year, card.holder) == (
        generated(70_002),
        "12",
        "2030",
        "Jane Doe",
    )
    for request in sent(gateway):
        said = form(request)
        assert (said["customer"][:4], said["payment_method"][:3]) == ("cus_", "pm_")
        assert generated(70_002).encode() not in request.body


def test_cancel(gateway):
    held = run(gateway, "authorize", order(keep(gateway, APPROVED)))
    later = order(keep(gateway, APPROVED), processor_id=held.processor_id)
    assert run(gateway, "cancel", later).ended is Ended.CANCELLED
    assert run(gateway, "look", later).ended is Ended.CANCELLED
    assert run(gateway, "capture", later).decline == "payment_intent_unexpected_state"


def test_declined(gateway):
    asked = order(keep(gateway, DECLINED))
    done = run(gateway, "debit", asked)
    assert (done.ended, done.decline) == (Ended.DECLINED, "insufficient_funds")
    found = run(gateway, "look", asked)
    assert (found.ended, found.decline) == (Ended.DECLINED, "insufficient_funds")


def test_a_card_that_stripe_does_not_take_is_declined_before_any_charge(gateway):
    done = run(gateway, "debit", order(keep(gateway, "4111111111111112")))
    assert (done.ended, done.decline) == (Ended.DECLINED, "incorrect_number")
    assert not sent(gateway)


def test_a_challenge(gateway, sandbox):
    done = run(gateway, "debit", order(keep(gateway, ASKS)))
    assert (done.ended, done.challenge.kind) == (Ended.CHALLENGED, "redirect")
    assert done.challenge.url.startswith(sandbox.url("stripe") + "/3ds/pi_")
    assert done.processor_id.startswith("pi_")


def test_a_challenge_without_a_url_is_no_challenge(gateway):
    done = run(gateway, "debit", order(keep(gateway, ASKS), return_url=None))
    assert (done.ended, done.code) == (Ended.UNKNOWN, "processor_unclear")


def test_a_merchants_own_charge(gateway):
    token = keep(gateway, ASKS)
    alone = order(token, initiator=Initiator.NO_SHOW)
    assert run(gateway, "debit", alone).decline == "authentication_required"
    named = order(
        token,
        initiator=Initiator.DEPOSIT,
        exemption="mit",
        network_transaction_id="123456789012345",
    )
    assert run(gateway, "debit", named).ended is Ended.SUCCEEDED
    said = [form(one) for one in sent(gateway)]
    name = "payment_method_options[card][mit_exemption][network_transaction_id]"
    assert [one["off_session"] for one in said] == ["true", "true"]
    assert [one.get(name) for one in said] == [None, "123456789012345"]
    assert not any("return_url" in one for one in said)


def test_found_by_its_reference(gateway):
    asked = order(keep(gateway, APPROVED))
    done = run(gateway, "debit", asked)
    found = run(gateway, "look", asked)
    assert (found.ended, found.processor_id) == (Ended.SUCCEEDED, done.processor_id)
    assert found.network_transaction_id == done.network_transaction_id


def test_nothing_found_is_unknown_for_a_search_may_lag(gateway):
    done = run(gateway, "look", order(keep(gateway, APPROVED)))
    assert (done.ended, done.code) == (Ended.UNKNOWN, "processor_unclear")


def test_too_little_is_refused(gateway):
    done = run(gateway, "debit", order(keep(gateway, APPROVED), amount=10))
    assert (done.ended, done.decline) == (Ended.FAILED, "amount_too_small")


def test_another_request_under_the_same_key_may_have_been_done(gateway):
    asked = order(keep(gateway, APPROVED))
    assert run(gateway, "debit", asked).ended is Ended.SUCCEEDED
    other = order(asked.token, reference=asked.reference, amount=2000)
    assert run(gateway, "debit", other).ended is Ended.UNKNOWN


def test_a_customer_that_is_gone_is_made_anew(gateway, sandbox):
    token = keep(gateway, generated(70_003))
    assert run(gateway, "debit", order(token)).ended is Ended.SUCCEEDED
    sandbox.stripe.reset()
    lost = run(gateway, "debit", order(token))
    assert (lost.ended, lost.decline) == (Ended.FAILED, "resource_missing")
    assert run(gateway, "debit", order(token)).ended is Ended.SUCCEEDED
