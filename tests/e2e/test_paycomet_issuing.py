"""PAYCOMET's own pair is asked for once per card, however many gateways stand on one store."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.sandbox.paycomet import PaycometSettings
from tests.e2e.test_paycomet_rest import Merchant, fresh, paths, sent


@pytest.fixture
def slow(sandbox, monkeypatch):
    """PAYCOMET takes its time over a card: whoever else wants to ask has asked by then."""
    add = sandbox.paycomet._operations["/v1/cards"]

    def late(body, base):
        time.sleep(0.5)
        return add(body, base)

    monkeypatch.setitem(sandbox.paycomet._operations, "/v1/cards", late)


@pytest.fixture
def two(own_gateway):
    """Two gateways on one store."""
    first = own_gateway()
    return first, own_gateway(state=str(first.directory / "state"))


def claim(gateway, token, seconds):
    """What a process leaves behind that dies while it asks."""
    processor = f"paycomet/cards {gateway.sandbox.named_url('paycomet')} terminal=1"
    vault = gateway.worker._vault
    made = vault.foreign.claim(token.iduser, "seaside", processor, "dead", seconds)
    assert gateway.loop.call(made)


def test_p25_two_gateways_with_a_new_card_ask_once(two, sandbox, slow):
    token = fresh(two[0])
    merchants = [Merchant(gateway) for gateway in two for _ in range(2)]
    ready = threading.Barrier(len(merchants))

    def pay(merchant):
        ready.wait(10)
        with merchant.session:
            return merchant.pay(token).json()

    with ThreadPoolExecutor(len(merchants)) as pool:
        said = list(pool.map(pay, merchants))
    assert [(one["errorCode"], one["tokenUser"]) for one in said] == [(0, token.tokenuser)] * 4
    (card,) = sandbox.received.cards("paycomet")
    assert {one["payment"]["idUser"] for one in sent(sandbox, "/v1/payments")} == {
        int(card.reference)
    }
    assert two[0].rows("select count(*) from issuing") == [(0,)]


def test_a_process_that_died_while_it_asked_is_waited_for_and_no_longer(gateway, sandbox):
    merchant, token = Merchant(gateway), fresh(gateway)
    claim(gateway, token, 1.5)
    started = time.monotonic()
    assert merchant.pay(token).json()["errorCode"] == 0
    assert time.monotonic() - started > 1
    assert len(sandbox.received.cards("paycomet")) == 1
    merchant.session.close()


def test_a_wait_that_is_too_long_ends_in_a_refusal(own_gateway, sandbox):
    gateway = own_gateway(limits={"upstream_seconds": 1})
    merchant, token = Merchant(gateway), fresh(gateway)
    claim(gateway, token, 60)
    answer = merchant.pay(token)
    assert (answer.status_code, answer.json()["code"]) == (502, "token_not_issued")
    assert paths(sandbox) == []
    assert gateway.rows("select claim from issuing") == [("dead",)]
    merchant.session.close()


@pytest.mark.parametrize("fails", [{"fault": "garbage"}, {"per_minute": 0}])
def test_who_asked_in_vain_lets_others_ask(gateway, sandbox, fails):
    merchant, token = Merchant(gateway), fresh(gateway)
    sandbox.paycomet.settings = PaycometSettings(**fails)
    assert merchant.pay(token).status_code in {429, 502}
    assert gateway.rows("select count(*) from issuing") == [(0,)]
    sandbox.paycomet.settings = PaycometSettings()
    assert merchant.pay(token).json()["errorCode"] == 0
    merchant.session.close()
