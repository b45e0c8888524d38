"""A hotel left another vault: its PMS goes on with the old tokens, and processors get the real cards."""

from __future__ import annotations

import json

import pytest
import requests

from gateway.access.products import Product
from tests.e2e.process import until
from tests.e2e.test_charge import adyen, intent, payment, stripe
from tests.e2e.test_paycomet_rest import Merchant, sent
from tests.importing.files import encrypt, imported
from tests.running import Running

PAN, THEIRS, PAIRED = "5555555555554444", "4000056655665556", "5445288852200883"
LUHN = "4242424242424242"  # a token in the form of a card's number
OLD = {"idUser": 4012345, "tokenUser": "OldTokenUser1"}  # the form of a pair of ours
ODD = {"idUser": 99, "tokenUser": "a-longer-tokenUser"}
CARDS = [
    {"pan": PAN, "token": "pcib-1"},
    {"pan": THEIRS, "token": LUHN},
]
PAIRS = [
    {
        "pan": PAIRED,
        "token": str(one["idUser"]),
        "token_user": one["tokenUser"],
        "expiry": f"{month}/2031",
    }
    for month, one in ((1, OLD), (2, ODD))
]


@pytest.fixture(scope="module")
def moved(sandbox, tmp_path_factory):
    """A gateway after the import; `tokens`: old → ours."""
    products = {
        "seaside": {
            "merchant_code": "seaside01", "terminal": 1, "mode": "test",
            "accepts_tokens_of": ["pci-booking", "paycomet"],
        },
        "hilltop": {"merchant_code": "hilltop01", "terminal": 1, "mode": "test"},
    }  # fmt: skip
    running = Running(tmp_path_factory.mktemp("moved"), sandbox, products=products)
    running.moved = {}
    for provider, cards in (("pci-booking", CARDS), ("paycomet", PAIRS)):
        lines = "\n".join(json.dumps({"expiry": "12/2030"} | one) for one in cards)
        file = encrypt(running.directory, lines)
        seaside = Product("seaside", test=True)
        for one in imported(running.worker._vault, seaside, file, provider)[1]:
            running.moved[one.old.text] = one.token
    yield running
    running.stop()


@pytest.mark.parametrize(("old", "pan"), [("pcib-1", PAN), (LUHN, THEIRS)])
def test_an_old_token_is_charged_in_a_form(moved, old, pan):
    answer = stripe(moved, "/v1/payment_intents", intent(old, description="echo"))
    assert answer.status_code == 200, answer.text
    (card,) = moved.sandbox.received.cards("stripe")
    assert (card.number, card.month, card.year) == (pan, "12", "2030")
    assert pan not in answer.text
    assert moved.moved[old].alias in answer.text  # the answer names ours


@pytest.mark.parametrize(("old", "pan"), [("pcib-1", PAN), (LUHN, THEIRS)])
def test_an_old_token_is_charged_in_json(moved, old, pan):
    answer = adyen(moved, payment(old))
    assert answer.status_code == 200, answer.text
    (card,) = moved.sandbox.received.cards("adyen")
    assert card.number == pan


def test_p36_the_audit_has_the_card_and_not_the_old_token(moved):
    key = moved.key()
    before = len(moved.worker._vault.entries(limit=10_000))
    stripe(moved, "/v1/tokens", {"card[number]": "pcib-1", "card[cvc]": "314"}, key=key)

    def entries():
        return [one.entry for one in moved.worker._vault.entries(limit=10_000)[before:]]

    assert until(5, lambda: len(entries()) == 2) is not None
    made = entries()
    assert [(one.action.value, one.outcome.value, one.iduser) for one in made] == [
        ("detokenize", "intent", moved.moved["pcib-1"].iduser),
        ("detokenize", "done", moved.moved["pcib-1"].iduser),
    ]
    assert "pcib-1" not in repr(made)
    assert "pcib-1" not in moved.logs.getvalue()


def test_p06_an_old_token_means_nothing_to_a_product_that_does_not_accept_it(moved):
    key = moved.key(products=("hilltop",))
    stripe(moved, "/v1/tokens", {"card[number]": "pcib-1", "card[cvc]": "314"}, key=key)
    (request,) = moved.sandbox.received.requests("stripe")
    assert b"pcib-1" in request.body  # nobody's: it stays, as any other text
    assert PAN.encode() not in request.body


def test_p07_an_old_token_elsewhere_stays_a_text(moved):
    stripe(
        moved, "/v1/payment_intents", {"amount": "1", "currency": "eur", "description": "pcib-1"}
    )
    (request,) = moved.sandbox.received.requests("stripe")
    assert b"pcib-1" in request.body
    assert PAN.encode() not in request.body


def test_p03_what_looks_like_a_card_is_masked_where_no_token_stands(moved):
    """A token of such a form is no exception: nobody could tell it from a card."""
    more = {"description": f"see {LUHN}"}
    answer = stripe(moved, "/v1/payment_intents", intent("pcib-1", **more))
    assert answer.status_code == 200, answer.text
    assert LUHN not in answer.text
    assert "424242******4242" in answer.text


@pytest.mark.parametrize("pair", [OLD, ODD])
def test_an_old_pair_is_exchanged_at_paycomet(moved, sandbox, pair):
    merchant = Merchant(moved)
    try:
        paid = merchant.pay(pair)
    finally:
        merchant.session.close()
    assert paid.json()["errorCode"] == 0, paid.text
    ours = moved.moved[f"{pair['idUser']}:{pair['tokenUser']}"]
    assert (paid.json()["idUser"], paid.json()["tokenUser"]) == (ours.iduser, ours.tokenuser)
    ((arrived),) = sent(sandbox, "/v1/payments")
    assert arrived["payment"]["tokenUser"] not in {pair["tokenUser"], ours.tokenuser}


def test_a_card_is_shown_changed_and_forgotten_by_its_old_token(moved):
    api = "http://{}:{}/v1/cards".format(*moved.addresses.control)
    own = {"X-Api-Key": moved.key(scopes=("cards",))}
    shown = requests.get(f"{api}/pcib-1", headers=own, timeout=30)
    assert shown.json()["token"] == moved.moved["pcib-1"].alias
    assert requests.get(f"{api}/pcib-2", headers=own, timeout=30).status_code == 404
    assert (
        requests.get(f"{api}/{LUHN}", headers=own, timeout=30).json()["token"]
        == moved.moved[LUHN].alias
    )
    both = f"{OLD['idUser']}:{OLD['tokenUser']}"
    pair = requests.get(f"{api}/{both}", headers=own, timeout=30)
    assert pair.json()["token"] == moved.moved[both].alias
    assert LUHN not in moved.logs.getvalue()

    assert requests.delete(f"{api}/{LUHN}", headers=own, timeout=30).status_code == 204
    assert requests.get(f"{api}/{LUHN}", headers=own, timeout=30).status_code == 404
    assert moved.rows("select count(*) from old_token") == [(3,)]
