"""`/v1/cards`: what the calls refuse, and that no number comes out."""

from __future__ import annotations

import json
import random

import pytest

from gateway.cards.token import parse_alias
from tests.control.card_calls import (
    BOOKED,
    CANARY,
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


WRONG = [
    ({"number": CANARY + " 737"}, "number", "number_invalid"),
    ({"number": "0000000000000000"}, "number", "number_invalid"),
    ({"number": int(CANARY)}, "number", "number_invalid"),
    ({"number": None}, "number", "missing"),
    ({"expiration_month": "13"}, "expiration_month", "expiry_invalid"),
    ({"expiration_year": 2029}, "expiration_year", "not_a_text"),
    ({"expiration_year": None}, "expiration_year", "missing"),
    ({"security_code": CANARY}, "security_code", "not_a_security_code"),
    ({"security_code": 737}, "security_code", "not_a_security_code"),
    ({"holder": CANARY}, "holder", "card_number"),
    ({"holder": "A\nB"}, "holder", "not_a_line"),
    ({"holder": "\ud800"}, "holder", "not_a_line"),
    ({"holder": ["a"]}, "holder", "not_a_text"),
    ({"product": CANARY}, "product", "card_number"),
    ({"product": "a b"}, "product", "not_a_name"),
    ({"booking": CANARY}, "booking", "not_an_object"),
    ({"booking": {}}, "booking.system", "missing"),
    ({"booking": {"system": CANARY}}, "booking.system", "card_number"),
    ({"booking": {"system": "own", "hotel": f"x{CANARY[:8]} {CANARY[8:]}"}}, "booking.hotel", "card_number"),
    ({"booking": {"system": "own", "id": CANARY}}, "booking.id", "card_number"),
    ({"booking": {"system": "own", "departure": "20260401"}}, "booking.departure", "not_a_date"),
    ({"booking": {"system": "own", "virtual": {"active_from": "x"}}}, "booking.virtual.active_from", "not_a_date"),
    ({"booking": {"system": "own", "virtual": {"balance": CANARY}}}, "booking.virtual.balance", "card_number"),
    ({"booking": {"system": "own", "virtual": {"balance": "about ten"}}}, "booking.virtual.balance", "not_a_sum"),
    ({"booking": {"system": "own", "virtual": {"balance": "1,234"}}}, "booking.virtual.balance", "not_a_sum"),
    ({"booking": {"system": "own", "virtual": {"active_from": "2026-12-01", "active_until": "2026-11-30"}}}, "booking.virtual.active_until", "before_active_from"),
    ({"booking": {"system": "own", CANARY: 1}}, "booking", "unknown_field"),
    ({CANARY: CANARY}, "", "unknown_field"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "name", "problem"), WRONG, ids=range(len(WRONG)))
def test_p16_each_field_is_checked_and_named_and_nothing_is_repeated(cards, more, name, problem):
    answered = cards.add(body(**more))
    assert refused(answered, 400, "request_invalid")
    assert wrongs(answered) == {(name, problem)}
    assert CANARY not in answered.text
    assert cards.audit() == []


def test_p16_what_a_product_does_not_keep(cards):
    published = body(product="strict", number="4111111111111111", security_code="737")
    without = body(product="strict")
    for said, name, problem in (
        (published, "number", "test_number"),
        (without, "security_code", "cvc_missing"),
    ):
        answered = cards.add(said)
        assert refused(answered, 422, "card_not_kept")
        assert wrongs(answered) == {(name, problem)}
    assert cards.count("card") == 0


def test_p16_no_card_and_no_code_is_in_any_file_log_or_answer(cards, caplog):
    said = body(product="hilltop", security_code="9173", booking={"system": "own", "id": "1"})
    said["number"] = f"{CANARY[:4]}-{CANARY[4:8]}-{CANARY[8:12]}-{CANARY[12:]}"
    answers = [cards.add(said, once="a"), cards.add(said, once="a")]
    alias = answers[0].json()["token"]
    answers += [cards.get(f"/{alias}"), cards.get("?system=own&booking=1")]
    answers += [cards.call("PATCH", f"/{alias}", json=MONTH), cards.add(said | {"number": "x"})]
    answers += [cards.get(f"/{CANARY}"), cards.get(f"?system={CANARY}&booking={CANARY}")]
    answers += [cards.add(said, once=CANARY), cards.control.get("/openapi.json")]
    shown = "".join(one.text + str(one.headers) for one in answers) + caplog.text
    kept = cards.files()
    for secret in (CANARY, said["number"], "9173"):
        assert secret not in shown
    for secret in (CANARY, said["number"], "9173", HOLDER, parse_alias(alias).tokenuser):
        assert secret.encode() not in kept


def test_p16_p33_odd_bodies_and_keys_are_refused(cards):
    dice = random.Random(7)
    whole = json.dumps(booked()).encode()
    alias = cards.token()
    bodies = [b"", b"[]", b"null", b'"a"', b"\xff", b"[" * 5000, b'{"number":1,"number":2}', b"NaN"]
    for _ in range(60):
        cut = bytearray(whole)
        for _ in range(dice.randrange(1, 4)):
            cut[dice.randrange(len(cut))] = dice.randrange(256)
        bodies.append(bytes(cut))
    for data in bodies:
        for method, path in (("POST", ""), ("PATCH", f"/{alias}")):
            answered = cards.call(method, path, data=data)
            assert answered.status_code in {201, 400, 403, 422}, (data, answered.text)
            assert CANARY not in answered.text
    for once in ("a" * 256, "", "\u00e9".encode().decode("latin-1")):
        answered = cards.add(once=once)
        assert refused(answered, 400, "request_invalid"), once
    big = cards.call("POST", "", data=b" " * 70_000)
    assert refused(big, 413, "body_too_large")
    for query in ("", "system=siteminder", f"booking={CANARY}&system=a", "system=a%00&booking=b"):
        answered = cards.get(f"?{query}")
        assert refused(answered, 400, "request_invalid")
        assert CANARY not in answered.text


def test_p27_a_vault_that_is_down(cards):
    alias = cards.token(booked())
    cards.vault.close()
    for method, path in (("POST", ""), ("GET", f"?{BOOKED}"), ("GET", f"/{alias}"),
                         ("PATCH", f"/{alias}"), ("DELETE", f"/{alias}")):  # fmt: skip
        said = MONTH if method == "PATCH" else body()
        assert refused(cards.call(method, path, json=said), 503, "vault_unavailable")
