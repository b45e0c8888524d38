"""Charges through a whole gateway: over its API, through its pipeline, at the sandbox's processor."""

from __future__ import annotations

import itertools
import json

import pytest

from gateway.sandbox import processor_payments as numbers
from gateway.sandbox.server import Sandbox
from tests.e2e.process import until
from tests.processors.orders import keep, set_credentials
from tests.processors.served import Gateway

PRODUCT = {"merchant_code": "seaside01", "terminal": 1, "mode": "test"}
PRODUCTS = {
    "seaside": PRODUCT | {"processor": "sandbox", "time_zone": "Europe/Madrid"},
    "hilltop": PRODUCT | {"merchant_code": "hilltop01"},
}
_COUNT = itertools.count()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(sandbox, tmp_path_factory):
    made = Gateway(tmp_path_factory.mktemp("charges"), sandbox, products=PRODUCTS)
    assert set_credentials(made, "seaside", "sandbox").status_code == 200
    yield made
    made.stop(grace=0.5)


@pytest.fixture
def key(gateway, sandbox):
    sandbox.received.clear()
    return gateway.key(scopes=("charges",), products=("seaside", "hilltop"))


def ask(gateway, key, path="", said=None, **more):
    return gateway.api("POST", f"/v1/charges{path}", key, json=said or {}, **more)


def said(token, **more):
    return {
        "token": token.alias, "amount": 1050, "currency": "EUR", "reference": f"E-{next(_COUNT)}",
    } | more  # fmt: skip


def get(gateway, key, id):
    return gateway.api("GET", f"/v1/charges/{id}", key).json()


def wait_for(gateway, key, charge, state):
    """Until the gateway has learned of it by itself."""
    assert until(60, lambda: get(gateway, key, charge["id"])["state"] == state)


def payments(gateway):
    """What left for the processor, to charge a card."""
    found = gateway.sandbox.received.requests("processor")
    return [one for one in found if one.method == "POST" and one.path == "/v1/payments"]


def test_held_taken_in_part_and_given_back(gateway, key):
    asked = said(keep(gateway), capture="later", booking={"system": "siteminder", "id": "B-1"})
    held = ask(gateway, key, said=asked)
    assert (held.status_code, held.json()["state"]) == (201, "authorized"), held.text
    id = held.json()["id"]
    assert ask(gateway, key, f"/{id}/capture", {"amount": 900}).json()["captured"] == 900
    for amount in (200, 300):
        assert ask(gateway, key, f"/{id}/refund", {"amount": amount}).status_code == 200
    shown = get(gateway, key, id)
    assert (shown["state"], shown["captured"], shown["refunded"]) == ("refunded", 900, 500)
    back = ask(gateway, key, f"/{id}/refund").json()
    assert back["refunded"] == 900
    (payment,) = payments(gateway)
    body = json.loads(payment.body)
    assert (body["amount"], body["reference"], body["capture"]) == (1050, asked["reference"], False)
    assert "state" in gateway.api("GET", "/v1/charges?limit=1", key).json()["charges"][0]


def test_cancelled_and_declined(gateway, key):
    id = ask(gateway, key, said=said(keep(gateway), capture="later")).json()["id"]
    cancelled = ask(gateway, key, f"/{id}/cancel")
    assert cancelled.json().get("state") == "cancelled", cancelled.text
    declined = ask(gateway, key, said=said(keep(gateway, numbers.DECLINED))).json()
    assert declined["state"] == "declined"
    assert declined["history"][-1]["decline"] == "insufficient_funds"


def test_p24_answers_that_never_came_are_looked_for_by_themselves_and_sent_once(gateway, key):
    asked = [
        said(keep(gateway, number))
        for number in (numbers.TIMEOUT, numbers.DROPPED, numbers.GARBAGE)
    ]
    with gateway.waiting(3):
        charges = [
            ask(gateway, key, said=one, headers={"Idempotency-Key": one["reference"]}).json()
            for one in asked
        ]
    for one, charge in zip(asked, charges, strict=True):
        assert charge["state"] == "unknown"
        wait_for(gateway, key, charge, "succeeded")
        shown = get(gateway, key, charge["id"])
        assert [each["state"] for each in shown["history"]] == ["pending", "unknown", "succeeded"]
        assert shown["captured"] == 1050
        assert shown["processor_id"].startswith("pay_")
        sent = [json.loads(payment.body)["reference"] for payment in payments(gateway)]
        assert sent.count(one["reference"]) == 1
    assert len(payments(gateway)) == 3


def test_a_card_that_is_consumed_there_is_not_sent_again(gateway, key):
    token = keep(gateway, numbers.CONSUMED)
    assert ask(gateway, key, said=said(token)).json()["state"] == "succeeded"
    refused = ask(gateway, key, said=said(token))
    assert (refused.status_code, refused.json()["code"]) == (409, "card_consumed")
    assert len(payments(gateway)) == 1


def test_guests_who_pass_their_challenges_are_learned_of(gateway, key, sandbox):
    challenges = (numbers.CHALLENGED, numbers.FORM_CHALLENGE, numbers.HTML_CHALLENGE)
    asked = [said(keep(gateway, one), return_url="https://pms.example/back") for one in challenges]
    charges = [ask(gateway, key, said=one).json() for one in asked]
    for charge in charges:
        assert (charge["state"], bool(charge["challenge_expires_at"])) == ("challenged", True)
        with gateway.direct() as session:
            page = f"{sandbox.url('processor')}/challenge/{charge['processor_id']}?outcome=ok"
            session.get(page, allow_redirects=False, timeout=60)
    for charge in charges:
        wait_for(gateway, key, charge, "succeeded")
    assert len(payments(gateway)) == 3


def test_a_merchants_charge_names_the_one_that_the_guest_made(gateway, key):
    token = keep(gateway, "5555555555554444")
    first = ask(gateway, key, said=said(token)).json()
    later = ask(gateway, key, said=said(token, initiator="no_show", exemption="mit"))
    assert later.json()["state"] == "succeeded"
    bodies = [json.loads(one.body) for one in payments(gateway)]
    assert bodies[1]["network_transaction_id"] == first["network_transaction_id"]


def test_p16_p36_what_was_done_is_in_the_audit_first_and_no_card_is_anywhere(gateway, key):
    number = "4929000000006"
    id = ask(gateway, key, said=said(keep(gateway, number))).json()["id"]
    rows = gateway.rows("SELECT action, outcome FROM audit ORDER BY id DESC LIMIT 12")
    assert ("charge", "intent") in rows
    assert ("charge", "done") in rows
    assert rows.index(("charge", "intent")) > rows.index(("charge", "done"))
    for name, content in gateway.everything_written():
        assert number.encode() not in content, name
    assert number not in json.dumps(get(gateway, key, id))


def test_a_product_without_a_processor(gateway, key):
    refused = ask(gateway, key, said=said(keep(gateway, product="hilltop")))
    assert (refused.status_code, refused.json()["code"]) == (422, "processor_not_configured")
