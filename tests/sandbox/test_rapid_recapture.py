"""What becomes of a card that fails at the simulated Rapid: the notification, the link, the clocks."""

from __future__ import annotations

import re
import time

import pytest

from gateway.sandbox.rapid_signature import Credentials
from tests.sandbox.rapid import BAD, GOOD, OTHER, Partner, change, payment


@pytest.fixture
def rapid(sandbox):
    partner = Partner(sandbox)
    partner.control("settings", retry_seconds=[0.05, 0.05])
    partner.control("webhook", url=sandbox.url("pms") + "/rapid", ca=str(sandbox.ca_file))
    yield partner
    partner.client.close()


def notices(sandbox, count):
    """What the partner was sent, once there are `count`; a little later still no more."""
    until = time.monotonic() + 10
    while len(sandbox.received.requests("pms")) < count and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    got = sandbox.received.requests("pms")
    assert len(got) == count
    return got


def events(sandbox, count):
    import json

    return [json.loads(request.body) for request in notices(sandbox, count)]


def test_a_failing_card_is_told_in_the_published_words(rapid, sandbox):
    id, _ = rapid.book(BAD, affiliate_reference_id="123abc")
    (event,) = events(sandbox, 1)
    assert list(event) == [
        "affiliate_reference_id", "email", "event_id", "event_time", "event_type", "itinerary_id",
        "message",
    ]  # fmt: skip
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event.pop("event_id"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.pop("event_time"))
    assert event == {
        "affiliate_reference_id": "123abc",
        "email": "john@example.com",
        "event_type": "itinerary.payment_verification.failure",
        "itinerary_id": id,
        "message": "Payment validation has failed during Supplier initiated validation.",
    }


def test_a_notification_is_signed_and_is_json(rapid, sandbox):
    rapid.book(BAD)
    (request,) = notices(sandbox, 1)
    assert (request.method, request.header("content-type")) == ("POST", "application/json")
    Credentials("sandbox-key", "sandbox-secret").check(request.header("authorization"), time.time())


def test_what_is_on_its_way_does_not_arrive_after_a_reset(rapid, sandbox):
    for _ in range(10):
        rapid.book(BAD)
    sandbox.reset()
    assert notices(sandbox, 0) == []


def test_a_good_card_is_told_to_nobody(rapid, sandbox):
    _, path = rapid.book(GOOD)
    assert rapid.link(path) is None
    assert notices(sandbox, 0) == []


def test_the_issuer_may_refuse_any_card_later(rapid, sandbox):
    rapid.control("settings", verifies=False)
    id, path = rapid.book(GOOD)
    assert rapid.link(path) is None
    assert rapid.control("verification", itinerary_id=id, good=False) == {"card": "failed"}
    assert rapid.link(path)
    assert events(sandbox, 1)[0]["itinerary_id"] == id


def test_without_a_subscription_the_link_is_there_all_the_same(rapid, sandbox):
    rapid.control("webhook", url="")
    _, path = rapid.book(BAD)
    assert rapid.link(path)
    assert notices(sandbox, 0) == []


def test_a_card_that_fails_again_starts_over(rapid, sandbox):
    _, path = rapid.book(BAD)
    first = rapid.link(path)
    assert rapid.call("PUT", first, change(BAD, "c1")).status_code == 204
    second = rapid.link(path)
    assert second
    assert second != first
    told = events(sandbox, 2)
    assert len({event["event_id"] for event in told}) == 2
    refused = rapid.call("PUT", second, change(OTHER, "c1")).json()["errors"][0]["type"]
    assert refused == "change_reference_id.invalid"
    assert rapid.call("PUT", second, change(OTHER, "c2")).status_code == 204
    assert rapid.link(path) is None
    numbers = [card.number for card in sandbox.received.cards("rapid")]
    assert numbers == [BAD, BAD, OTHER]
    notices(sandbox, 2)


@pytest.mark.parametrize("type", ["virtual_card", "affiliate_collect"])
def test_what_is_no_credit_card_is_not_recaptured(rapid, sandbox, type):
    id, path = rapid.book(payments=[payment(BAD, type=type)])
    assert rapid.control("verification", itinerary_id=id, good=False) == {"card": "good"}
    assert rapid.link(path) is None
    assert notices(sandbox, 0) == []


@pytest.mark.parametrize(
    ("days", "nights", "hours"),
    [(30, 2, 24), (30, 10, 24), (3, 10, 24), (1, 2, 12), (1, 9, 12), (1, 10, 2), (0, 14, 2)],
)
def test_how_long_a_link_lives(rapid, days, nights, hours):
    _, path = rapid.book(BAD, days=days, nights=nights)
    rapid.hours(hours - 0.1)
    link = rapid.link(path)
    assert link
    rapid.hours(0.2)
    assert rapid.link(path) is None
    late = rapid.call("PUT", link, change()).json()
    assert late["errors"] == [{"type": "link.invalid", "message": "Link is invalid."}]


