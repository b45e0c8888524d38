"""The simulated PAYCOMET keeps cards: what it takes, what it gives for them, what it refuses."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from gateway.sandbox.paycomet_cards import TEST_NUMBERS
from tests.sandbox.paycomet_calls import CARD, NUMBER, changed

EARLIER = f"{datetime.now(UTC).year - 2001:02}"


def test_a_card_is_kept_for_a_pair(sandbox, merchant):
    said = merchant.said("/v1/cards", CARD)
    assert set(said) == {"idUser", "tokenUser", "errorCode"}
    assert said["errorCode"] == 0
    assert isinstance(said["idUser"], int)
    assert re.fullmatch(r"[A-Za-z0-9]{13}", said["tokenUser"])
    (card,) = sandbox.received.cards("paycomet")
    assert (card.number, card.month, card.year, card.cvc, card.holder, card.reference) == (
        NUMBER, "05", "30", "123", "Bruce Wayne", str(said["idUser"]),
    )  # fmt: skip
    assert merchant.kept() != {name: said[name] for name in ("idUser", "tokenUser")}


@pytest.mark.parametrize("number", TEST_NUMBERS)
def test_every_number_of_the_test_environment_is_taken(merchant, number):
    assert merchant.kept(pan=number)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"pan": None}, 1042),
        ({"pan": ""}, 1042),
        ({"pan": "5445288852200884"}, 1042),
        ({"pan": "5445 2888 5220 0883"}, 1042),
        ({"pan": "544528******0883"}, 1042),
        ({"pan": "tok_1_Example000001"}, 1042),
        ({"pan": "41111111111"}, 1042),
        ({"expiryMonth": None, "expiryYear": None}, 1046),
        ({"expiryYear": EARLIER}, 1046),
        ({"expiryMonth": None}, 1281),
        ({"expiryMonth": "13"}, 1281),
        ({"expiryMonth": "5"}, 1281),
        ({"expiryYear": None}, 1282),
        ({"expiryYear": "2030"}, 1282),
        ({"cvc2": "12"}, 1283),
        ({"cvc2": "12a"}, 1283),
        ({"terminal": 2, "cvc2": None}, 1043),
        ({"terminal": 2, "cvc2": ""}, 1043),
        ({"terminal": 3}, 1045),
        ({"jetToken": "made-by-no-page"}, 1204),
    ],
)
def test_a_wrong_field_has_its_code(sandbox, merchant, members, code):
    assert merchant.code("/v1/cards", changed(CARD, **members)) == code
    assert sandbox.received.cards("paycomet") == []


def test_without_a_cvc_where_the_product_allows_it(sandbox, merchant):
    merchant.kept(cvc2=None)
    merchant.kept(cvc2="")
    merchant.kept(terminal=2)
    assert [card.cvc for card in sandbox.received.cards("paycomet")] == [None, None, "123"]


@pytest.mark.parametrize(
    ("path", "members", "code", "named"),
    [
        ("/v1/cards", {"terminal": None}, 1045, ["terminal"]),
        ("/v1/cards", {"terminal": "1"}, 1045, ["terminal"]),
        ("/v1/cards", {"terminal": True}, 1045, ["terminal"]),
        ("/v1/cards", {"pan": int(NUMBER), "cvc2": 123}, 1042, ["pan", "cvc2"]),
        ("/v1/cards", {"expiryMonth": 5}, 1281, ["expiryMonth"]),
        ("/v1/cards", {"secureAuthentication": []}, 1017, ["secureAuthentication"]),
        ("/v1/cards/info", {}, 1001, ["idUser", "tokenUser"]),
        ("/v1/cards/delete", {"idUser": "1", "tokenUser": "x"}, 1001, ["idUser"]),
        ("/v1/heartbeat", {"terminal": None}, 1045, ["terminal"]),
    ],
)
def test_a_missing_field_or_a_wrong_type_is_422(sandbox, merchant, path, members, code, named):
    answer = merchant.post(path, changed(CARD, **members))
    assert answer.status_code == 422
    assert answer.json() == {
        "errorCode": code,
        "error": {"message": "Unprocessable Entity", "detail": named},
    }
    assert sandbox.received.cards("paycomet") == []


def test_a_name_that_is_not_described_is_let_pass(merchant):
    assert merchant.kept(note="what the description does not list")


def test_info_shows_all_but_the_number(merchant):
    pair = merchant.kept()
    answer = merchant.post("/v1/cards/info", {"terminal": 1} | pair)
    said = answer.json()
    assert said.pop("cardHash").isalpha()
    assert said == {
        "errorCode": 0, "pan": "XXXXXXXXXXXX0883", "cardBrand": "MASTERCARD",
        "cardType": "CREDIT", "cardICountryISO3": "ESP", "expiryDate": "2030/05",
        "cardCategory": "CONSUMER", "sepaCard": 1, "psd2Card": "Y", "tokenCOF": 0, "eeaCard": "Y",
    }  # fmt: skip
    assert NUMBER not in answer.text


def test_one_card_has_one_hash(merchant):
    hashes = {
        merchant.said("/v1/cards/info", {"terminal": 1} | merchant.kept())["cardHash"]
        for _ in range(2)
    }
    assert len(hashes) == 1


def test_a_brand_that_is_not_known_is_blank(merchant):
    pair = merchant.kept(pan="9100000000000000")
    assert merchant.said("/v1/cards/info", {"terminal": 1} | pair)["cardBrand"] == ""


@pytest.mark.parametrize("path", ["/v1/cards/info", "/v1/cards/delete"])
def test_a_pair_is_both_halves_and_of_a_terminal(merchant, path):
    one, other = merchant.kept(), merchant.kept()
    for pair in (
        one | {"tokenUser": other["tokenUser"]},
        one | {"idUser": 1},
        one | {"tokenUser": one["tokenUser"].swapcase()},
    ):
        assert merchant.code(path, {"terminal": 1} | pair) == 1001
    assert merchant.code(path, {"terminal": 3} | one) == 1045


def test_a_deleted_card_is_gone(merchant):
    pair = {"terminal": 1} | merchant.kept()
    assert merchant.said("/v1/cards/delete", pair) == {"errorCode": 0}
    assert merchant.code("/v1/cards/info", pair) == 1001
    assert merchant.code("/v1/cards/delete", pair) == 1001


def test_a_pair_is_never_given_again(sandbox, merchant):
    before = merchant.kept()["idUser"]
    sandbox.reset()
    assert merchant.kept()["idUser"] > before


def test_a_card_stays_out_of_repr(sandbox, merchant):
    pair = merchant.kept()
    card = sandbox.paycomet.cards.of(pair)
    assert NUMBER not in repr(card)
    assert pair["tokenUser"] not in repr(card)
