"""`/v1/cards`: a request that is repeated is done once; whoever guesses tokens is blocked."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.control.card_calls import BOOKED, CODE, MONTH, WINDOW, body, booked, site
from tests.control.serving import refused


@pytest.fixture
def cards(tmp_path):
    with site(tmp_path) as running:
        yield running


def test_a_request_that_is_repeated_is_answered_the_same_and_done_once(cards):
    first = cards.add(booked(), once="k")
    alias = first.json()["token"]
    assert cards.call("PATCH", f"/{alias}", json=MONTH, once="p").status_code == 200
    again = cards.add(booked(), once="k")  # done again, this would be a second card
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert cards.count("card") == 1
    counted = cards.metrics.cards.labels("control/cards", "tokenize", "done")
    assert counted._value.get() == 1
    other = cards.add(booked() | {"security_code": CODE}, once="k")  # a code is no part of it
    assert other.content == first.content
    for said in (booked("RES-2"), booked() | {"number": "378282246310005"}, body()):
        assert refused(cards.add(said, once="k"), 422, "idempotency_key_reused")
    assert refused(cards.call("DELETE", f"/{alias}", once="k"), 422, "idempotency_key_reused")
    for _ in range(3):
        assert cards.call("DELETE", f"/{alias}", once="d").status_code == 204
    assert refused(cards.call("DELETE", f"/{alias}"), 404, "token_unknown")
    details = [row for row in cards.audit() if row[3] == "repeated"]
    assert [row[0] for row in details] == ["tokenize", "tokenize", "forget", "forget"]
    cards.clock.now += timedelta(hours=24)
    assert cards.vault.idempotency.purge(cards.clock.now) == 3
    assert cards.add(booked(), once="k").json()["token"] != alias


def test_p28_another_clients_key_or_one_without_the_product_is_another(cards):
    first = cards.add(booked(), once="k").json()["token"]
    spa = cards.control.key("cards", client="spa", products=())
    assert cards.add(booked("RES-9"), spa, once="k").status_code == 201
    hilltop = cards.control.key("cards", products=("hilltop",))
    assert cards.call("DELETE", f"/{first}", once="d").status_code == 204
    answered = cards.call("DELETE", f"/{first}", hilltop, once="d")
    assert refused(answered, 422, "idempotency_key_reused")


def test_a_refusal_is_not_kept(cards):
    assert refused(cards.call("DELETE", "/x", once="k"), 404, "token_unknown")
    assert refused(cards.add(body(number="x"), once="k"), 400, "request_invalid")
    assert cards.add(once="k").status_code == 201


def test_two_at_once_with_one_key(tmp_path):
    held, go = threading.Event(), threading.Event()

    def step(name):
        if name == "card_add:done":
            held.set()
            assert go.wait(10)

    with site(tmp_path, step) as cards, ThreadPoolExecutor(2) as pool:
        first = pool.submit(cards.add, booked(), None, "k")
        assert held.wait(10)
        answered = cards.add(booked(), once="k")
        assert refused(answered, 409, "request_in_progress")
        assert answered.headers["Retry-After"] == "1"
        go.set()
        assert first.result().status_code == 201
        assert cards.add(booked(), once="k").content == first.result().content
        assert cards.count("card") == cards.count("link") == 1


# --- guessing -------------------------------------------------------------------------------------


def test_p28_a_client_that_tries_too_many_tokens_is_blocked(cards):
    mine = cards.token()
    guess = mine.replace("tok_test_", "tok_")
    cards.control.key("cards", client="spa", products=())
    spa = cards.control.key("cards", client="spa", products=())
    for _ in range(19):
        assert refused(cards.get(f"/{guess}"), 404, "token_unknown")
    cards.clock.now += WINDOW  # these are forgotten
    for count in range(20):
        assert cards.get(f"/{mine}").status_code == 200, count
        assert refused(cards.call("DELETE", f"/{guess}"), 404, "token_unknown")
    skip = len(cards.audit())
    assert cards.audit(skip - 2) == [
        ("forget", "refused", "", "token_unknown"),
        ("block", "done", "", "tokens_guessed"),
    ]
    calls = (("GET", f"/{mine}"), ("GET", "/x"), ("DELETE", f"/{mine}"), ("GET", f"?{BOOKED}"))
    for method, path in calls:
        answered = cards.call(method, path)
        assert refused(answered, 429, "tokens_guessed")
        assert answered.headers["Retry-After"] == "900"
    assert cards.audit(skip) == []  # nothing was looked up
    counted = cards.metrics.refused.labels("tokens_guessed")
    assert counted._value.get() == len(calls)
    assert cards.add().status_code == 201  # a card that comes in tells nobody anything
    assert cards.get(f"/{mine}", spa).status_code == 200
    cards.clock.now += WINDOW - timedelta(seconds=1)
    assert cards.get(f"/{mine}").headers["Retry-After"] == "1"
    cards.clock.now += timedelta(seconds=1)
    assert cards.get(f"/{mine}").status_code == 200
