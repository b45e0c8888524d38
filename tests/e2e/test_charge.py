"""The PMS charges: its token goes in, the processor gets the card, the PMS never sees one."""

from __future__ import annotations

import json
from datetime import date

import pytest
import requests

from gateway import reach
from gateway.cards.card import Booking, Card, Virtual
from gateway.cards.expiry import Expiry
from gateway.secret import Secret
from gateway.vault.model import NewCard
from tests.e2e.process import until

PAN = "4242424242424242"


def keep(gateway, pan=PAN, *, product="seaside", test=True, holder="Jane Doe", virtual=None):
    card = Card(Secret(pan), Expiry(2030, 12), Secret(holder))
    booking = Booking("siteminder", "10107", f"B-{product}", None, virtual)
    (kept,) = gateway.loop.call(gateway.worker._vault.keep([NewCard(product, test, card, booking)]))
    return kept.token


def stripe(gateway, path, data, *, key=None, **more):
    with gateway.session(key or gateway.key()) as session:
        return session.post(
            f"{gateway.sandbox.named_url('stripe')}{path}",
            data=data,
            headers={"Authorization": "Bearer sk_test_sandbox"} | more.pop("headers", {}),
            timeout=30,
            **more,
        )


def adyen(gateway, body, *, key=None, headers=None):
    # X-API-Key is Adyen's own header: our key goes with the CONNECT.
    with gateway.session(key or gateway.key(), connect_key=True) as session:
        return session.post(
            f"{gateway.sandbox.named_url('adyen')}/v72/payments",
            data=body if isinstance(body, str | bytes) else json.dumps(body),
            headers={"Content-Type": "application/json", "X-API-Key": "test_sandbox_key"}
            | (headers or {}),
            timeout=30,
        )


def payment(number, **card):
    return {
        "amount": {"currency": "EUR", "value": 1000},
        "reference": "R1",
        "merchantAccount": "SandboxMerchant",
        "returnUrl": "https://pms.example/return",
        "paymentMethod": {"type": "scheme", "number": number, "cvc": "737"} | card,
    }


def intent(alias, **more):
    return {
        "amount": "1099",
        "currency": "eur",
        "confirm": "true",
        "payment_method_data[type]": "card",
        "payment_method_data[card][number]": alias,
        "payment_method_data[card][cvc]": "123",
    } | more


def test_a_form(gateway):
    token = keep(gateway)
    answer = stripe(gateway, "/v1/payment_intents", intent(token.alias))
    assert answer.status_code == 200, answer.text
    (card,) = gateway.sandbox.received.cards("stripe")
    assert (card.number, card.month, card.year, card.cvc) == (PAN, "12", "2030", "123")
    assert card.holder == "Jane Doe"
    assert PAN not in answer.text
    assert answer.headers["X-Gateway-Cards"].startswith("found=1")


def test_a_token_request_in_the_older_form(gateway):
    token = keep(gateway)
    answer = stripe(gateway, "/v1/tokens", {"card[number]": token.alias, "card[cvc]": "314"})
    assert answer.status_code == 200, answer.text
    (card,) = gateway.sandbox.received.cards("stripe")
    assert (card.number, card.cvc, card.holder) == (PAN, "314", "Jane Doe")


def test_json(gateway):
    token = keep(gateway, "4111111111111111")
    answer = adyen(gateway, payment(token.alias))
    assert answer.status_code == 200, answer.text
    (card,) = gateway.sandbox.received.cards("adyen")
    assert (card.number, card.month, card.year, card.cvc) == (
        "4111111111111111",
        "12",
        "2030",
        "737",
    )
    assert "4111111111111111" not in answer.text


def test_p03_an_echoed_card_becomes_its_token_again(gateway):
    token = keep(gateway)
    answer = stripe(gateway, "/v1/payment_intents", intent(token.alias, description="echo"))
    assert answer.status_code == 200
    assert PAN not in answer.text
    assert token.alias in answer.text
    assert answer.json()


def test_what_is_no_token_of_ours_passes(gateway):
    answer = stripe(gateway, "/v1/payment_intents", {"amount": "1099", "currency": "eur"})
    assert answer.status_code == 200, answer.text


def test_p06_a_token_of_another_product_is_unknown(gateway):
    token = keep(gateway, product="hilltop")
    answer = stripe(
        gateway, "/v1/payment_intents", intent(token.alias), key=gateway.key(products=("seaside",))
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "token_unknown")
    assert not gateway.sandbox.received.requests("stripe")


@pytest.mark.parametrize("change", ["tokenuser", "iduser", "mode"])
def test_p06_a_token_that_is_not_exactly_as_issued_is_unknown(gateway, change):
    token = keep(gateway)
    alias = {
        "tokenuser": token.alias[:-1] + ("A" if token.alias[-1] != "A" else "B"),
        "iduser": token.alias.replace(str(token.iduser), str(token.iduser ^ 1)),
        "mode": token.alias.replace("tok_test_", "tok_"),
    }[change]
    answer = stripe(gateway, "/v1/payment_intents", intent(alias))
    assert (answer.status_code, answer.json()["code"]) == (422, "token_unknown")
    assert not gateway.sandbox.received.requests("stripe")


