"""What is heard and seen of a card that failed, and what becomes of the rounds."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from gateway.errors import EventMalformed, EventNotSupported, MessageMalformed, RecaptureUnknown
from gateway.vault.recapture import RecaptureState
from tests.recapture.world import ITINERARY, LINK, NOON, booking, event

OTHER_LINK = LINK + "Other"


def hours(count):
    return NOON + timedelta(hours=count)


def test_a_notification_is_kept_with_both_clocks_at_their_shortest(world):
    world.now = hours(0.5)
    row = world.heard()
    assert (row.itinerary, row.event_id, row.client) == (ITINERARY, "event-1", "pms")
    assert (row.state, row.has_link, row.failed) == (RecaptureState.PENDING, False, NOON)
    assert (row.link_expires, row.link_ends, row.may_cancel) == (hours(2), hours(24), hours(24))


def test_the_same_event_twice_is_one(world):
    first = world.heard()
    world.hours(1)
    assert world.heard().id == first.id
    assert world.heard(hours=3, message="changed").id == first.id
    assert len(world.listed()) == 1


def test_the_booking_is_retrieved_for_the_link_and_the_clocks(world):
    world.heard()
    world.turn()
    row = world.one()
    assert (row.has_link, row.look_due) == (True, None)
    assert row.link_expires == row.link_ends == hours(24)
    (call,) = world.partner.made("GET")
    assert call.path == f"/v3/itineraries/{ITINERARY}?email=ada%2B1%40example.com"
    sent = {name.decode(): value.decode() for name, value in call.headers}
    assert sent["Authorization"].startswith("EAN apikey=rapid_key-of-the-tests,signature=")
    assert (sent["Customer-Ip"], sent["Accept-Encoding"]) == ("5.5.5.5", "gzip")
    world.turn()
    assert len(world.partner.made("GET")) == 1


def test_a_booking_without_its_link_is_retrieved_a_few_times(world):
    world.partner.retrieved = booking(None)
    world.heard()
    for minutes in (0, 1, 10, 60, 600):
        world.now = NOON + timedelta(minutes=minutes)
        world.turn()
    assert len(world.partner.made("GET")) == 4
    assert (world.one().look_due, world.one().has_link) == (None, False)


def test_a_card_that_fails_again_starts_over(world):
    world.heard()
    world.turn()
    first = world.one()
    world.hours(1)
    second = world.heard("event-2", 1)
    assert (second.state, second.has_link, second.failed) == (
        RecaptureState.PENDING, False, hours(1),
    )  # fmt: skip
    (old,) = world.listed("superseded")
    assert (old.id, old.successor, old.has_link) == (first.id, second.id, False)


def test_an_event_that_comes_late_changes_nothing_but_is_told(world):
    world.now = hours(5)
    counts = world.heard("event-2", 5)
    late = world.heard("event-1", 1)
    assert (late.state, late.successor) == (RecaptureState.SUPERSEDED, counts.id)
    assert [row.id for row in world.listed("pending")] == [counts.id]
    world.turn()
    told = [json.loads(call.body.reveal()) for call in world.partner.made("POST")]
    assert {each["event_id"] for each in told} == {"event-1", "event-2"}


def test_a_link_alone_starts_one_and_its_event_joins_it(world):
    world.seen()
    row = world.one()
    assert (row.event_id, row.has_link, row.tell_due) == (None, True, None)
    # It lives, so it failed at most a day ago: it may be over at any moment, and is within a day.
    assert (row.failed, row.link_expires, row.link_ends) == (hours(-24), hours(0), hours(24))
    assert row.may_cancel == hours(0)
    world.hours(1)
    joined = world.heard("event-1", -3)
    assert (joined.id, joined.event_id, joined.failed) == (row.id, "event-1", hours(-3))
    assert joined.link_expires == joined.link_ends == joined.may_cancel == hours(21)
    assert joined.tell_due == world.now


def test_an_answer_that_shows_nothing_new_writes_nothing(world, monkeypatch):
    world.heard()
    world.turn()
    puts = []
    table = world.vault.recaptures
    monkeypatch.setattr(table, "_put", lambda *a: puts.append(a))
    world.seen()
    world.seen(booking(None))
    world.seen(b"payment_change but no JSON")
    world.seen(booking(OTHER_LINK), client="other")
    assert puts == []


def test_a_link_that_is_seen_after_a_card_was_taken_starts_over(world):
    world.heard()
    world.turn()
    first = world.one()
    world.complete(first.id, world.keep())
    world.seen()  # an answer that was made before
    assert world.one().state is RecaptureState.COMPLETED
    world.hours(2)
    world.seen(booking(OTHER_LINK))
    (row,) = world.listed("pending")
    assert (row.failed, row.event_id) == (NOON, None)  # not before the other card was taken
    assert world.listed("superseded")[0].successor == row.id
    world.seen()
    assert world.run(world.vault.recaptures.open(row.id)).row == row


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example" + LINK,
        "//evil.example" + LINK,
        LINK.replace(ITINERARY, "7090158334869"),
        "/v3/itineraries/../" + LINK,
        LINK + "&token=2",
        LINK + "#x",
        LINK + "\r\nHost: evil.example",
        LINK.replace("/payment", "/payment/x"),
        LINK.split("?")[0],
        LINK + "x" * 5000,
        7,
        None,
    ],
)
def test_p04_a_link_to_anything_else_is_none(world, link):
    world.seen(booking(link))
    assert world.listed() == []


def test_a_link_may_name_the_host_that_gateway_yaml_names(world):
    world.seen(booking("https://test.ean.com" + LINK))
    world.complete(world.one().id, world.keep())
    assert world.partner.made("PUT")[0].path == LINK


def test_several_bookings_in_one_answer(world):
    found = [json.loads(booking()), json.loads(booking(None)), 7]
    other = json.loads(booking(LINK.replace(ITINERARY, "8"))) | {"itinerary_id": "8"}
    world.seen(json.dumps([*found, other]).encode())
    assert [row.itinerary for row in world.listed()] == ["8", ITINERARY]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", MessageMalformed),
        (b'{"event_id": "1", "event_id": "2"}', MessageMalformed),
        (b'{"event_id": NaN}', MessageMalformed),
        (b"[" * 100_000, MessageMalformed),
        (b"[]", EventMalformed),
        (b"{}", EventMalformed),
        (event(event_type="itinerary.supplier.cancel"), EventNotSupported),
        (event(event_type=7), EventMalformed),
        (event(event_id=""), EventMalformed),
        (event(event_id="4111111111111111"), EventMalformed),
        (event(event_time="2026-03-01T12:00:00"), EventMalformed),
        (event(event_time="yesterday"), EventMalformed),
        (event(itinerary_id="70901/../x"), EventMalformed),
        (event(email="a\r\nb"), EventMalformed),
        (event(message="x" * 513), EventMalformed),
    ],
)
def test_what_is_no_event_leaves_nothing_behind(world, body, error):
    with pytest.raises(error) as refused:
        world.run(world.recaptures.notified(body))
    assert refused.value.__context__ is None
    assert world.listed() == []


def test_only_what_is_documented_is_told_and_no_card(world):
    world.heard(message="card 4111111111111111", secret="x", email="4111111111111111@example.com")
    world.turn()
    (told,) = world.partner.made("POST")
    said = json.loads(told.body.reveal())
    assert said["message"] == "card 411111******1111"
    assert said["email"] == "411111******1111@example.com"
    assert len(said) == 7


def test_p06_anothers_recapture_is_unknown(world):
    id = world.heard().id
    assert world.run(world.recaptures.get(id, "pms")).id == id
    assert world.run(world.recaptures.get(id, None)).id == id
    with pytest.raises(RecaptureUnknown):
        world.run(world.recaptures.get(id, "other"))
    assert world.run(world.recaptures.listed("other", None)) == []
