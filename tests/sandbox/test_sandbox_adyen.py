"""The simulated Adyen: requests that Adyen's own library sends, and ones that it would not."""

from __future__ import annotations

import copy

import httpx
import pytest
import requests

PAYMENT = {
    "amount": {"currency": "EUR", "value": 1000},
    "reference": "R1",
    "merchantAccount": "M",
    "returnUrl": "https://x.example",
    "paymentMethod": {
        "type": "scheme",
        "number": "4111111111111111",
        "expiryMonth": "03",
        "expiryYear": "2030",
        "cvc": "737",
        "holderName": "John Smith",
    },
}
CLASSIC = {
    "amount": {"currency": "EUR", "value": 1000},
    "reference": "R2",
    "merchantAccount": "M",
    "card": {key: value for key, value in PAYMENT["paymentMethod"].items() if key != "type"},
}
CHECKOUT, PAL = "/v72/payments", "/pal/servlet/Payment/v68/authorise"


def changed(payment, *path, **members):
    made = copy.deepcopy(payment)
    level = made
    for step in path:
        level = level[step]
    for name, value in members.items():
        if value is None:
            level.pop(name, None)
        else:
            level[name] = value
    return made


def post(sandbox, path, payment, **headers):
    return requests.post(
        sandbox.url("adyen") + path,
        json=payment,
        headers={"X-API-Key": "x"} | headers,
        verify=str(sandbox.ca_file),
    )


def test_a_payment_is_authorised(sandbox):
    answer = post(sandbox, CHECKOUT, PAYMENT)
    said = answer.json()
    assert (answer.status_code, said["resultCode"]) == (200, "Authorised")
    assert said["merchantReference"] == "R1"
    assert said["amount"] == PAYMENT["amount"]
    assert said["paymentMethod"] == {"brand": "visa", "type": "scheme"}
    assert said["additionalData"]["cardSummary"] == "1111"
    assert said["pspReference"] == answer.headers["pspreference"]
    assert "4111111111111111" not in answer.text
    (card,) = sandbox.received.cards("adyen")
    assert (card.number, card.month, card.year, card.cvc, card.holder, card.reference) == (
        "4111111111111111", "03", "2030", "737", "John Smith", "R1",
    )  # fmt: skip


def test_the_classic_interface(sandbox):
    said = post(sandbox, PAL, CLASSIC).json()
    assert said["resultCode"] == "Authorised"
    assert [card.number for card in sandbox.received.cards("adyen")] == ["4111111111111111"]


@pytest.mark.parametrize(
    ("holder", "reason", "code"),
    [
        ("DECLINED", "Refused", "2"),
        ("NOT_ENOUGH_BALANCE", "Not enough balance", "12"),
        ("CVC_DECLINED", "CVC Declined", "24"),
    ],
)
def test_refusals_by_holder_name(sandbox, holder, reason, code):
    for path, payment, level in ((CHECKOUT, PAYMENT, "paymentMethod"), (PAL, CLASSIC, "card")):
        said = post(sandbox, path, changed(payment, level, holderName=holder)).json()
        assert said["resultCode"] == "Refused"
        assert (said["refusalReason"], said["refusalReasonCode"]) == (reason, code)


@pytest.mark.parametrize(
    ("payment", "status", "code", "kind"),
    [
        (changed(PAYMENT, "paymentMethod", number="4111111111111112"), 422, "101", "validation"),
        (changed(PAYMENT, "paymentMethod", number="tok_1_x"), 422, "101", "validation"),
        (changed(PAYMENT, "paymentMethod", number="411111******1111"), 422, "101", "validation"),
        (changed(PAYMENT, "paymentMethod", number=4111111111111111), 400, "702", "validation"),
        (changed(PAYMENT, "paymentMethod", expiryMonth="13"), 422, "140", "validation"),
        (changed(PAYMENT, "paymentMethod", expiryYear="30"), 422, "141", "validation"),
        (changed(PAYMENT, "paymentMethod", expiryYear="2020"), 422, "129", "validation"),
        (changed(PAYMENT, "paymentMethod", cvc="12"), 422, "103", "validation"),
        (changed(PAYMENT, "paymentMethod", tokenuser="x"), 400, "702", "validation"),
        (changed(PAYMENT, "paymentMethod", type="paypal"), 422, "14_003", "validation"),
        (changed(PAYMENT, paymentMethod=None), 422, "14_004", "validation"),
        (changed(PAYMENT, iduser="1"), 400, "702", "validation"),
        (changed(PAYMENT, amount=None), 422, "100", "validation"),
        (changed(PAYMENT, "amount", value="1000"), 422, "137", "validation"),
        (changed(PAYMENT, "amount", currency="eur"), 422, "138", "validation"),
        (changed(PAYMENT, reference=None), 422, "130", "validation"),
        (changed(PAYMENT, returnUrl=None), 422, "14_030", "validation"),
        (changed(PAYMENT, merchantAccount=None), 403, "901", "security"),
        ([], 400, "702", "validation"),
    ],
)
def test_wrong_payments_get_adyens_error(sandbox, payment, status, code, kind):
    answer = post(sandbox, CHECKOUT, payment)
    said = answer.json()
    assert answer.status_code == said["status"] == status
    assert (said["errorCode"], said["errorType"]) == (code, kind)
    assert said["message"]
    assert said["pspReference"]
    assert sandbox.received.cards("adyen") == []


def test_the_key_the_label_and_the_path_matter(sandbox, ca):
    assert (
        post(sandbox, CHECKOUT, PAYMENT, **{"X-API-Key": "wrong"}).json()["errorType"] == "security"
    )
    url = sandbox.url("adyen")
    with httpx.Client(verify=_context(ca), trust_env=False) as client:
        assert client.post(url + CHECKOUT, json=PAYMENT).status_code == 401
        key = {"x-api-key": "x"}
        assert client.post(url + CHECKOUT, content=b"{}", headers=key).status_code == 415
        assert client.post(url + "/v72/refunds", json={}, headers=key).status_code == 404
        named = key | {"content-type": "application/json"}
        for body in (
            b"{",
            b'{"a": NaN}',
            b'{"reference": "a", "reference": "b"}',
            b"\xff",
            b"[" * 99999,
        ):
            assert client.post(url + CHECKOUT, content=body, headers=named).status_code == 400


def _context(ca):
    import ssl

    return ssl.create_default_context(cafile=ca)


def test_an_idempotency_key_gives_the_same_answer(sandbox):
    first = post(sandbox, CHECKOUT, PAYMENT, **{"Idempotency-Key": "k"}).json()
    assert post(sandbox, CHECKOUT, PAYMENT, **{"Idempotency-Key": "k"}).json() == first
    assert len(sandbox.received.cards("adyen")) == 1


def test_a_challenge_and_an_echo(sandbox):
    asked = changed(PAYMENT, authenticationData={"attemptAuthentication": "always"})
    said = post(sandbox, CHECKOUT, asked).json()
    assert said["resultCode"] == "RedirectShopper"
    assert said["action"]["type"] == "redirect"
    echoed = post(sandbox, CHECKOUT, changed(PAYMENT, reference="echo")).json()
    assert echoed["additionalData"]["cardNumber"] == "4111111111111111"


def test_received_cards_by_address_only(sandbox, ca):
    post(sandbox, CHECKOUT, PAYMENT)
    url = sandbox.url("adyen") + "/_sandbox/received"
    assert requests.get(url, verify=ca).json()["cards"][0]["holder"] == "John Smith"
    assert requests.get(url, verify=ca, headers={"Host": "adyen.sandbox.test"}).status_code == 403
