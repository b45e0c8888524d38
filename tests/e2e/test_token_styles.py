"""One card, shown in four ways by four routes, and charged by what each of them showed."""

from __future__ import annotations

import json
import re
import sqlite3

import pytest
import requests

from gateway.cards.scan import find_cards
from tests.e2e.process import until
from tests.e2e.styles import (
    ALIAS,
    DIGITS,
    PAN,
    REMARK,
    SECOND,
    bookings,
    card,
    charge,
    numbers,
    pull,
    shown_digits,
    started,
    with_pair,
    with_text,
)
from tests.e2e.test_charge import adyen, intent, payment, stripe


@pytest.fixture(scope="module")
def styles(sandbox, tmp_path_factory):
    with started(tmp_path_factory.mktemp("styles"), sandbox) as gateway:
        yield gateway


@pytest.fixture
def key(styles):
    return styles.key(products=("seaside",))


@pytest.mark.parametrize("format", ["form", "json", "xml"])
def test_p25_one_card_shown_in_four_ways_is_charged_by_each_of_them(styles, key, format):
    answers = {
        route: pull(styles, key, route, bookings(card()))
        for route in ("pair", "alias", "digits", "header")
    }
    for answer in answers.values():
        assert PAN not in answer.text
        # The code alone: a token's digits may have it within.
        assert re.search(r"(?<![0-9])123(?![0-9])", answer.text.partition("iduser")[0]) is None
        assert answer.headers["X-Gateway-Cards"].startswith("found=1 tokenized=1 failed=0")
    shown = {route: re.search('number="(.*?)"', one.text)[1] for route, one in answers.items()}
    assert shown["pair"] == shown["header"] == "555555******4444"
    assert re.fullmatch(ALIAS, shown["alias"])
    assert re.fullmatch(DIGITS, shown["digits"])
    iduser = re.search("<iduser>(.*?)</iduser>", answers["pair"].text)[1]
    tokenuser = re.search("<tokenuser>(.*?)</tokenuser>", answers["pair"].text)[1]
    assert shown["alias"] == f"tok_test_{iduser}_{tokenuser}"  # one record
    assert answers["header"].headers["X-Card-Tokens"] == f"1.1={shown['alias']}"
    assert answers["digits"].headers["X-Card-Tokens"] == f"1.1={shown['digits']}"
    bodies = [
        with_pair(format, iduser, tokenuser),
        *(with_text(format, shown[style]) for style in ("alias", "digits")),
        with_text(format, answers["header"].headers["X-Card-Tokens"].partition("=")[2]),
    ]
    for body in bodies:
        answer, arrived = charge(styles, key, format, body)
        assert numbers(format, arrived) == (PAN, "1230"), answer.text
        assert answer.headers["X-Gateway-Cards"].startswith("found=1")
        assert PAN not in answer.text
    for table in ("card", "digit_token"):  # others of this file bring cards of their own
        assert styles.rows(f"select count(*) from {table} where iduser = {int(iduser)}") == [(1,)]


def test_digits_are_charged_at_a_processor_whose_pack_knows_nothing_of_them(styles, key):
    digits = shown_digits(styles, key)
    answer = stripe(styles, "/v1/payment_intents", intent(digits, description="echo"), key=key)
    assert answer.status_code == 200, answer.text
    (paid,) = styles.sandbox.received.cards("stripe")
    assert (paid.number, paid.month, paid.year) == (PAN, "12", "2030")
    assert PAN not in answer.text
    assert digits in answer.text  # what the system sent for it
    grouped = f"{digits[:4]} {digits[4:8]} {digits[8:12]} {digits[12:]}"
    assert adyen(styles, payment(grouped), key=key).status_code == 200
    (paid,) = styles.sandbox.received.cards("adyen")
    assert paid.number == PAN


def test_digits_take_a_numbers_place_in_json(styles, key):
    """Where every reader takes the same value from it: doubles lose some of sixteen that begin with 99."""
    pans = (PAN, SECOND)
    body = {"bookings": [{"card": {"pan": int(one), "expires": "1230"}} for one in pans]}
    answer = pull(styles, key, "bare", json.dumps(body).encode(), "application/json")
    long, short = (one["card"]["pan"] for one in answer.json()["bookings"])
    assert re.fullmatch(DIGITS, long)
    assert isinstance(short, int)
    assert [long, str(short)] == [shown_digits(styles, key, one) for one in pans]


def test_p25_a_modification_without_its_card_gets_the_same_digits(styles, key):
    def pulled(number):
        body = json.dumps({"bookings": [{"id": "R-1", "card": {"pan": number}}]}).encode()
        answer = pull(styles, key, "again", body, "application/json")
        return answer.json()["bookings"][0]["card"]["pan"], answer.headers

    first, _ = pulled("4012888888881881")
    assert re.fullmatch("99[0-9]{10}1881", first)
    for number in ("", "401288******1881"):
        again, headers = pulled(number)
        assert again == first
        assert headers["X-Card-Tokens"] == f"1.1={first}"
        assert "carried=1" in headers["X-Gateway-Cards"]
    again, headers = pulled(first)  # it has the card's token: it asks for nothing
    assert again == first
    assert "left=1" in headers["X-Gateway-Cards"]


