"""The simulated BookingSync over real sockets: every code and shape of its document."""

from __future__ import annotations

import pytest

from tests.sandbox.bookingsync import (
    EXECUTE,
    JSON_API,
    booking,
    execute,
    instant_booking,
    new_booking,
    new_payment,
    tentative,
)

REQUIRED = [
    "tentative_payment_id", "card_number", "cardholder_name", "expires_at_month", "expires_at_year",
    "security_code", "address1", "zip", "city", "country_code", "gateway_id", "gateway_name",
    "gateway_type",
]  # fmt: skip


# --- 422 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("blank", [None, "", " "])
def test_each_required_attribute(http, name, blank):
    _, payment_id = tentative(http)
    answer = execute(http, payment_id, **{name: blank})
    assert (answer.status_code, answer.json()) == (422, {name: ["can't be blank"]})


def test_all_blank_attributes_are_named_at_once(http, sandbox):
    answer = http.post(EXECUTE, json={})
    assert answer.status_code == 422
    assert answer.json() == {name: ["can't be blank"] for name in REQUIRED}
    assert sandbox.received.cards("bookingsync") == []


def test_the_published_payload_lacks_the_payment(http):
    answer = http.post(EXECUTE, json=instant_booking(None))
    assert answer.json() == {"tentative_payment_id": ["can't be blank"]}


def test_address2_and_state_are_not_required(http):
    _, payment_id = tentative(http)
    assert execute(http, payment_id, state=None).status_code == 200


@pytest.mark.parametrize(
    ("members", "errors"),
    [
        ({"card_number": 4111111111111114}, ["number - is not a valid credit card number"]),
        ({"card_number": "tok_test_1_aaaaaaaaaaaaa"}, ["number - is not a valid credit card number"]),
        ({"card_number": "411111******1111"}, ["number - is not a valid credit card number"]),
        ({"card_number": 4111111111111111.5}, ["number - is not a valid credit card number"]),
        ({"card_number": "4111 1111 1111"}, ["number - is not a valid credit card number"]),
        ({"expires_at_month": "13"}, ["month - is not a valid month"]),
        ({"expires_at_month": 0}, ["month - is not a valid month"]),
        ({"expires_at_year": "30"}, ["year - is not a valid year"]),
        ({"expires_at_year": "2099"}, ["year - is not a valid year"]),
        ({"expires_at_year": "2020"}, ["year - expired"]),
        ({"security_code": 12}, ["verification_value - should be 3 digits"]),
        ({"security_code": "12a"}, ["verification_value - should be 3 digits"]),
        ({"security_code": 1234}, ["verification_value - should be 3 digits"]),
        ({"card_number": "378282246310005"}, ["verification_value - should be 4 digits"]),
        (
            {"card_number": 1, "expires_at_year": "2020", "security_code": "0"},
            [
                "year - expired",
                "verification_value - should be 3 digits",
                "number - is not a valid credit card number",
            ],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_card(http, sandbox, members, errors):
    _, payment_id = tentative(http)
    answer = execute(http, payment_id, **members)
    assert (answer.status_code, answer.json()) == (422, {"credit_card": errors})
    assert sandbox.received.cards("bookingsync") == []


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (4111111111111111, 200, None),
        (4111111111111112, 422, {"payment": ["authorization declined"]}),
        (4111111111111113, 422, {"server": ["payment gateway failure"]}),
        (5555555555554444, 200, None),
    ],
)
@pytest.mark.parametrize("spell", [int, str, lambda digits: " ".join(str(digits)[n : n + 4] for n in (0, 4, 8, 12))])  # fmt: skip
def test_the_test_numbers(http, sandbox, number, status, said, spell):
    _, payment_id = tentative(http)
    answer = execute(http, payment_id, card_number=spell(number))
    assert answer.status_code == status
    assert (answer.json() if answer.content else None) == said
    (card,) = sandbox.received.cards("bookingsync")
    assert (card.number, card.reference) == (str(number), str(payment_id))


@pytest.mark.parametrize("spell", [int, str])
def test_numbers_and_strings_alike(http, sandbox, spell):
    _, payment_id = tentative(http)
    spelled = {
        "tentative_payment_id": spell(payment_id),
        "expires_at_month": spell(8),
        "expires_at_year": spell(2030),
        "security_code": spell(123),
        "gateway_id": spell(123),
    }
    assert execute(http, payment_id, **spelled).status_code == 200
    (card,) = sandbox.received.cards("bookingsync")
    assert (card.month, card.year, card.cvc, card.holder) == ("8", "2030", "123", "John Doe")


def test_a_code_with_a_leading_zero_is_a_string(http, sandbox):
    _, payment_id = tentative(http)
    assert execute(http, payment_id, security_code="012").status_code == 200
    assert sandbox.received.cards("bookingsync")[0].cvc == "012"
    body = b'{"security_code": 012}'  # no JSON number
    headers = {"Content-Type": "application/json"}
    assert http.post(EXECUTE, content=body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("rental", "members"),
    [
        (5, {}),
        (1, {"gateway_id": "124"}),
        (1, {"gateway_name": "stripe"}),
        (1, {"gateway_type": "PaypalExpressGateway"}),
    ],
)
def test_a_gateway_that_is_not_set_for_the_rental(http, rental, members):
    _, payment_id = tentative(http, rental)
    answer = execute(http, payment_id, rental, **members)
    assert answer.status_code == 422
    assert list(answer.json()) == ["data"]


@pytest.mark.parametrize("attribute", ["api", "server"])
def test_what_should_not_happen_too_often(http, attribute):
    _, payment_id = tentative(http)
    http.patch("/_sandbox/settings", json={"fails_with": attribute})
    answer = execute(http, payment_id)
    assert answer.status_code == 422
    ((named, (text,)),) = answer.json().items()
    assert named == attribute
    assert text
    http.patch("/_sandbox/settings", json={"fails_with": None})
    assert execute(http, payment_id).status_code == 200


def test_payments_that_can_not_be_executed(http):
    unknown = {"tentative_payment_id": ["is invalid"]}
    for id in (999, "x", "9" * 30, "٣"):
        assert execute(http, id).json() == unknown
    booking_id = new_booking(http)
    cash = new_payment(http, booking_id, kind="cash", paid_at="2020-01-01T00:00:00Z")
    assert execute(http, cash).json() == unknown


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"a": 1, "a": 2}', b'{"a": NaN}', b"\xff", b"1"])
def test_what_is_no_object_of_json(http, body):
    headers = {"Content-Type": "application/json"}
    assert http.post(EXECUTE, content=body, headers=headers).status_code == 400


