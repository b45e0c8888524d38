"""A card that comes over the control API of a whole gateway is charged by its token."""

from __future__ import annotations

import requests

from tests.e2e.test_charge import PAN, stripe


def test_p03_a_card_that_was_added_is_charged_by_its_token(gateway):
    api = "http://{}:{}/v1/cards".format(*gateway.addresses.control)
    key = gateway.key(scopes=("proxy", "detokenize", "cards"))
    own = {"X-Api-Key": key, "Idempotency-Key": "an added card"}
    card = {
        "number": PAN,
        "expiration_month": "12",
        "expiration_year": "2031",
        "holder": "Ada Example",
        "product": "seaside",
    }
    answers = [requests.post(api, json=card, headers=own, timeout=30) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    token = answers[0].json()["token"]

    sent = stripe(gateway, "/v1/tokens", {"card[number]": token, "card[cvc]": "123"}, key=key)
    assert sent.status_code == 200, sent.text
    (arrived,) = gateway.sandbox.received.cards("stripe")
    assert (arrived.number, arrived.month, arrived.year) == (PAN, "12", "2031")
    assert requests.delete(f"{api}/{token}", headers={"X-Api-Key": key}, timeout=30).ok
    again = stripe(gateway, "/v1/tokens", {"card[number]": token, "card[cvc]": "123"}, key=key)
    assert again.json()["code"] == "token_unknown"
    for text in (*(answer.text for answer in answers), sent.text, again.text):
        assert PAN not in text


def test_p28_a_stranger_adds_nothing(gateway):
    api = "http://{}:{}/v1/cards".format(*gateway.addresses.control)
    without = requests.post(api, json={"number": PAN}, timeout=30)
    scope = {"X-Api-Key": gateway.key()}
    assert without.status_code == 401
    assert requests.post(api, json={"number": PAN}, headers=scope, timeout=30).status_code == 403
