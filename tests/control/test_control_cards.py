"""`/v1/cards`: what a card's calls do, who may, and what is in the audit."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gateway.cards.token import parse_alias
from gateway.secret import Secret
from gateway.vault import cards as table
from gateway.vault.model import Wanted
from tests.control.card_calls import (
    BOOKED,
    CANARY,
    CODE,
    HOLDER,
    MONTH,
    body,
    booked,
    site,
    wrongs,
)
from tests.control.serving import refused


@pytest.fixture
def cards(tmp_path):
    with site(tmp_path) as running:
        yield running


def cvc_of(cards, alias, product):
    want = Wanted(parse_alias(alias), frozenset({product}), with_cvc=True)
    (found,) = asyncio.run(cards.vault.find([want]))
    return found.cvc and found.cvc.reveal()


# --- what they do ---------------------------------------------------------------------------------


def test_a_card_gets_its_token_and_its_mask(cards):
    said = booked(departure="2026-04-01", virtual={"active_from": "2026-03-30", "balance": "90"})
    answered = cards.add(said)
    assert answered.status_code == 201
    token = parse_alias(answered.json()["token"])
    assert answered.json() == {
        "token": token.alias,
        "iduser": token.iduser,
        "tokenuser": token.tokenuser,
        "product": "seaside",
        "test": True,
        "mask": "453957******1486",
        "brand": "visa",
        "expiration_month": "08",
        "expiration_year": "2029",
        "virtual": True,
    }
    assert cards.get(f"/{token.alias}").json() == answered.json() | {
        "holder": HOLDER,
        "bookings": [
            {
                "system": "siteminder",
                "hotel": "10107",
                "id": "RES-1",
                "departure": "2026-04-01",
                "virtual": {
                    "active_from": "2026-03-30",
                    "active_until": None,
                    "balance": "90",
                    "currency": None,
                },
            }
        ],
    }
    want = Wanted(token, frozenset({"seaside"}))
    (found,) = asyncio.run(cards.vault.find([want]))
    assert found.card.pan.reveal() == CANARY


def test_the_same_card_has_one_token_and_a_booking_lists_its_cards(cards):
    first = cards.token(booked())
    assert cards.token(booked("RES-2")) == first
    assert cards.token() == first
    other = cards.token(booked() | {"number": "378282246310005"})
    listed = cards.get(f"?{BOOKED}").json()["cards"]
    assert [one["token"] for one in listed] == [first, other]
    assert [one["id"] for one in listed[0]["bookings"]] == ["RES-1", "RES-2"]
    assert [one["brand"] for one in listed] == ["visa", "amex"]
    for query in ("system=siteminder&hotel=20207&booking=RES-1", "system=siteminder&booking=RES-1"):
        assert cards.get(f"?{query}").json() == {"cards": [], "next": None}


def test_a_booking_of_many_cards_is_listed_in_pages(cards, monkeypatch):
    monkeypatch.setattr(table, "MOST", 2)
    digits = ("4539578763621486", "378282246310005", "5555555555554444", "6011111111111117")
    tokens = [cards.token(booked() | {"number": number}) for number in digits]
    elsewhere = cards.token(booked("RES-2") | {"number": "3530111333300000"})
    first = cards.get(f"?{BOOKED}").json()
    assert ([one["token"] for one in first["cards"]], first["next"]) == (tokens[:2], tokens[1])
    second = cards.get(f"?{BOOKED}&after={first['next']}").json()
    assert ([one["token"] for one in second["cards"]], second["next"]) == (tokens[2:], None)
    for unknown in (elsewhere, "tok_test_1_x", "nonsense"):
        assert refused(cards.get(f"?{BOOKED}&after={unknown}"), 404, "token_unknown")


def test_p06_a_page_holds_the_keys_products_only(cards, monkeypatch):
    """Another product's cards of the same booking take no place in it."""
    monkeypatch.setattr(table, "MOST", 1)
    said = {"system": "own", "id": "1"}
    for product in ("seaside", "hilltop"):
        cards.token(body(product=product, booking=said))
    hilltop = cards.control.key("cards", products=("hilltop",))
    listed = cards.get("?system=own&booking=1", hilltop).json()
    assert ([one["product"] for one in listed["cards"]], listed["next"]) == (["hilltop"], None)


