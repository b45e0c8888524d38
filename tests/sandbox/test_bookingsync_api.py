"""The simulated BookingSync's API v3: bookings and payments as its reference describes them."""

from __future__ import annotations

import ssl

import httpx
import pytest

from tests.sandbox.bookingsync import JSON_API, booking, payment

BOOKINGS, PAYMENTS = "/api/v3/rentals/1/bookings", "/api/v3/bookings/1/payments"


@pytest.fixture
def http(sandbox, ca):
    context = ssl.create_default_context(cafile=ca)
    url = sandbox.url("bookingsync")
    with httpx.Client(verify=context, trust_env=False, base_url=url, headers=JSON_API) as client:
        yield client


@pytest.fixture
def booked(http):
    """A tentative booking of rental 1: its id is 1."""
    answer = http.post(BOOKINGS, json={"bookings": [booking()]})
    assert answer.json()["bookings"][0]["id"] == 1


def test_a_tentative_booking(http):
    sent = booking(adults=2, final_price="310.0", no_such_thing=1)
    answer = http.post(BOOKINGS, json={"bookings": [sent]})
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/vnd.api+json; charset=utf-8"
    assert answer.headers["location"] == "https://www.bookingsync.com/api/v3/bookings/1"
    assert list(answer.json()) == ["links", "bookings", "meta"]
    (made,) = answer.json()["bookings"]
    for name in ("start_at", "end_at", "tentative_expires_at", "booked", "adults", "final_price"):
        assert made[name] == sent[name]
    assert (made["status"], made["currency"], made["canceled_at"]) == ("Tentative", "EUR", None)
    assert "no_such_thing" not in made
    assert http.get("/api/v3/bookings/1").json() == answer.json()


def test_a_payment(http, booked):
    sent = payment(fullname="John Doe", email="john@example.com", zip="12312", country_code="ES")
    answer = http.post(PAYMENTS, json={"payments": [sent]})
    assert answer.status_code == 201
    (made,) = answer.json()["payments"]
    assert answer.headers["location"].endswith(f"/payments/{made['id']}")
    assert {name: made[name] for name in sent} == sent
    assert made["links"]["bookings"] == [1]
    assert made["chargeable"] is True
    for name in ("transaction_id", "paid_at", "authorized_at", "canceled_at", "card"):
        assert made[name] is None
    assert http.get(f"/api/v3/payments/{made['id']}").json() == answer.json()
    listed = http.get("/api/v3/bookings/1").json()["bookings"][0]
    assert listed["links"]["payments"] == [made["id"]]


def test_a_payment_that_is_paid_books(http, booked):
    sent = payment(kind="cash", paid_at="2020-01-01T00:00:00Z")
    assert http.post(PAYMENTS, json={"payments": [sent]}).status_code == 201
    assert http.get("/api/v3/bookings/1").json()["bookings"][0]["status"] == "Booked"


@pytest.mark.parametrize(
    ("members", "errors"),
    [
        ({"start_at": None, "end_at": None}, {"start_at": ["can't be blank"], "end_at": ["can't be blank"]}),
        ({"start_at": "tomorrow"}, {"start_at": ["is invalid"]}),
        ({"tentative_expires_at": 5}, {"tentative_expires_at": ["is invalid"]}),
        ({"end_at": "2030-04-01"}, {"end_at": ["must be after start_at"]}),
        ({"booked": "no"}, {"booked": ["is invalid"]}),
        ({"currency": "XXX"}, {"currency": ["is not included in the list"]}),
    ],
)  # fmt: skip
def test_wrong_bookings(http, members, errors):
    answer = http.post(BOOKINGS, json={"bookings": [booking(**members)]})
    assert (answer.status_code, answer.json()) == (422, {"errors": errors})


@pytest.mark.parametrize(
    ("members", "errors"),
    [
        ({"amount_in_cents": None, "currency": None, "kind": None}, {"amount_in_cents": ["can't be blank"], "currency": ["can't be blank"], "kind": ["can't be blank"]}),
        ({"amount_in_cents": "100"}, {"amount_in_cents": ["is not a number"]}),
        ({"amount_in_cents": 0}, {"amount_in_cents": ["is not a number"]}),
        ({"currency": "USD"}, {"currency": ["must be the same as booking's currency"]}),
        ({"currency": "XXX"}, {"currency": ["is not included in the list"]}),
        ({"kind": "instant"}, {"kind": ["is not included in the list"]}),
        ({"kind": "cash"}, {"paid_at": ["can't be blank"]}),
        ({"zip": "1" * 11}, {"zip": ["is too long (maximum is 10 characters)"]}),
        ({"email": "john"}, {"email": ["is invalid"]}),
        ({"country_code": "US"}, {"state": ["can't be blank"]}),
    ],
)  # fmt: skip
def test_wrong_payments(http, booked, members, errors):
    answer = http.post(PAYMENTS, json={"payments": [payment(**members)]})
    assert (answer.status_code, answer.json()) == (422, {"errors": errors})


def test_who_may_ask(http, booked):
    without = {"Authorization": ""}
    for path in ("/api/v3/bookings/1", "/api/v3/payments/1"):
        assert http.get(path, headers=without).status_code == 401
        assert http.get(path, headers={"Authorization": "Bearer other"}).status_code == 401
        public = {"Authorization": "Bearer sandbox-public"}
        assert http.get(path, headers=public).status_code == 403
    assert http.post(PAYMENTS, json={}, headers=without).status_code == 401


def test_what_is_not_there(http, booked):
    for path in ("/api/v3/bookings/2", "/api/v3/payments/1", "/api/v3/rentals/1"):
        assert http.get(path).status_code == 404
    assert http.post("/api/v3/rentals/9/bookings", json={"bookings": [{}]}).status_code == 404
    assert http.post("/api/v3/bookings/9/payments", json={"payments": [{}]}).status_code == 404


@pytest.mark.parametrize("body", [{}, {"bookings": {}}, {"bookings": []}, {"bookings": [1]}])
def test_a_body_holds_one_resource_in_a_list(http, body):
    assert http.post(BOOKINGS, json=body).json() == {"errors": {"bookings": ["is invalid"]}}


def test_the_label(http):
    body = b'{"bookings": [{}]}'
    for label, status in (("text/plain", 415), ("application/json", 422)):
        answer = http.post(BOOKINGS, content=body, headers={"Content-Type": label})
        assert answer.status_code == status
