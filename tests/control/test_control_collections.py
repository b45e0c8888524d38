"""`/v1/collections`: what is asked and answered, what is refused and how, the list."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.processors.model import Ended, Result
from tests.control.collection_calls import site
from tests.control.serving import refused
from tests.vault.makers import NOON


@pytest.fixture
def collections(tmp_path):
    with site(tmp_path) as running:
        yield running


def at(**time):
    return (NOON + timedelta(**time)).isoformat()


def test_a_collection_is_answered_whole_and_shown_again(collections):
    token = collections.token()
    said = collections.said(
        token,
        booking={"system": "siteminder", "hotel": "10107", "id": "RES-1"},
        initiator="no_show", exemption="mit", language="de", purpose="No-show fee",
        return_url="https://pms.example/back?a=b", extra={"address1": "1 Pier"}, until=at(days=30),
        steps={
            "charge": {"not_before": at(days=1)},
            "payment_link": {"hours": 24, "profile": "card_and_address"},
            "recapture": {},
        },
    )  # fmt: skip
    answered = collections.post(said=said)
    assert answered.status_code == 201, answered.text
    assert answered.headers["Cache-Control"] == "no-store"
    made = answered.json()
    assert (made["state"], made["token"], made["step"]) == ("waiting", token, "charge")
    assert made["steps"]["payment_link"] == {"hours": 24, "profile": "card_and_address"}
    assert made["steps"]["recapture"] == {"hours": 72}
    assert made["steps"]["charge"]["not_before"].startswith("2026-03-02T12:00:00")
    for name in ("initiator", "exemption", "language", "purpose", "return_url", "reference"):
        assert made[name] == said[name]
    assert "1 Pier" not in answered.text
    assert [one["actor"].startswith("pms/") for one in made["history"]] == [True]
    assert collections.call("GET", f"/{made['id']}").json() == made


def test_only_what_is_wanted_is_done(collections):
    made = collections.collect(steps=None)
    assert (made["steps"]["payment_link"], made["steps"]["recapture"]) == (None, None)
    collections.processor.say("debit", Result(Ended.DECLINED))
    collections.go_on()
    assert collections.call("GET", f"/{made['id']}").json()["state"] == "failed"


def test_the_url_is_shown_while_the_link_is_open(collections):
    collections.processor.say("debit", Result(Ended.DECLINED))
    made = collections.collect()
    collections.go_on()
    shown = collections.call("GET", f"/{made['id']}").json()
    assert shown["link"]["url"].startswith("https://localhost:8444/c/")
    stopped = collections.post(f"/{made['id']}/stop", once="s")
    assert (stopped.json()["state"], stopped.json()["link"]) == ("stopped", None)
    assert collections.post(f"/{made['id']}/stop", once="s").json() == stopped.json()
    assert refused(collections.post(f"/{made['id']}/stop"), 409, "collection_over")


def test_p28_another_scope_another_product_another_client(collections):
    token, live = collections.token(), collections.token(product="hilltop", test=False)
    for scopes in (("cards",), ("proxy", "detokenize"), ("reveal",)):
        key = collections.control.key(*scopes, products=())
        assert refused(
            collections.post(said=collections.said(token), key=key), 403, "scope_missing"
        )
        assert refused(collections.call("GET", key=key), 403, "scope_missing")
    hilltop = collections.control.key("charges", products=("hilltop",))
    answered = collections.post(said=collections.said(token), key=hilltop)
    assert refused(answered, 422, "token_unknown")
    id = collections.collect(token)["id"]
    spa = collections.control.key("charges", client="spa", products=())
    for key in (hilltop, spa):
        assert refused(collections.call("GET", f"/{id}", key), 404, "collection_unknown")
        assert refused(collections.post(f"/{id}/stop", key=key), 404, "collection_unknown")
        assert collections.call("GET", key=key).json() == {"collections": [], "next": None}
    made = collections.collect(live, key=hilltop, steps=None)
    assert made["product"] == "hilltop"
    admin = collections.control.key("charges", "admin", client="ops", products=())
    assert len(collections.call("GET", key=admin).json()["collections"]) == 2


def test_p28_a_client_that_tries_too_many_tokens_is_blocked(collections):
    unknown = "tok_test_1234567_" + "A" * 13  # of the right form, and nobody's
    for token in [unknown, "no token"] * 10:
        answered = collections.post(said=collections.said(token))
        assert refused(answered, 422, "token_unknown")
    mine = collections.said(collections.token())
    assert refused(collections.post(said=mine), 429, "tokens_guessed")
    assert collections.audit()[-1] == ("block", "done", "tokens_guessed")
    assert collections.count_of("collection") == 0


def test_a_request_that_counts_once(collections):
    said = collections.said(collections.token())
    first = collections.post(said=said, once="k")
    again = collections.post(said=said, once="k")
    assert (again.status_code, again.json()) == (201, first.json())
    assert collections.count_of("collection") == 1
    other = collections.post(said=said | {"amount": 2}, once="k")
    assert refused(other, 422, "idempotency_key_reused")
    assert refused(collections.post(said=said), 409, "reference_taken")


def test_what_was_begun_is_answered_the_same_whatever_is_gone_since(collections):
    token = collections.token()
    said = collections.said(token, until=at(hours=1))
    first = collections.post(said=said, once="k")
    assert first.status_code == 201
    collections.later(hours=2)
    assert collections.post(said=said, once="k").content == first.content
    collections.forget(token)
    assert collections.post(said=said, once="k").content == first.content
    assert refused(collections.post(said=said, once="n"), 422, "token_unknown")
    assert collections.count_of("collection") == 1


@pytest.mark.parametrize(
    "more, name, problem",
    [
        ({"initiator": None}, "initiator", "not_one_of_them"),
        ({"initiator": "guest"}, "initiator", "not_one_of_them"),
        ({"amount": 0}, "amount", "out_of_range"),
        ({"currency": "XXX"}, "currency", "not_a_currency"),
        ({"reference": "R" * 37}, "reference", "not_a_reference"),
        ({"language": "German"}, "language", "not_a_language"),
        ({"purpose": "4539578763621486"}, "purpose", "card_number"),
        ({"return_url": "http://pms.example"}, "return_url", "not_an_https_url"),
        ({"return_url": "https://else.example"}, "return_url", "origin_not_listed"),
        ({"until": at(hours=-1)}, "until", "too_early"),
        ({"until": "2026-04-01T12:00:00"}, "until", "not_a_time_with_its_zone"),
        ({"until": "0001-01-01T00:00:00+14:00"}, "until", "not_a_time_with_its_zone"),
        ({"steps": []}, "steps", "not_an_object"),
        ({"steps": {"sms": {}}}, "steps", "unknown_field"),
        ({"steps": {"charge": {"x": 1}}}, "steps.charge", "unknown_field"),
        (
            {"steps": {"charge": {"not_before": at(days=2)}}, "until": at(days=1)},
            "until",
            "too_early",
        ),
        ({"steps": {"charge": {"not_before": 1}}}, "steps.charge.not_before", "not_a_time_with_its_zone"),
        ({"steps": {"payment_link": {"hours": 721}}}, "steps.payment_link.hours", "out_of_range"),
        ({"steps": {"payment_link": {"hours": True}}}, "steps.payment_link.hours", "out_of_range"),
        (
            {"steps": {"payment_link": {"profile": "cvc"}}},
            "steps.payment_link.profile",
            "not_one_of_them",
        ),
        ({"steps": {"recapture": {"hours": 0}}}, "steps.recapture.hours", "out_of_range"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_place(collections, more, name, problem):
    answered = collections.post(said=collections.said(collections.token(), **more))
    assert refused(answered, 400, "request_invalid")
    assert answered.json()["errors"] == [{"in": "body", "name": name, "problem": problem}]
    assert collections.count_of("collection") == 0


def test_the_list_goes_on_where_it_ended(collections):
    token = collections.token()
    places = [{"system": "siteminder", "hotel": "10107", "id": f"RES-{n}"} for n in range(3)]
    ids = [collections.collect(token, booking=place)["id"] for place in places]
    first = collections.call("GET", "?limit=2").json()
    assert [one["id"] for one in first["collections"]] == ids[:0:-1]
    rest = collections.call("GET", f"?cursor={first['next']}").json()
    assert ([one["id"] for one in rest["collections"]], rest["next"]) == (ids[:1], None)
    query = "?system=siteminder&hotel=10107&booking=RES-1"
    assert [one["id"] for one in collections.call("GET", query).json()["collections"]] == [ids[1]]
    collections.go_on()
    assert collections.call("GET", "?state=waiting").json()["collections"] == []
    done = collections.call("GET", "?state=succeeded&state=failed").json()["collections"]
    assert len(done) == 3
    assert refused(collections.call("GET", "?cursor=x"), 400, "request_invalid")
    assert refused(collections.call("GET", "?state=x"), 400, "request_invalid")
