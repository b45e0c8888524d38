"""The simulated BookingSync over real sockets: every code and shape of its document."""

from __future__ import annotations

import base64
import ssl
from datetime import timedelta

import httpx
import pytest

from tests.sandbox.bookingsync import (
    EXECUTE,
    JSON_API,
    booking,
    in_minutes,
    instant_booking,
    payment,
)

REQUIRED = [
    "tentative_payment_id", "card_number", "cardholder_name", "expires_at_month", "expires_at_year",
    "security_code", "address1", "zip", "city", "country_code", "gateway_id", "gateway_name",
    "gateway_type",
]  # fmt: skip


@pytest.fixture
def http(sandbox, ca):
    context = ssl.create_default_context(cafile=ca)
    with httpx.Client(
        verify=context, trust_env=False, base_url=sandbox.url("bookingsync")
    ) as client:
        yield client


@pytest.fixture
def later(sandbox):
    """Moves the simulator's clock."""
    account = sandbox.bookingsync.account
    usual = account.now

    def move(**by):
        account.now = lambda: usual() + timedelta(**by)

    return move


def resource(answer, kind):
    (made,) = answer.json()[kind]
    return made


def new_booking(http, rental=1, **members):
    body = {"bookings": [booking(**members)]}
    answer = http.post(f"/api/v3/rentals/{rental}/bookings", json=body, headers=JSON_API)
    assert answer.status_code == 201, answer.text
    return resource(answer, "bookings")["id"]


def new_payment(http, booking_id, rental=1, **members):
    body = {"payments": [payment(rental, **members)]}
    answer = http.post(f"/api/v3/bookings/{booking_id}/payments", json=body, headers=JSON_API)
    assert answer.status_code == 201, answer.text
    return resource(answer, "payments")["id"]


def tentative(http, rental=1, **members):
    """A booking and its payment."""
    booking_id = new_booking(http, rental, **members)
    return booking_id, new_payment(http, booking_id, rental)


def execute(http, *args, **members):
    return http.post(EXECUTE, json=instant_booking(*args, **members))


def shown(http, kind, id):
    answer = http.get(f"/api/v3/{kind}/{id}", headers=JSON_API)
    assert answer.status_code == 200
    return resource(answer, kind)


def state(http, booking_id, payment_id):
    paid = shown(http, "payments", payment_id)
    return shown(http, "bookings", booking_id)["status"], paid["paid_at"], paid["transaction_id"]


# --- what becomes of a payment --------------------------------------------------------------------


def test_200_is_empty_and_means_authorised_and_queued(http, sandbox, later):
    booking_id, payment_id = tentative(http)
    answer = execute(http, payment_id)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "0"
    assert state(http, booking_id, payment_id) == ("Tentative", None, None)
    listed = shown(http, "payments", payment_id)
    assert listed["authorized_at"] is not None
    assert listed["card"] == "XXXX-XXXX-XXXX-1111"
    later(seconds=sandbox.bookingsync.settings.capture_seconds)
    status, paid_at, transaction_id = state(http, booking_id, payment_id)
    assert status == "Booked"
    assert paid_at.endswith("Z")
    assert transaction_id.isalpha()
    assert shown(http, "bookings", booking_id)["booked"] is True


def test_a_control_call_captures_at_once(http, later):
    booking_id, payment_id = tentative(http)
    assert http.post("/_sandbox/capture").json() == {"captured": []}
    execute(http, payment_id)
    assert http.post("/_sandbox/capture").json() == {"captured": [payment_id]}
    assert state(http, booking_id, payment_id)[0] == "Booked"
    later(minutes=11)  # what is booked does not expire
    assert state(http, booking_id, payment_id)[0] == "Booked"


def test_the_delay_can_be_set(http):
    told = http.patch("/_sandbox/settings", json={"capture_seconds": 0, "challenges": False})
    assert told.json() == {"capture_seconds": 0, "challenges": False, "fails_with": None}
    booking_id, payment_id = tentative(http, 2)
    assert execute(http, payment_id, 2).status_code == 200
    assert state(http, booking_id, payment_id)[0] == "Booked"
    for wrong in ({"x": 1}, {"capture_seconds": "1"}, {"fails_with": "payment"}):
        assert http.patch("/_sandbox/settings", json=wrong).status_code == 422


def test_a_payment_is_executed_once(http):
    booking_id, payment_id = tentative(http)
    assert execute(http, payment_id).status_code == 200
    for _ in range(2):
        again = execute(http, payment_id)
        assert (again.status_code, again.json()) == (422, {"payment": ["is not chargeable"]})
        http.post("/_sandbox/capture")
    assert state(http, booking_id, payment_id)[0] == "Booked"


def test_a_declined_payment_may_be_tried_with_another_card(http):
    booking_id, payment_id = tentative(http)
    assert execute(http, payment_id, card_number=4111111111111112).status_code == 422
    assert execute(http, payment_id).status_code == 200
    http.post("/_sandbox/capture")
    assert state(http, booking_id, payment_id)[0] == "Booked"


