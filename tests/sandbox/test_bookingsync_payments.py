"""The simulated BookingSync: what becomes of a payment, at once, after a challenge, or too late."""

from __future__ import annotations

import base64

import pytest

from tests.sandbox.bookingsync import (
    JSON_API,
    execute,
    in_minutes,
    payment,
    shown,
    state,
    tentative,
)

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
