"""`/v1/capture-links`: what they refuse, whose they are, how long they live."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.pages.guests import CARD, TYPED, cards, refused
from tests.pages.serving import TOKEN


@pytest.mark.parametrize(
    ("said", "errors"),
    [
        ({}, [("profile", "missing")]),
        ({"profile": "all"}, [("profile", "unknown_value")]),
        ({"profile": "card", "colour": "red"}, [("", "unknown_field")]),
        ({"profile": "card", "language": "xx"}, [("language", "unknown_value")]),
        ({"profile": "card", "purpose": CARD}, [("purpose", "card_number")]),
        ({"profile": "card", "amount": {"value": 0, "currency": "eur"}},
         [("amount.currency", "not_a_currency"), ("amount.value", "not_in_range")]),
        ({"profile": "card", "expires_in_minutes": 10_081}, [("expires_in_minutes", "not_in_range")]),
        ({"profile": "card", "expires_in_minutes": True}, [("expires_in_minutes", "not_in_range")]),
        ({"profile": "card", "return_url": "http://pms.example/"}, [("return_url", "not_an_https_url")]),
        ({"profile": "card", "return_url": "https://u:p@pms.example/"}, [("return_url", "not_an_https_url")]),
        ({"profile": "card", "product": "seaside", "return_url": "https://evil.example/"},
         [("return_url", "origin_not_listed")]),
        ({"profile": "card", "token": "tok_test_1_abcdefghijklm"}, [("token", "only_with_profile_cvc")]),
        ({"profile": "cvc"}, [("token", "missing")]),
        ({"profile": "card", "recapture": "abc"}, [("profile", "recapture_wants_card_and_address")]),
        ({"profile": "card", "booking": {"system": "siteminder", "virtual": {}}},
         [("booking.virtual", "unknown_field")]),
    ],
)  # fmt: skip
def test_each_field_is_checked_and_named(hotel, said, errors):
    refused(hotel.call("POST", "/capture-links", said), 400, "request_invalid", *errors)


def test_what_can_not_be_asked_for_is_refused(hotel):
    make = lambda **said: hotel.call("POST", "/capture-links", said)  # noqa: E731  # short, and read just below
    refused(make(profile="card", product="plain"), 422, "pages_off")
    unknown = "tok_test_1_abcdefghijklm"
    refused(make(profile="cvc", token=unknown), 404, "token_unknown")
    said = {"number": CARD, "expiration_month": "08", "expiration_year": "2029"}
    token = hotel.call("POST", "/cards", said | {"product": "seaside"}).json()["token"]
    refused(make(profile="cvc", token=token), 422, "cvc_not_held")
    refused(
        make(profile="card_and_address", product="seaside", recapture="x"), 404, "recapture_unknown"
    )
    key = hotel.gateway.key(scopes=("proxy",))
    answer = hotel.call("POST", "/capture-links", {"profile": "card"}, key=key)
    refused(answer, 403, "scope_missing")


def test_p06_another_client_or_product_sees_nothing(hotel):
    link = hotel.make()
    others = [
        hotel.gateway.key(scopes=("cards",), products=("seaside",), client="spa"),
        hotel.gateway.key(scopes=("cards",), products=("hilltop",)),
    ]
    for key in others:
        for method in ("GET", "DELETE"):
            answer = hotel.call(method, f"/capture-links/{link['id']}", key=key)
            refused(answer, 404, "page_link_unknown")
    answer = hotel.call(
        "POST", "/capture-links", {"profile": "card", "product": "seaside"}, key=others[1]
    )
    assert answer.status_code == 403
    assert hotel.link(link["id"])["state"] == "open"


def test_p35_a_link_that_is_withdrawn_opens_nothing(hotel, guest):
    link = hotel.make()
    one = guest(link)
    token = TOKEN.search(one.open().text)[1]
    assert hotel.call("DELETE", f"/capture-links/{link['id']}").status_code == 204
    assert hotel.link(link["id"])["state"] == "revoked"
    assert one.open().status_code == 404
    before = cards(hotel)
    assert one.send(token, **TYPED).status_code == 404
    assert cards(hotel) == before
    assert hotel.call("DELETE", f"/capture-links/{link['id']}").status_code == 204
    used = hotel.make()
    guest(used).send(**TYPED)
    refused(hotel.call("DELETE", f"/capture-links/{used['id']}"), 409, "page_link_over")


def test_a_request_that_is_sent_again_makes_one_link(hotel):
    said = {"profile": "card", "product": "seaside"}
    first = hotel.call("POST", "/capture-links", said, once="link-1").json()
    again = hotel.call("POST", "/capture-links", said, once="link-1").json()
    assert first == again
    other = hotel.call("POST", "/capture-links", said | {"purpose": "x"}, once="link-1")
    refused(other, 422, "idempotency_key_reused")


def test_a_link_lives_a_day_or_as_long_as_it_says(hotel):
    def life(**more):
        link = hotel.make(**more)
        made, ends = (datetime.fromisoformat(link[name]) for name in ("created_at", "expires_at"))
        return round((ends - made) / timedelta(minutes=1))

    assert life() == 24 * 60
    assert life(expires_in_minutes=10_080) == 10_080


def test_p31_the_pages_port_is_not_reached_through_the_proxy(hotel):
    session = hotel.gateway.session(hotel.gateway.key())
    with pytest.raises(OSError, match=r"403|Forbidden|Tunnel"):
        session.get(f"{hotel.base}/", timeout=20)