def test_an_expired_booking_is_canceled_and_its_payment_refused(http, later):
    booking_id, payment_id = tentative(http, tentative_expires_at=in_minutes(5))
    later(minutes=6)
    answer = execute(http, payment_id)
    assert (answer.status_code, answer.json()) == (422, {"payment": ["is not chargeable"]})
    assert state(http, booking_id, payment_id) == ("Canceled", None, None)
    assert shown(http, "bookings", booking_id)["canceled_at"] is not None
    assert shown(http, "payments", payment_id)["chargeable"] is False
    body = {"payments": [payment()]}
    more = http.post(f"/api/v3/bookings/{booking_id}/payments", json=body, headers=JSON_API)
    assert more.status_code == 422


def test_what_expires_before_it_is_captured_is_never_captured(http, later):
    http.patch("/_sandbox/settings", json={"capture_seconds": 600})
    booking_id, payment_id = tentative(http, tentative_expires_at=in_minutes(5))
    assert execute(http, payment_id).status_code == 200
    for minutes in (6, 11, 60):
        later(minutes=minutes)
        assert state(http, booking_id, payment_id) == ("Canceled", None, None)
    assert http.post("/_sandbox/capture").json() == {"captured": []}


def test_an_expiry_that_is_noticed_late_costs_no_capture(http, later):
    booking_id, payment_id = tentative(http, tentative_expires_at=in_minutes(5))
    execute(http, payment_id)
    later(minutes=60)  # nobody looked for an hour: it was captured after two seconds
    assert state(http, booking_id, payment_id)[0] == "Booked"


# --- 202 ------------------------------------------------------------------------------------------


def test_the_challenge_of_booking_pay(http):
    _, payment_id = tentative(http, 2)
    answer = execute(http, payment_id, 2)
    said = answer.json()
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json"
    assert list(said) == ["enrollmentId", "acsURL", "paReq", "gateway_name", "uuid", "order_id"]
    assert (said["gateway_name"], said["order_id"]) == ("booking_pay", f"BS-{payment_id}")
    assert said["acsURL"].startswith("https://")


def test_the_challenge_of_ogone(http):
    _, payment_id = tentative(http, 3)
    answer = execute(http, payment_id, 3)
    said = answer.json()
    assert answer.status_code == 202
    assert list(said) == ["gateway_name", "HTML_ANSWER", "uuid"]
    assert said["gateway_name"] == "ogone"
    assert base64.b64decode(said["HTML_ANSWER"], validate=True).startswith(b"<form ")


def test_the_challenge_of_stripe(http):
    _, payment_id = tentative(http, 4)
    answer = execute(http, payment_id, 4)
    said = answer.json()
    assert answer.status_code == 202
    assert list(said) == ["gateway_name", "uuid", "next_action"]
    assert said["gateway_name"] == "stripe"
    action = said["next_action"]
    assert list(action) == ["redirect_to_url", "type"]
    assert action["type"] == "redirect_to_url"
    back = f"https://bookingsync.com?order_id=BS-{payment_id}-"
    assert action["redirect_to_url"]["return_url"].startswith(back)
    assert list(action["redirect_to_url"]) == ["return_url", "url"]


@pytest.mark.parametrize("rental", [2, 3, 4])
def test_after_a_challenge_the_payment_is_captured_later(http, rental):
    booking_id, payment_id = tentative(http, rental)
    uuid = execute(http, payment_id, rental).json()["uuid"]
    assert http.post("/_sandbox/capture").json() == {"captured": []}
    assert http.post(f"/_sandbox/challenges/{uuid}").json() == {"payment": payment_id}
    assert state(http, booking_id, payment_id) == ("Tentative", None, None)
    http.post("/_sandbox/capture")
    assert state(http, booking_id, payment_id)[0] == "Booked"
    assert http.post(f"/_sandbox/challenges/{uuid}").status_code == 404  # it has ended


def test_a_challenge_that_fails_and_another_try(http):
    booking_id, payment_id = tentative(http, 4)
    uuid = execute(http, payment_id, 4).json()["uuid"]
    http.post(f"/_sandbox/challenges/{uuid}", json={"passed": False})
    assert shown(http, "payments", payment_id)["rejected_at"] is not None
    assert http.post("/_sandbox/capture").json() == {"captured": []}
    second = execute(http, payment_id, 4)
    assert second.status_code == 202
    http.post(f"/_sandbox/challenges/{second.json()['uuid']}")
    http.post("/_sandbox/capture")
    assert state(http, booking_id, payment_id)[0] == "Booked"


def test_a_challenge_that_ends_after_the_expiry_books_nothing(http, later):
    booking_id, payment_id = tentative(http, 3, tentative_expires_at=in_minutes(5))
    uuid = execute(http, payment_id, 3).json()["uuid"]
    later(minutes=6)
    assert http.post(f"/_sandbox/challenges/{uuid}").status_code == 409
    assert state(http, booking_id, payment_id) == ("Canceled", None, None)


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