def test_another_expiry_keeps_the_token_and_forgets_what_processors_issued(cards):
    alias = cards.token(booked())
    token = parse_alias(alias)
    issued = Secret(b"issued")
    asyncio.run(cards.vault.foreign.keep(token.iduser, "seaside", "paycomet", issued))
    same = {"expiration_month": "8", "expiration_year": "29"}
    assert cards.call("PATCH", f"/{alias}", json=same).json()["expiration_year"] == "2029"
    assert asyncio.run(cards.vault.foreign.read(token.iduser, "seaside", "paycomet"))
    answered = cards.call("PATCH", f"/{alias}", json=MONTH)
    assert (answered.json()["token"], answered.json()["expiration_year"]) == (alias, "2030")
    assert cards.get(f"/{alias}").json()["expiration_month"] == "09"
    assert asyncio.run(cards.vault.foreign.read(token.iduser, "seaside", "paycomet")) is None
    assert cards.token(booked() | MONTH) == alias  # it is found by its new expiry,
    assert cards.token(booked()) != alias  # and by the old one no more
    assert refused(cards.call("PATCH", f"/{alias}", json=same), 409, "card_exists")
    assert cards.get(f"/{alias}").json()["expiration_year"] == "2030"


def test_an_expiry_is_not_changed_while_a_processor_is_asked_for_its_token(cards):
    alias = cards.token(booked())
    iduser = parse_alias(alias).iduser
    claim = ("seaside", "paycomet", "claim-1")
    assert asyncio.run(cards.vault.foreign.claim(iduser, *claim, seconds=60))
    answered = cards.call("PATCH", f"/{alias}", json=MONTH, once="renewed")
    assert refused(answered, 409, "token_being_issued")
    assert int(answered.headers["Retry-After"]) > 0
    assert cards.get(f"/{alias}").json()["expiration_year"] == "2029"
    same = {"expiration_month": "08", "expiration_year": "2029"}
    assert cards.call("PATCH", f"/{alias}", json=same).status_code == 200
    asyncio.run(cards.vault.foreign.release(iduser, *claim[1:]))
    answered = cards.call("PATCH", f"/{alias}", json=MONTH, once="renewed")
    assert answered.json()["expiration_year"] == "2030"


def test_a_claim_that_is_over_keeps_no_expiry_from_being_changed(cards):
    alias = cards.token(booked())
    claim = ("seaside", "paycomet", "claim-1")
    iduser = parse_alias(alias).iduser
    assert asyncio.run(cards.vault.foreign.claim(iduser, *claim, seconds=60))
    cards.clock.now += timedelta(seconds=60)
    assert cards.call("PATCH", f"/{alias}", json=MONTH).json()["expiration_year"] == "2030"


def test_a_card_is_forgotten_with_all_that_hangs_on_it(cards):
    said = body(product="hilltop", security_code=CODE, booking={"system": "own", "id": "1"})
    alias, other = cards.token(said), cards.token(said | {"number": "378282246310006"})
    token = parse_alias(alias)
    issued = Secret(b"issued")
    asyncio.run(cards.vault.foreign.keep(token.iduser, "hilltop", "paycomet", issued))
    assert cards.call("DELETE", f"/{alias}").status_code == 204
    assert refused(cards.get(f"/{alias}"), 404, "token_unknown")
    counts = {name: cards.count(name) for name in ("card", "link", "cvc", "foreign_token")}
    assert counts == {"card": 1, "link": 1, "cvc": 1, "foreign_token": 0}
    assert cards.vault.count_by_product() == {"hilltop": 1}
    assert cards.get(f"/{other}").status_code == 200
    assert cards.token(said) != alias


def test_a_card_goes_with_its_last_booking(cards):
    alias = cards.token(booked())
    cards.token(booked("RES-2"))
    path = f"/{alias}/bookings?{BOOKED}"
    assert cards.call("DELETE", path).status_code == 204
    assert refused(cards.call("DELETE", path), 404, "booking_unknown")
    assert [one["id"] for one in cards.get(f"/{alias}").json()["bookings"]] == ["RES-2"]
    assert cards.call("DELETE", path.replace("RES-1", "RES-2")).status_code == 204
    assert refused(cards.get(f"/{alias}"), 404, "token_unknown")
    assert (cards.count("card"), cards.count("link")) == (0, 0)


def test_p21_a_security_code_is_held_only_where_the_product_says(cards):
    with_code = body(security_code=CODE)
    assert cvc_of(cards, cards.token(with_code), "seaside") is None
    assert cards.count("cvc") == 0
    assert cvc_of(cards, cards.token(with_code | {"product": "hilltop"}), "hilltop") == CODE
    assert cvc_of(cards, cards.token(with_code | {"product": "strict"}), "strict") is None


