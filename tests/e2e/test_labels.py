"""A charge whose label names another charset than UTF-8, as Java's clients write without being asked."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from tests.e2e.test_charge import PAN, adyen, intent, keep, payment, stripe

FORM = "application/x-www-form-urlencoded; charset=ISO-8859-1"


def test_p09_a_form_that_says_it_is_latin_is_charged(gateway):
    token = keep(gateway)
    body = urlencode(intent(token.alias)) + "&metadata[a]=M%FCller"
    answer = stripe(gateway, "/v1/payment_intents", body, headers={"Content-Type": FORM})
    assert answer.status_code == 200, answer.text
    (card,) = gateway.sandbox.received.cards("stripe")
    assert card.number == PAN


def test_p09_no_name_is_put_in_that_would_be_read_as_another(gateway):
    token = keep(gateway, "4000056655665556", holder="Jürgen Müller")
    answer = stripe(
        gateway, "/v1/payment_intents", urlencode(intent(token.alias)), headers={"Content-Type": FORM}
    )  # fmt: skip
    assert answer.json()["code"] == "label_wrong"
    assert not gateway.sandbox.received.cards("stripe")


def test_p09_json_in_ascii_is_charged_and_in_utf_16_is_not(gateway):
    body = json.dumps(payment(keep(gateway).alias))
    label = {"Content-Type": "application/json; charset=ISO-8859-1"}
    assert adyen(gateway, body, headers=label).status_code == 200
    assert [card.number for card in gateway.sandbox.received.cards("adyen")] == [PAN]
    label = {"Content-Type": "application/json; charset=utf-16"}
    assert adyen(gateway, body, headers=label).json()["code"] == "label_wrong"