def test_another_label_or_method(http):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert http.post(EXECUTE, content=b"card_number=1", headers=form).status_code == 415
    assert http.get(EXECUTE).status_code == 405


# --- what is for this machine only ----------------------------------------------------------------


def test_received_cards_and_control_calls_by_address_only(http, sandbox):
    _, payment_id = tentative(http)
    execute(http, payment_id)
    (card,) = http.get("/_sandbox/received").json()["cards"]
    assert card["number"] == "4111111111111111"
    named = {"Host": "secure.bookingsync.sandbox.test"}
    for method, path in (
        ("GET", "/_sandbox/received"),
        ("POST", "/_sandbox/capture"),
        ("POST", "/_sandbox/challenges/x"),
        ("PATCH", "/_sandbox/settings"),
    ):
        assert http.request(method, path, headers=named).status_code == 403


def test_each_host_has_its_own_paths(http):
    secure, www = ({"Host": f"{name}bookingsync.sandbox.test"} for name in ("secure.", ""))
    assert http.post(EXECUTE, json={}, headers=secure).status_code == 422
    assert http.post(EXECUTE, json={}, headers=www).status_code == 404
    assert http.get("/api/v3/bookings/1", headers=JSON_API | secure).status_code == 404
    body = {"bookings": [booking()]}
    made = http.post("/api/v3/rentals/1/bookings", json=body, headers=JSON_API | www)
    assert made.status_code == 201


def test_reset_forgets_everything(http, sandbox):
    booking_id, _ = tentative(http)
    http.patch("/_sandbox/settings", json={"capture_seconds": 60})
    sandbox.reset()
    assert http.get(f"/api/v3/bookings/{booking_id}", headers=JSON_API).status_code == 404
    assert sandbox.bookingsync.settings.capture_seconds == 2.0