def test_p07_a_token_in_a_field_that_the_rule_does_not_name_stays_a_token(gateway):
    token = keep(gateway)
    data = intent(token.alias, description=token.alias) | {"metadata[card]": token.alias}
    stripe(gateway, "/v1/payment_intents", data)
    (request,) = gateway.sandbox.received.requests("stripe")
    assert request.body.count(PAN.encode()) == 1
    assert request.body.count(token.alias.encode()) == 2


def test_p28_without_the_scope_nothing_is_put_in(gateway):
    token = keep(gateway)
    key = gateway.key(scopes=("proxy",))
    answer = stripe(gateway, "/v1/payment_intents", intent(token.alias), key=key)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert not gateway.sandbox.received.requests("stripe")


def test_a_live_token_never_goes_to_a_stand_in(gateway):
    token = keep(gateway, "4900000000000003", product="grand", test=False)
    answer = stripe(
        gateway, "/v1/payment_intents", intent(token.alias), key=gateway.key(products=("grand",))
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "live_token_on_test_host")
    assert not gateway.sandbox.received.requests("stripe")


def test_a_virtual_card_is_not_charged_before_its_activation(gateway):
    token = keep(gateway, "4000000000000077", virtual=Virtual(active_from=date(2099, 1, 1)))
    answer = stripe(gateway, "/v1/payment_intents", intent(token.alias))
    assert (answer.status_code, answer.json()["code"]) == (409, "card_not_yet_active")
    assert not gateway.sandbox.received.requests("stripe")


def test_p09_a_wrong_label_is_refused(gateway):
    token = keep(gateway, "4111111111111111")
    for label in ("text/xml", "application/x-www-form-urlencoded", "text/plain"):
        answer = adyen(gateway, payment(token.alias), headers={"Content-Type": label})
        assert (answer.status_code, answer.json()["code"]) == (415, "label_wrong")
    assert not gateway.sandbox.received.requests("adyen")


def test_p13_duplicate_keys_are_refused(gateway):
    token = keep(gateway, "4111111111111111")
    body = json.dumps(payment(token.alias)).replace(
        '"number":', f'"number": "{token.alias}", "number":', 1
    )
    answer = adyen(gateway, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "message_forbidden")
    assert not gateway.sandbox.received.requests("adyen")


def test_p14_duplicate_fields_are_refused(gateway):
    token = keep(gateway)
    data = [*intent(token.alias).items(), ("payment_method_data[card][number]", "4111111111111111")]
    answer = stripe(gateway, "/v1/payment_intents", data)
    assert (answer.status_code, answer.json()["code"]) == (400, "message_forbidden")
    assert not gateway.sandbox.received.requests("stripe")


def test_p36_the_audit_has_an_intent_and_an_outcome(gateway):
    token = keep(gateway)
    answer = stripe(gateway, "/v1/payment_intents", intent(token.alias))
    exchange = answer.headers["X-Gateway-Exchange"]
    query = (
        "select action, outcome, product, iduser, client, route, origin from audit "
        f"where exchange = '{exchange}' order by id"
    )
    assert until(30, lambda: len(gateway.rows(query)) == 2)  # the outcome follows the answer
    (intent_row, done) = gateway.rows(query)
    assert intent_row[:2] == ("detokenize", "intent")
    assert done[:4] == ("detokenize", "done", "seaside", token.iduser)
    assert done[4:] == ("pms", "stripe/charge", "127.0.0.1")


def test_processors_errors_come_as_they_are(gateway):
    token = keep(gateway, "4000000000000002")
    answer = stripe(gateway, "/v1/payment_intents", intent(token.alias))
    assert answer.status_code == 402
    assert answer.json()["error"]["code"] == "card_declined"


def test_the_real_stripe_client(gateway, monkeypatch):
    import stripe as sdk

    token = keep(gateway)
    monkeypatch.setattr(sdk, "ca_bundle_path", gateway.ca)
    client = sdk.StripeClient(
        "sk_test_sandbox",
        base_addresses={"api": gateway.sandbox.named_url("stripe")},
        http_client=sdk.RequestsClient(
            session=gateway.session(gateway.key()), verify_ssl_certs=True
        ),
    )
    made = client.v1.tokens.create({"card": {"number": token.alias, "cvc": "123"}})
    assert made.card.last4 == PAN[-4:]


def test_two_charges_on_one_connection_make_one_upstream_connection(gateway, monkeypatch):
    dialled, connect = [], reach.connect

    async def counted(address, port):
        dialled.append((str(address), port))
        return await connect(address, port)

    monkeypatch.setattr(reach, "connect", counted)
    token = keep(gateway)
    with gateway.session(gateway.key()) as session:
        for _ in range(3):
            answer = session.post(
                f"{gateway.sandbox.named_url('stripe')}/v1/payment_intents",
                data=intent(token.alias),
                headers={"Authorization": "Bearer sk_test_sandbox"},
                timeout=30,
            )
            assert answer.status_code == 200
    assert dialled == [("127.0.0.1", gateway.sandbox.ports["stripe"])]


def test_p30_nobody_routes_to_a_private_address(gateway):
    with (
        gateway.session(gateway.key()) as session,
        pytest.raises(requests.exceptions.ProxyError) as caught,
    ):
        session.get("https://169.254.169.254/latest/meta-data", timeout=10)
    assert "403" in str(caught.value)
