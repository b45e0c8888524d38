"""A card failed at Rapid, and the guest types another at a page of ours: it goes to Rapid from there."""

from __future__ import annotations

import re

import pytest
import requests

from tests.e2e.recapture import Pms, cards, nothing_written
from tests.e2e.test_charge import keep
from tests.e2e.test_recapture import partner, start  # noqa: F401  # fixtures
from tests.pages.serving import TOKEN
from tests.sandbox.rapid import BAD, OTHER

PRODUCTS = {
    "seaside": {
        "merchant_code": "seaside01", "terminal": 1, "mode": "test",
        "pages": {"name": "Hotel Seaside", "language": "en"},
    },
}  # fmt: skip
TYPED = {
    "number": OTHER, "expiry": "12/30", "security_code": "737", "given_name": "Ana",
    "family_name": "Example", "line_1": "1 Pier", "city": "Seattle", "state_province_code": "WA",
    "postal_code": "98121", "country_code": "US",
}  # fmt: skip


class Guest:
    def __init__(self, gateway, url):
        self.url, self.session = url, requests.Session()
        self.session.trust_env, self.session.verify = False, gateway.ca
        self.session.headers["Connection"] = "close"

    def open(self):
        return self.session.get(self.url, timeout=20)

    def send(self, **changes):
        token = TOKEN.search(self.open().text)[1]
        typed = {"form_token": token} | TYPED | changes
        return self.session.post(self.url, typed, timeout=40)


@pytest.fixture
def pms(start, partner):  # noqa: F811  # the fixture that is imported
    return Pms(start(gateway={"products": PRODUCTS}), partner)


@pytest.fixture
def link(pms):
    """A recapture that needs a card, and the link that was made for it."""
    pms.book(keep(pms.gateway, BAD))
    (one,) = pms.waiting(state="pending")
    pms.key = pms.gateway.key(scopes=("cards", "proxy", "detokenize"), products=("seaside",))
    said = {"profile": "card_and_address", "product": "seaside", "recapture": one["id"]}
    answer = pms.call("POST", "/capture-links", said)
    assert answer.status_code == 201, answer.text
    return one, answer.json()


def test_p03_p16_a_guest_replaces_a_card_that_failed(pms, link):
    one, made = link
    guest = Guest(pms.gateway, made["url"])
    assert made["booking"]["id"] == one["itinerary_id"]
    assert one["itinerary_id"] in guest.open().text
    done = guest.send()
    assert (done.status_code, "Mastercard •••• 4444" in done.text) == (200, True), done.text
    card = pms.gateway.sandbox.received.cards("rapid")[-1]
    assert (card.number, card.month, card.year, card.cvc) == (OTHER, "12", "2030", "737")
    assert card.holder == "Ana Example"
    (shown,) = pms.recaptures()
    assert shown["state"] == "completed"
    after = pms.call("GET", f"/capture-links/{made['id']}").json()
    assert (after["state"], after["result"]["mask"]) == ("used", "555555******4444")
    assert guest.open().status_code == 404
    nothing_written(pms.gateway, OTHER, "1 Pier", made["url"].rpartition("/")[2])


def test_a_card_that_rapid_refuses_is_told_next_to_its_field_and_the_link_stays(pms, link):
    _, made = link
    guest = Guest(pms.gateway, made["url"])
    before = len(cards(pms.gateway))
    refused = guest.send(state_province_code="")
    assert refused.status_code == 422, refused.text
    wrong = dict(re.findall(r'id="(\w+)-wrong">([^<]+)</p>', refused.text))
    assert wrong == {"state_province_code": "Check the state or province."}
    assert len(cards(pms.gateway)) == before
    assert guest.send().status_code == 200
    assert cards(pms.gateway)[-1] == OTHER


def test_a_recapture_that_was_completed_otherwise_needs_no_card(pms, link):
    one, made = link
    guest = Guest(pms.gateway, made["url"])
    assert pms.complete(one, keep(pms.gateway, OTHER)).status_code == 200
    count = len(cards(pms.gateway))
    answer = guest.send()
    assert (answer.status_code, "not needed any more" in answer.text) == (404, True)
    assert len(cards(pms.gateway)) == count
