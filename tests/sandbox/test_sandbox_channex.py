"""The simulated Channex: read by requests and json, its duplicate keys by a reader that keeps them."""

from __future__ import annotations

import json

import pytest
import requests

from gateway.sandbox.channex import PROPERTIES

FEED = "/api/v1/booking_revisions/feed"


def get(sandbox, path, property=None, key="k"):
    return requests.get(
        sandbox.url("channex") + path,
        params={"filter[property_id]": property} if property else None,
        headers={"user-api-key": key} if key else {},
        verify=str(sandbox.ca_file),
    )


def acknowledge(sandbox, id, key="k"):
    return requests.post(
        f"{sandbox.url('channex')}/api/v1/booking_revisions/{id}/ack",
        headers={"user-api-key": key},
        verify=str(sandbox.ca_file),
    )


def guarantee(sandbox, property):
    (revision,) = get(sandbox, FEED, property).json()["data"]
    return revision["attributes"].get("guarantee", "absent")


def test_the_feed_gives_the_ordinary_bookings(sandbox):
    answer = get(sandbox, FEED)
    said = answer.json()
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert said["meta"] == {"total": 5, "page": 1, "limit": 10}
    assert [each["attributes"]["property_id"] for each in said["data"]] == list(PROPERTIES[:5])
    assert all(each["type"] == "booking_revision" for each in said["data"])


def test_meta_stands_twice_as_in_real_answers(sandbox):
    def names(property):
        roots = []
        json.loads(
            get(sandbox, FEED, property).content,
            object_pairs_hook=lambda pairs: roots.append([name for name, _ in pairs]),
        )
        return roots[-1]

    assert names("CARD") == ["meta", "data", "meta"]
    assert names("ONEMETA") == ["meta", "data"]


def test_cards_in_every_spelling(sandbox):
    card = guarantee(sandbox, "CARD")
    assert (card["card_number"], card["cvv"], card["expiration_date"]) == (
        "4444333322221111", "123", "12/2030",
    )  # fmt: skip
    virtual = guarantee(sandbox, "VIRTUAL")
    assert virtual["is_virtual"] is True
    assert virtual["meta"]["virtual_card_effective_date"] == "2027-11-14"
    assert guarantee(sandbox, "MASKED")["card_number"] == "411111******1111"
    assert guarantee(sandbox, "NOGUARANTEE") == "absent"
    assert guarantee(sandbox, "NULL") is None
    assert guarantee(sandbox, "NUMBERS")["card_number"] == 4444333322221111
    assert guarantee(sandbox, "BADEXPIRY")["expiration_date"] == "13/2030"
    assert guarantee(sandbox, "NOTES") == "absent"
    assert b"4111111111111111" in get(sandbox, FEED, "NOTES").content
    escaped = get(sandbox, FEED, "UNICODE")
    assert b"4444333322221111" not in escaped.content
    assert guarantee(sandbox, "UNICODE")["card_number"] == "4444333322221111"


def test_a_revision_comes_until_it_is_acknowledged(sandbox):
    (revision,) = get(sandbox, FEED, "CARD").json()["data"]
    assert len(get(sandbox, FEED, "CARD").json()["data"]) == 1
    answer = acknowledge(sandbox, revision["id"])
    assert (answer.status_code, answer.json()) == (200, {"meta": {"message": "Success"}})
    assert get(sandbox, FEED, "CARD").json()["data"] == []
    assert len(get(sandbox, "/api/v1/bookings", "CARD").json()["data"]) == 1
    one = get(sandbox, f"/api/v1/booking_revisions/{revision['id']}")
    assert one.json()["data"] == revision


def test_generated_bookings(sandbox):
    data = get(sandbox, FEED, "BULK-50").json()["data"]
    assert len({each["attributes"]["guarantee"]["card_number"] for each in data}) == 50


@pytest.mark.parametrize("key", ["wrong", "", None])
def test_a_key_is_asked_for(sandbox, key):
    answer = get(sandbox, FEED, key=key)
    assert answer.status_code == 401
    assert answer.json() == {"errors": {"code": "unauthorized", "title": "Unauthorized"}}
    assert acknowledge(sandbox, "x", "wrong").status_code == 401


def test_what_is_not_there(sandbox):
    for answer in (
        get(sandbox, FEED, "NO-SUCH"),
        get(sandbox, "/api/v1/booking_revisions/none"),
        acknowledge(sandbox, "none"),
        get(sandbox, "/api/v2/x"),
    ):
        assert answer.status_code == 404
        assert answer.json()["errors"]["code"] == "resource_not_found"