def test_the_two_hours_of_a_long_last_minute_stay_run_from_the_booking(rapid):
    rapid.control("settings", verifies=False)
    id, path = rapid.book(days=1, nights=10)
    rapid.hours(1.5)
    rapid.control("verification", itinerary_id=id, good=False)
    assert rapid.link(path)
    rapid.hours(0.6)
    assert rapid.link(path) is None


def test_the_supplier_may_cancel_after_24_hours_without_a_card(rapid, sandbox):
    id, path = rapid.book(BAD, days=1)
    link = rapid.link(path)
    assert rapid.control("supplier-cancel", itinerary_id=id) == {"canceled": False}
    rapid.hours(23.9)  # the link is dead since hour 12; the other clock still runs
    assert rapid.control("supplier-cancel", itinerary_id=id) == {"canceled": False}
    rapid.hours(0.2)
    assert rapid.control("supplier-cancel", itinerary_id=id) == {"canceled": True}
    said = rapid.retrieve(path)
    assert (said["links"], said["rooms"][0]["status"]) == ({}, "canceled")
    assert rapid.call("PUT", link, change()).status_code == 400
    assert [event["event_type"] for event in events(sandbox, 2)] == [
        "itinerary.payment_verification.failure", "itinerary.supplier.cancel",
    ]  # fmt: skip
    assert rapid.control("supplier-cancel", itinerary_id=id) == {"canceled": False}


def test_the_supplier_can_not_cancel_while_a_change_is_made(rapid):
    id, path = rapid.book(BAD)
    rapid.control("settings", verifies=False)
    link = rapid.link(path)
    rapid.hours(23.9)
    assert rapid.call("PUT", link, change()).status_code == 204
    rapid.hours(30)
    assert rapid.control("supplier-cancel", itinerary_id=id) == {"canceled": False}
    rapid.control("verification", itinerary_id=id, good=False)
    assert rapid.control("supplier-cancel", itinerary_id=id) == {"canceled": False}
    rapid.hours(24.1)
    assert rapid.control("supplier-cancel", itinerary_id=id) == {"canceled": True}


def test_a_good_booking_is_not_the_suppliers_to_cancel(rapid):
    id, _ = rapid.book(GOOD)
    rapid.hours(100)
    assert rapid.control("supplier-cancel", itinerary_id=id) == {"canceled": False}


# --- notifications --------------------------------------------------------------------------------


def test_what_is_not_taken_is_tried_again_and_then_undelivered(rapid, sandbox):
    rapid.control("webhook", url=sandbox.url("pms") + "/fail", ca=str(sandbox.ca_file))
    id, _ = rapid.book(BAD)
    tried = events(sandbox, 3)
    assert tried[0] == tried[1] == tried[2]
    answer = rapid.call("GET", "/v3/notifications?undeliverable=true")
    assert [event["itinerary_id"] for event in answer.json()] == [id]
    assert answer.json() == tried[:1]
    assert rapid.call("GET", "/v3/notifications?undeliverable=true").json() == []
    assert rapid.call("GET", "/v3/notifications").status_code == 400


def test_a_partner_that_is_not_there(rapid):
    rapid.control("webhook", url="https://127.0.0.1:9/rapid")
    rapid.book(BAD)
    until = time.monotonic() + 10
    got = []
    while not got and time.monotonic() < until:
        got = rapid.call("GET", "/v3/notifications?undeliverable=true").json()
    assert [event["event_type"] for event in got] == ["itinerary.payment_verification.failure"]


def test_a_test_notification_on_request(rapid, sandbox):
    kind = "itinerary.payment_verification.failure"
    assert rapid.call("POST", "/v3/notifications", {"event_type": kind}).status_code == 204
    assert [event["event_type"] for event in events(sandbox, 1)] == [kind]
    for wrong in ({"event_type": "itinerary.unknown"}, {}, []):
        said = rapid.call("POST", "/v3/notifications", wrong).json()
        assert said["errors"][0]["type"] == "event_type.not_supported"


def test_a_reset_forgets_bookings_settings_and_the_clock(rapid, sandbox):
    id, path = rapid.book(BAD)
    rapid.hours(50)
    sandbox.reset()
    assert rapid.call("GET", path).status_code == 404
    assert sandbox.rapid.settings.webhook == ""
    _, path = rapid.book(BAD)
    assert rapid.link(path)
    assert id not in path
