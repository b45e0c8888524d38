"""The simulated PAYCOMET and money: charges, holds, challenges, refunds, and each of their refusals."""

from __future__ import annotations

import re

import pytest

from gateway.sandbox.paycomet_cards import DECLINES, NEEDS_CHALLENGE, StoredCard
from tests.sandbox.paycomet_calls import AGAIN, CARD, NUMBER, PAYMENT

PATHS = pytest.mark.parametrize("path", ["/v1/payments", "/v1/payments/preauth"])


# --- paying ---------------------------------------------------------------------------------------


@PATHS
def test_a_payment_by_pair(merchant, path):
    pair = merchant.kept()
    said = merchant.said(path, merchant.payment(pair))
    assert re.fullmatch(r"AC[0-9]{6}", said.pop("authCode"))
    assert said == {
        "errorCode": 0, "amount": "202", "currency": "EUR", "methodId": 1,
        "order": "PAY987654321", "terminal": 1, "cardCountry": "ESP", **pair,
    }  # fmt: skip


def test_a_payment_by_card(sandbox, merchant):
    card = {name: value for name, value in CARD.items() if name != "terminal"}
    said = merchant.said("/v1/payments", {"payment": PAYMENT | card})
    assert said["errorCode"] == 0
    assert [each.number for each in sandbox.received.cards("paycomet")] == [NUMBER]
    pair = {"terminal": 1, "idUser": said["idUser"], "tokenUser": said["tokenUser"]}
    assert merchant.said("/v1/cards/info", pair)["pan"].endswith("0883")
    wrong = {"payment": PAYMENT | card | {"order": "P2", "pan": "1"}}
    assert merchant.code("/v1/payments", wrong) == 1042


@PATHS
@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"terminal": 3}, 1045),
        ({"order": ""}, 1039),
        ({"order": "with space"}, 1039),
        ({"amount": "2.02"}, 1038),
        ({"amount": "-202"}, 1038),
        ({"amount": "0"}, 1038),
        ({"amount": ""}, 1038),
        ({"currency": "eur"}, 1041),
        ({"originalIp": "here"}, 1048),
        ({"methodId": "11"}, 1340),
        ({"userInteraction": 2}, 1324),
        ({"scoring": "101"}, 1277),
        ({"scaException": "MIT"}, 1361),
        ({"idUser": 1}, 1001),
        ({"tokenUser": "XxXxXxXxXxXxX"}, 1001),
    ],
)
def test_a_wrong_payment_has_its_code(merchant, path, members, code):
    assert merchant.code(path, merchant.payment(merchant.kept(), **members)) == code


@PATHS
@pytest.mark.parametrize(
    ("members", "code", "named"),
    [
        ({"amount": 202}, 1038, ["amount"]),
        ({"methodId": 1}, 1340, ["methodId"]),
        ({"secure": None}, 1017, ["secure"]),
        ({"secure": 2}, 1017, ["secure"]),
        ({"idUser": None, "tokenUser": None}, 1001, ["idUser", "tokenUser"]),
        ({"tokenUser": None}, 1001, ["tokenUser"]),
        ({"idUser": "40000001"}, 1001, ["idUser"]),
        ({"currency": None, "order": None}, 1039, ["order", "currency"]),
    ],
)
def test_a_payment_of_the_wrong_form_is_422(merchant, path, members, code, named):
    answer = merchant.post(path, merchant.payment(merchant.kept(), **members))
    assert answer.status_code == 422
    assert answer.json()["errorCode"] == code
    assert answer.json()["error"]["detail"] == named


def test_the_fields_stand_under_payment(merchant):
    answer = merchant.post("/v1/payments", PAYMENT)
    assert (answer.status_code, answer.json()["errorCode"]) == (422, 1017)
    assert answer.json()["error"]["detail"] == ["payment"]


def test_php_writes_an_empty_object_as_a_list(merchant):
    assert merchant.paid(merchantData=[])["errorCode"] == 0


@PATHS
@pytest.mark.parametrize(("number", "code"), DECLINES.items())
def test_declined_numbers(merchant, path, number, code):
    said = merchant.said(path, merchant.payment(merchant.kept(pan=number)))
    assert said["errorCode"] == code
    assert "authCode" not in said
    again = merchant.paid(path)
    assert again["errorCode"] == 0, "an order that failed may be tried again"


