"""The simulated Stripe, driven by Stripe's own SDK and, where the SDK is too polite, by requests."""

from __future__ import annotations

import pytest
import requests
import stripe

from gateway.sandbox.form import FormWrong, read_form

CARD = {"number": "4242424242424242", "exp_month": 8, "exp_year": 2030, "cvc": "314"}


@pytest.fixture
def client(sandbox, ca, monkeypatch):
    monkeypatch.setattr(stripe, "ca_bundle_path", ca)
    session = requests.Session()
    http = stripe.RequestsClient(verify_ssl_certs=True, session=session)
    yield stripe.StripeClient(
        "sk_test_sandbox123",
        base_addresses={"api": sandbox.url("stripe")},
        http_client=http,
        max_network_retries=0,
    )
    session.close()


@pytest.fixture
def module(sandbox, ca, monkeypatch):
    """The SDK as most programs use it: module-wide settings and its CA bundle."""
    monkeypatch.setattr(stripe, "api_base", sandbox.url("stripe"))
    monkeypatch.setattr(stripe, "api_key", "sk_test_sandbox123")
    monkeypatch.setattr(stripe, "ca_bundle_path", ca)
    monkeypatch.setattr(stripe, "default_http_client", None)
    return stripe


def post(sandbox, path, body, **headers):
    named = {"Authorization": "Bearer sk_test_sandbox123"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return requests.post(
        sandbox.url("stripe") + path, data=body, headers=named, verify=str(sandbox.ca_file)
    )


def form(number="4242424242424242", month="12", year="2030", more=""):
    return f"card[number]={number}&card[exp_month]={month}&card[exp_year]={year}{more}"


def with_type(body):
    return {"body": body, "Content_Type": "application/x-www-form-urlencoded"}


def problem(answer):
    error = answer.json()["error"]
    return answer.status_code, error["type"], error.get("code"), error.get("param")


def test_the_sdk_makes_a_token(sandbox, module):
    token = module.Token.create(card=CARD | {"name": "Jane Doe"})
    assert token.object == "token"
    assert token.card.last4 == "4242"
    assert (token.card.exp_month, token.card.exp_year) == (8, 2030)
    (card,) = sandbox.received.cards("stripe")
    assert (card.number, card.month, card.year, card.cvc, card.holder, card.reference) == (
        "4242424242424242", "8", "2030", "314", "Jane Doe", token.id,
    )  # fmt: skip


def test_the_sdk_pays_and_looks_the_payment_up(sandbox, client):
    method = client.v1.payment_methods.create({"type": "card", "card": CARD})
    assert (method.card.brand, method.card.last4) == ("visa", "4242")
    intent = client.v1.payment_intents.create(
        {
            "amount": 1099,
            "currency": "eur",
            "payment_method": method.id,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    assert (intent.status, intent.amount_received) == ("succeeded", 1099)
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_the_sdk_confirms_later(client):
    intent = client.v1.payment_intents.create({"amount": 1099, "currency": "eur"})
    assert intent.status == "requires_payment_method"
    data = {"type": "card", "card": CARD, "billing_details": {"name": "Jane"}}
    done = client.v1.payment_intents.confirm(intent.id, {"payment_method_data": data})
    assert done.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.confirm(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"


def test_the_sdk_charges_a_token_and_a_card(sandbox, client):
    token = client.v1.tokens.create({"card": CARD})
    charge = client.v1.charges.create({"amount": 500, "currency": "eur", "source": token.id})
    assert (charge.status, charge.source.last4) == ("succeeded", "4242")
    body = "amount=500&currency=eur&" + form().replace("card[", "source[")
    answer = post(sandbox, "/v1/charges", **with_type(body))
    assert answer.json()["status"] == "succeeded"


def test_a_challenge_needs_action(client):
    data = {"type": "card", "card": CARD | {"number": "4000002500003155"}}
    intent = client.v1.payment_intents.create(
        {
            "amount": 1099,
            "currency": "eur",
            "confirm": True,
            "payment_method_data": data,
            "return_url": "https://pms.example/back",
        }
    )
    assert intent.status == "requires_action"
    assert intent.next_action.redirect_to_url.return_url == "https://pms.example/back"


@pytest.mark.parametrize(
    ("number", "code", "decline"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
    ],
)
def test_declined_test_numbers(client, number, code, decline):
    data = {"type": "card", "card": CARD | {"number": number}}
    with pytest.raises(stripe.CardError) as caught:
        client.v1.payment_intents.create(
            {"amount": 1099, "currency": "eur", "confirm": True, "payment_method_data": data}
        )
    error = caught.value
    assert (error.http_status, error.code) == (402, code)
    assert error.error.decline_code == decline
    assert error.error.payment_intent["status"] == "requires_payment_method"
    assert number not in str(error.json_body)


@pytest.mark.parametrize(
    ("changed", "code", "param"),
    [
        ({"number": "4242424242424241"}, "incorrect_number", "number"),
        ({"number": "tok_1_abc"}, "incorrect_number", "number"),
        ({"number": "424242******4242"}, "incorrect_number", "number"),
        ({"exp_year": 2020}, "invalid_expiry_year", "exp_year"),
        ({"exp_month": 13}, "invalid_expiry_month", "exp_month"),
        ({"cvc": "12"}, "invalid_cvc", "cvc"),
    ],
)
def test_wrong_cards(sandbox, client, changed, code, param):
    with pytest.raises(stripe.CardError) as caught:
        client.v1.tokens.create({"card": CARD | changed})
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (402, code, param)
    assert sandbox.received.cards("stripe") == []


@pytest.mark.parametrize(
    ("path", "body", "code", "param"),
    [
        ("tokens", form(more="&card[foo]=1"), "parameter_unknown", "card[foo]"),
        ("tokens", form(more="&iduser=1"), "parameter_unknown", "iduser"),
        ("tokens", form(more="&card=x"), "parameter_invalid", "card"),
        ("tokens", "card[number]=4242424242424242", "parameter_missing", "card[exp_month]"),
        ("tokens", "", "parameter_missing", "card"),
        ("payment_methods", form(), "parameter_missing", "type"),
        ("payment_intents", "currency=eur", "parameter_missing", "amount"),
        ("payment_intents", "amount=12", "parameter_missing", "currency"),
        ("payment_intents", "amount=1x&currency=eur", "parameter_invalid_integer", "amount"),
        ("payment_intents", "amount=1&currency=eur", "amount_too_small", "amount"),
        (
            "payment_intents",
            "amount=99&currency=eur&payment_method=pm_none",
            "resource_missing",
            "payment_method",
        ),
        (
            "payment_intents",
            (
                "amount=99&currency=eur&payment_method_data[type]=card"
                "&payment_method_data[card][tokenuser]=x"
            ),
            "parameter_unknown",
            "payment_method_data[card][tokenuser]",
        ),
        (
            "payment_intents",
            "amount=99&currency=eur&confirm=true",
            "payment_intent_unexpected_state",
            None,
        ),
        ("charges", "amount=99&currency=eur&source=tok_none", "resource_missing", "source"),
    ],
)
def test_wrong_parameters_are_400_with_their_name(sandbox, path, body, code, param):
    answer = post(sandbox, f"/v1/{path}", **with_type(body))
    assert problem(answer) == (400, "invalid_request_error", code, param)


def test_json_is_not_taken(sandbox):
    answer = post(sandbox, "/v1/tokens", b'{"card": {}}', Content_Type="application/json")
    assert problem(answer)[:2] == (400, "invalid_request_error")


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer pk_test_123",
        "Bearer sk_live_1234567890",
        "Basic !!",
        "Token sk_test_abc",
    ],
)
def test_no_test_key_no_service(sandbox, authorization):
    answer = post(sandbox, "/v1/tokens", **with_type(form()), Authorization=authorization or None)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="Stripe"'
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert sandbox.received.cards("stripe") == []


def test_a_key_as_basic_user_as_curl_sends_it(sandbox, ca):
    answer = requests.post(
        sandbox.url("stripe") + "/v1/tokens",
        data=form(),
        auth=("sk_test_abc123", ""),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        verify=ca,
    )
    assert answer.status_code == 200


def test_an_idempotency_key_gives_the_same_answer_for_the_same_body_only(sandbox):
    same = {"Idempotency_Key": "k-1"}
    first = post(sandbox, "/v1/tokens", **with_type(form()), **same)
    again = post(sandbox, "/v1/tokens", **with_type(form()), **same)
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(sandbox.received.cards("stripe")) == 1
    other = post(sandbox, "/v1/tokens", **with_type(form(month="11")), **same)
    assert problem(other)[:2] == (400, "idempotency_error")
    elsewhere = post(sandbox, "/v1/payment_methods", **with_type(form() + "&type=card"), **same)
    assert problem(elsewhere)[:2] == (400, "idempotency_error")


def test_a_decline_is_kept_and_a_mistake_is_not(sandbox):
    body = "amount=99&currency=eur&" + form("4000000000000002")
    first = post(sandbox, "/v1/charges", **with_type(body), Idempotency_Key="k-2")
    again = post(sandbox, "/v1/charges", **with_type(body), Idempotency_Key="k-2")
    assert first.status_code == again.status_code == 402
    assert first.json() == again.json()
    wrong = post(sandbox, "/v1/tokens", **with_type(form(more="&x=1")), Idempotency_Key="k-3")
    right = post(sandbox, "/v1/tokens", **with_type(form()), Idempotency_Key="k-3")
    assert (wrong.status_code, right.status_code) == (400, 200)


def test_no_answer_shows_the_number_unless_it_is_asked_to(sandbox, client):
    token = client.v1.tokens.create({"card": CARD})
    assert "4242424242424242" not in str(token)
    data = {"type": "card", "card": CARD}
    base = {"amount": 99, "currency": "eur", "confirm": True, "payment_method_data": data}
    assert "4242424242424242" not in str(client.v1.payment_intents.create(base))
    field = client.v1.payment_intents.create(base | {"metadata": {"echo": "number"}})
    assert field.payment_method_card["number"] == "4242424242424242"
    text = client.v1.payment_intents.create(base | {"description": "echo"})
    assert text.description == "echo 4242424242424242"


def test_unknown_urls_and_objects(sandbox, client):
    assert problem(post(sandbox, "/v1/refundz", **with_type("")))[0] == 404
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.retrieve("pi_none")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


def test_received_cards_are_shown_to_this_machine_only(sandbox, client, ca):
    client.v1.tokens.create({"card": CARD})
    url = sandbox.url("stripe") + "/_sandbox/received"
    shown = requests.get(url, verify=ca)
    assert [card["number"] for card in shown.json()["cards"]] == ["4242424242424242"]
    through = requests.get(url, verify=ca, headers={"Host": "stripe.sandbox.test:9444"})
    assert through.status_code == 403
    assert b"4242" not in through.content


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a=1&a=2", {"a": "2"}),
        (b"a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        (b"a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        (b"a%5Bb%5D=c+d%2B", {"a": {"b": "c d+"}}),
        (b"a=%C3%B1&b", {"a": "ñ", "b": ""}),
    ],
)
def test_forms_are_read_as_stripe_reads_them(body, expected):
    assert read_form(body) == expected


@pytest.mark.parametrize(
    "body", [b"a=1&a[b]=2", b"a[b]=2&a=1", b"a]b[=1", b"=1", b"a\xff=1", b"a" + b"[b]" * 20 + b"=1"]
)
def test_forms_that_stripe_refuses(body):
    with pytest.raises(FormWrong):
        read_form(body)