# --- who may --------------------------------------------------------------------------------------


def test_p06_p28_a_token_of_another_product_or_mode_is_as_unknown_as_none(cards):
    mine = cards.token(booked())
    token = parse_alias(mine)
    hilltop = cards.control.key("cards", products=("hilltop",))
    wrong = [
        (mine, hilltop),
        (mine.replace("tok_test_", "tok_"), None),
        (mine[:-1] + ("b" if mine[-1] == "a" else "a"), None),
        (f"tok_test_{token.iduser % 2**30 + 1}_{token.tokenuser}", None),
        ("tok_nonsense", None),
        (CANARY, None),
    ]
    answers = set()
    for alias, key in wrong[:4]:
        for method, path, more in (
            ("GET", "", {}),
            ("PATCH", "", {"json": MONTH}),
            ("DELETE", "", {}),
            ("DELETE", f"/bookings?{BOOKED}", {}),
        ):
            answers.add(refusal(cards.call(method, f"/{alias}{path}", key, **more)))
    for alias, key in wrong[4:]:
        answers.add(refusal(cards.get(f"/{alias}", key)))
    assert len(answers) == 1
    assert cards.get(f"/{mine}").json()["expiration_year"] == "2029"
    assert cards.get(f"?{BOOKED}", hilltop).json() == {"cards": [], "next": None}


def refusal(answered):
    assert refused(answered, 404, "token_unknown")
    return answered.content


def test_p28_without_the_scope_or_the_product_nothing_is_done(cards):
    alias = cards.token(booked())
    before = cards.audit()
    other = cards.control.key("proxy", "detokenize", "reveal", "charges", "admin", products=())
    for method, path in (("POST", ""), ("GET", f"?{BOOKED}"), ("GET", f"/{alias}"),
                         ("PATCH", f"/{alias}"), ("DELETE", f"/{alias}"),
                         ("DELETE", f"/{alias}/bookings?{BOOKED}")):  # fmt: skip
        assert refused(cards.call(method, path, other, json=body()), 403, "scope_missing")
        assert refused(cards.control.call(method, f"/v1/cards{path}"), 401, "key_required")
    hilltop = cards.control.key("cards", products=("hilltop",))
    assert refused(cards.add(body(), hilltop), 403, "product_not_permitted")
    assert refused(cards.add(booked(product=None), hilltop), 403, "product_not_permitted")
    assert refused(cards.add(body(product=None)), 400, "product_unknown")
    assert refused(cards.add(body(product="nobody")), 400, "product_unknown")
    assert cards.audit() == before
    assert cards.token(body(product=None), hilltop).startswith("tok_")


def test_a_hotel_of_another_product_is_not_filed_under_the_one_that_is_named(cards):
    answered = cards.add(booked(product="hilltop"))
    assert refused(answered, 400, "request_invalid")
    assert wrongs(answered) == {("booking.hotel", "hotel_of_another_product")}
    assert cards.add(booked(product=None)).json()["product"] == "seaside"


# --- the audit ------------------------------------------------------------------------------------


def test_p36_each_call_is_in_the_audit(cards):
    alias = cards.token(booked())
    cards.get(f"/{alias}")
    cards.get(f"?{BOOKED}")
    cards.get("?system=siteminder&booking=none")
    cards.call("PATCH", f"/{alias}", json=MONTH)
    cards.call("DELETE", f"/{alias}/bookings?{BOOKED}")
    cards.call("DELETE", f"/{alias}")
    cards.get("/nonsense")
    assert cards.audit() == [
        ("tokenize", "done", "seaside", ""),
        ("show", "intent", "", ""),
        ("show", "done", "seaside", ""),
        ("show", "intent", "seaside", ""),
        ("show", "done", "seaside", ""),
        ("show", "intent", "", ""),
        ("show", "done", "", ""),
        ("change", "done", "seaside", ""),
        ("forget", "done", "seaside", ""),
        ("forget", "refused", "", "token_unknown"),
        ("show", "refused", "", "token_unknown"),
    ]
    entries = [recorded.entry for recorded in cards.vault.entries()]
    iduser = parse_alias(alias).iduser
    assert [one.iduser for one in entries] == [iduser] * 5 + [None] * 2 + [iduser] * 3 + [None]
    assert {(one.client, one.origin, one.route) for one in entries} == {
        ("pms", "127.0.0.1", "control/cards")
    }
    assert all(one.key for one in entries)
    assert len({one.exchange for one in entries}) == 8