def test_a_card_that_expired_since(sandbox, merchant):
    pair = merchant.kept()
    kept = sandbox.paycomet.cards._cards
    old = StoredCard(pair["idUser"], pair["tokenUser"], NUMBER, "01", "20", None, None)
    kept[pair["idUser"]] = old
    assert merchant.said("/v1/payments", merchant.payment(pair))["errorCode"] == 100


@PATHS
def test_an_order_is_paid_once(merchant, path):
    pair = merchant.kept()
    merchant.said("/v1/payments", merchant.payment(pair))
    assert merchant.code(path, merchant.payment(pair)) == 1026


def test_echo_gives_the_number_away(merchant):
    assert merchant.paid(productDescription="echo")["pan"] == NUMBER


# --- the cardholder is asked ----------------------------------------------------------------------


def challenged(merchant, **members):
    pair = merchant.kept(pan=NEEDS_CHALLENGE)
    return merchant.said("/v1/payments", merchant.payment(pair, **members))


def state(merchant, order="PAY987654321"):
    payment = merchant.said(f"/v1/payments/{order}/info", {"payment": {"terminal": 1}})["payment"]
    return payment["state"], payment["response"], payment["errorCode"]


def test_a_challenge_that_is_met(sandbox, merchant):
    said = challenged(merchant)
    assert said["errorCode"] == 0
    assert "authCode" not in said
    assert said["challengeUrl"].startswith(sandbox.url("paycomet") + "/challenge/")
    assert state(merchant) == (2, "UF", 0)
    about = {"payment": AGAIN | {"authCode": ""}}
    assert merchant.code("/v1/payments/PAY987654321/refund", about) == 508
    assert merchant.code("/v1/payments", merchant.payment(merchant.kept())) == 1248
    assert merchant.client.get(said["challengeUrl"]).text == "Authenticated."
    assert state(merchant) == (1, "OK", 0)
    assert merchant.client.get(said["challengeUrl"]).status_code == 404


def test_a_challenge_that_is_left(merchant):
    said = challenged(merchant)
    assert merchant.client.get(said["challengeUrl"] + "?outcome=ko").text == "Cancelled."
    assert state(merchant) == (0, "KO", 184)
    about = {"payment": AGAIN | {"authCode": ""}}
    assert merchant.code("/v1/payments/PAY987654321/refund", about) == 505


@pytest.mark.parametrize(("outcome", "where"), [("ok", "/fine"), ("ko", "/sorry")])
def test_the_cardholder_is_sent_back(merchant, outcome, where):
    urls = {"urlOk": "https://pms.example/fine", "urlKo": "https://pms.example/sorry"}
    said = challenged(merchant, **urls)
    answer = merchant.client.get(said["challengeUrl"], params={"outcome": outcome})
    assert (answer.status_code, answer.headers["location"]) == (302, f"https://pms.example{where}")


def test_a_challenge_without_a_user(merchant):
    assert challenged(merchant, userInteraction=0)["errorCode"] == 1325


def test_a_challenge_that_was_not_offered(merchant):
    assert challenged(merchant, secure=0)["errorCode"] == 195


def test_a_merchant_initiated_payment_is_not_challenged(merchant):
    said = challenged(merchant, scaException="MIT", trxType="N", userInteraction=0)
    assert said["errorCode"] == 0
    assert said["authCode"]


# --- giving back ----------------------------------------------------------------------------------


def test_a_refund_in_parts(merchant):
    done = merchant.paid()
    said = merchant.later(done, "refund", amount="200")
    assert said == {
        "errorCode": 0, "amount": "200", "currency": "EUR", "methodId": 1,
        "order": done["order"], "authCode": done["authCode"],
    }  # fmt: skip
    assert merchant.later(done, "refund", amount="3") == {"errorCode": 1027}
    assert merchant.later(done, "refund", amount="2")["errorCode"] == 0
    assert merchant.later(done, "refund", amount="1") == {"errorCode": 1027}


def test_an_empty_amount_gives_all_back(merchant):
    done = merchant.paid()
    assert merchant.later(done, "refund", amount="")["amount"] == "202"
    assert merchant.later(done, "refund", amount="") == {"errorCode": 1027}


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"authCode": "AC000000"}, 130),
        ({"terminal": 2}, 130),
        ({"terminal": 3}, 1045),
        ({"amount": "203"}, 1027),
        ({"amount": "1.5"}, 1038),
        ({"currency": "USD"}, 132),
        ({"originalIp": "here"}, 1048),
    ],
)
def test_a_wrong_refund_has_its_code(merchant, members, code):
    assert merchant.later(merchant.paid(), "refund", **members) == {"errorCode": code}