def test_p07_digits_that_come_back_are_a_token_and_no_card(styles, key):
    digits = shown_digits(styles, key)
    body = bookings(card(digits), card(SECOND))
    answer = pull(styles, key, "digits", body)
    first, second = re.findall('number="(.*?)"', answer.text)
    assert first == digits
    assert re.fullmatch("99[0-9]{9}0005", second)
    assert "found=1 tokenized=1 failed=0 left=1" in answer.headers["X-Gateway-Cards"]
    assert "cvc" not in answer.text
    assert answer.headers["X-Card-Tokens"] == f"2.1={second}"


def test_p07_digits_whose_record_is_damaged_cost_no_other_card_its_token(styles, key):
    shown = "select iduser from digit_token"
    before = set(styles.rows(shown))
    broken = shown_digits(styles, key, "6011111111111117")
    (iduser,) = set(styles.rows(shown)) - before
    sound = shown_digits(styles, key)
    database = sqlite3.connect(styles.config.database, timeout=20)
    with database:
        damage = "update digit_token set sealed = zeroblob(length(sealed)) where iduser = ?"
        assert database.execute(damage, iduser).rowcount == 1
    database.close()
    before = len(styles.worker._vault.entries(limit=10_000))
    answer = pull(styles, key, "digits", bookings(card(broken), card(sound), card(SECOND)))
    masked, same, fresh = re.findall('number="(.*?)"', answer.text)
    assert masked == f"{broken[:6]}******{broken[-4:]}"
    assert same == sound
    assert re.fullmatch("99[0-9]{9}0005", fresh)
    assert "found=2 tokenized=1 failed=1 left=1" in answer.headers["X-Gateway-Cards"]
    assert answer.headers["X-Gateway-Cards"].endswith("; 1.1=vault")
    assert "cvc" not in answer.text
    made = [one.entry for one in styles.worker._vault.entries(limit=10_000)[before:]]
    assert [(one.action.value, one.outcome.value, one.detail) for one in made] == [
        ("tokenize", "done", ""), ("tokenize", "failed", "vault"),
    ]  # fmt: skip


def test_p03_digits_that_nobody_drew_are_a_card(styles, key):
    """Whatever begins with 99 and fails the check: a number that was typed wrongly is one, too."""
    answer = pull(styles, key, "header", bookings(card("9900000000010009")))
    assert "990000******0009" in answer.text
    assert "found=1 tokenized=1" in answer.headers["X-Gateway-Cards"]


def test_p07_digits_elsewhere_stay_as_they_are(styles, key):
    digits = shown_digits(styles, key)
    body = with_text("xml", digits).replace(
        "<Amount>", f"<Note>{digits} and {REMARK}</Note><Amount>"
    )
    _, arrived = charge(styles, key, "xml", body)
    assert f"<Note>{digits} and " in arrived
    assert numbers("xml", arrived)[0] == PAN
    assert not find_cards(digits.encode())
    answer = pull(styles, key, "header", bookings(f"<Note>{digits} {REMARK}</Note>"))
    assert f"<Note>{digits} 424242******4242</Note>" in answer.text


def test_p06_digits_mean_nothing_to_another_product(styles, key):
    digits = shown_digits(styles, key)
    other = styles.key(products=("hilltop",))
    answer, arrived = charge(styles, other, "xml", with_text("xml", digits))
    assert arrived == with_text("xml", digits), answer.text  # nobody's: as any other text
    assert PAN not in arrived


@pytest.mark.parametrize("body", [bookings(), bookings(card("411111******1111")), b"<none/>"])
def test_p25_a_partner_can_not_say_which_token_a_card_has(styles, key, body):
    styles.partner.bodies, styles.partner.more = (
        [body],
        b"X-Card-Tokens: 1.1=tok_test_7_Example000001\r\n",
    )
    with styles.session(key) as session:
        url = f"https://booking.sandbox.test:{styles.partner.port}/styles/header"
        answer = session.post(
            url, data="{}", headers={"Content-Type": "application/json"}, timeout=20
        )
    assert answer.status_code == 200
    assert "X-Card-Tokens" not in answer.headers


def test_a_card_is_shown_and_forgotten_by_its_digits(styles, key):
    digits = shown_digits(styles, key, SECOND)
    api = "http://{}:{}/v1/cards".format(*styles.addresses.control)
    own = {"X-Api-Key": styles.key(scopes=("cards",), products=("seaside",))}
    shown = requests.get(f"{api}/{digits}", headers=own, timeout=30)
    assert re.fullmatch(ALIAS, shown.json()["token"])
    assert requests.delete(f"{api}/{digits}", headers=own, timeout=30).status_code == 204
    assert requests.get(f"{api}/{digits}", headers=own, timeout=30).status_code == 404
    _, arrived = charge(styles, key, "xml", with_text("xml", digits))
    assert arrived == with_text("xml", digits)
    assert shown_digits(styles, key, SECOND) != digits  # another card by now
    assert digits not in styles.logs.getvalue()


def test_p36_the_audit_has_the_card_and_no_digits(styles, key):
    digits = shown_digits(styles, key)
    before = len(styles.worker._vault.entries(limit=10_000))
    charge(styles, key, "json", with_text("json", digits))

    def entries():
        return [one.entry for one in styles.worker._vault.entries(limit=10_000)[before:]]

    assert until(5, lambda: len(entries()) == 2) is not None
    made = entries()
    assert [(one.action.value, one.outcome.value) for one in made] == [
        ("detokenize", "intent"), ("detokenize", "done"),
    ]  # fmt: skip
    assert digits not in repr(made)
    assert digits not in styles.logs.getvalue()
