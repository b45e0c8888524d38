"""A partner that was asked too often says when to come again; so does every answer of ours to it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from gateway.sandbox.paycomet import PaycometSettings
from tests.e2e.test_paycomet_rest import Merchant, fresh, paths


@pytest.fixture
def merchant(gateway):
    merchant = Merchant(gateway)
    yield merchant
    merchant.session.close()


def test_paycomets_429_to_a_payment_passes(gateway, sandbox, merchant):
    token = fresh(gateway)
    assert merchant.pay(token).json()["errorCode"] == 0
    sandbox.paycomet.settings = PaycometSettings(per_minute=1)
    answer = merchant.pay(token)
    assert paths(sandbox)[-1] == "/v1/payments"  # its own answer, not one to a card of ours
    assert (answer.status_code, answer.json()) == (429, {"errorCode": 1332})
    assert 50 < int(answer.headers["Retry-After"]) <= 60


def test_paycomets_429_to_a_card_passes(gateway, sandbox, merchant):
    sandbox.paycomet.settings = PaycometSettings(per_minute=0)
    answer = merchant.pay(fresh(gateway))
    assert paths(sandbox) == ["/v1/cards"]
    assert (answer.status_code, answer.json()) == (429, {"errorCode": 1332})
    assert 50 < int(answer.headers["Retry-After"]) <= 60


def test_siteminders_429_passes_through_paycomets_endpoint(gateway, sandbox, monkeypatch):
    monkeypatch.setattr(sandbox.siteminder.settings, "polling_seconds", 60.0)
    key = gateway.key()
    assert gateway.paycomet("NOCARD", token=key).status_code == 200
    answer = gateway.paycomet("NOCARD", token=key)
    assert (answer.status_code, answer.text) == (429, "Too many requests")
    assert 50 < int(answer.headers["Retry-After"]) <= 60


def test_a_pull_that_is_under_way_says_when_to_come_again(gateway, sandbox):
    """Ours is a fault under 200; the header is there all the same."""
    taken, turn = gateway.worker._pipeline._s.turns._taken, ("siteminder", "NOCARD")
    taken.add(turn)
    try:
        answer = gateway.paycomet("NOCARD")
    finally:
        taken.discard(turn)
    (fault,) = ET.fromstring(answer.content)
    assert fault.get("code") == "1332-PAYTPV"
    assert answer.headers["Retry-After"] == "5"