def test_a_refund_of_what_was_never_paid(merchant):
    unknown = {"order": "NEVER", "authCode": "AC123456"}
    assert merchant.later(unknown, "refund") == {"errorCode": 130}
    answer = merchant.post("/v1/payments/NEVER/refund", {"payment": {"terminal": 1}})
    assert answer.status_code == 422
    assert answer.json()["error"]["detail"] == ["amount", "currency", "authCode", "originalIp"]


# --- holding --------------------------------------------------------------------------------------


def test_a_hold_is_confirmed_in_part_and_refunded(merchant):
    done = merchant.held()
    assert merchant.later(done, "refund") == {"errorCode": 510}
    said = merchant.later(done, "preauth/confirm", amount="150")
    assert said == {
        "errorCode": 0, "amount": "150", "currency": "EUR", "order": done["order"],
        "authCode": done["authCode"],
    }  # fmt: skip
    assert merchant.later(done, "preauth/confirm", amount="1") == {"errorCode": 1008}
    assert merchant.later(done, "preauth/cancel") == {"errorCode": 538}
    assert merchant.later(done, "refund", amount="151") == {"errorCode": 1027}
    assert merchant.later(done, "refund", amount="150")["errorCode"] == 0


def test_a_hold_is_cancelled(merchant):
    done = merchant.held()
    assert merchant.later(done, "preauth/cancel") == {
        "errorCode": 0, "amount": "202", "currency": "EUR", "order": done["order"],
        "cardCountry": "ESP",
    }  # fmt: skip
    assert merchant.later(done, "preauth/cancel") == {"errorCode": 504}
    assert merchant.later(done, "preauth/confirm") == {"errorCode": 504}


@pytest.mark.parametrize("act", ["preauth/confirm", "preauth/cancel"])
def test_only_a_hold_that_is_there(merchant, act):
    unknown = {"order": "NEVER", "authCode": "AC123456"}
    assert merchant.later(unknown, act) == {"errorCode": 1008}
    assert merchant.later(merchant.paid(), act) == {"errorCode": 1008}
    done = merchant.held(order="HELD")
    assert merchant.later(done, act, authCode="AC000000") == {"errorCode": 1008}
    assert merchant.later(done, act, amount="x") == {"errorCode": 1038}


def test_no_more_than_was_held(merchant):
    done = merchant.held()
    assert merchant.later(done, "preauth/confirm", amount="203") == {"errorCode": 1050}


# --- looking up -----------------------------------------------------------------------------------


def test_info_tells_the_whole_story(merchant):
    done = merchant.held(productDescription="Two nights")
    merchant.later(done, "preauth/confirm", amount="150")
    merchant.later(done, "refund", amount="50")
    answer = merchant.post(f"/v1/payments/{done['order']}/info", {"payment": {"terminal": 1}})
    said = answer.json()
    payment = said["payment"]
    assert said["errorCode"] == 0
    assert [(each["operationType"], each["amount"]) for each in payment["history"]] == [
        (3, "202"), (6, "150"), (2, "50"),
    ]  # fmt: skip
    assert (payment["operationType"], payment["amount"], payment["amountDisplay"]) == (
        2, "50", "0.50 EUR",
    )  # fmt: skip
    assert payment["pan"] == "XXXXXXXXXXXX0883"
    assert payment["authCode"] == done["authCode"]
    assert payment["productDescription"] == "Two nights"
    assert (payment["state"], payment["response"], payment["terminal"]) == (1, "OK", 1)
    assert NUMBER not in answer.text


def test_info_of_what_is_not_there(merchant):
    done = merchant.paid()
    assert merchant.code("/v1/payments/NEVER/info", {"payment": {"terminal": 1}}) == 153
    path = f"/v1/payments/{done['order']}/info"
    assert merchant.code(path, {"payment": {"terminal": 2}}) == 153
    assert merchant.code(path, {"payment": {"terminal": 3}}) == 1045
    assert merchant.post(path, {}).status_code == 422


def test_info_of_a_declined_payment(merchant):
    pair = merchant.kept(pan="4000000000009995")
    merchant.said("/v1/payments", merchant.payment(pair))
    assert state(merchant) == (0, "KO", 105)


def test_everything_is_forgotten(sandbox, merchant):
    merchant.paid()
    sandbox.reset()
    assert merchant.code("/v1/payments/PAY987654321/info", {"payment": {"terminal": 1}}) == 153
