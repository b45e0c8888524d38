"""A processor that names another sum than it was asked for: what counts, and who is told."""

from __future__ import annotations

import json

import pytest
from prometheus_client import generate_latest

from gateway.errors import AmountTooHigh, ChargeNotAllowed
from gateway.processors.model import Ended, Result
from gateway.vault.charge_changes import Filter
from tests.vault.makers import rows


def said(ended, amount=None, currency="EUR", **more):
    return Result(Ended(ended), "P-1", amount=amount, currency=currency, **more)


def sums(shown):
    return shown["state"], shown["captured"], shown["refunded"], stated(shown)


def stated(shown):
    named = shown["stated"]
    return None if named is None else (named["amount"], named["currency"])


def counted(world):
    line = b'card_gateway_charge_sums_differ_total{processor="sandbox"} '
    for found in generate_latest(world.metrics.registry).splitlines():
        if found.startswith(line):
            return float(found.removeprefix(line))
    return 0


def told(world):
    """Every notice is taken as a webhook takes it; the last one."""
    notices, now, body = world.vault.notices, world.clock.now, None
    while claimed := world.run(notices.claim("pms", now, now)):
        for one in claimed:
            body = json.loads(one.body.reveal())
            world.run(notices.delivered(one.row, now))
    return body["data"]


def test_what_was_asked_for_says_nothing_more(world):
    world.processor.say("debit", said("succeeded", 1000), said("succeeded"))
    for _ in range(2):
        charge = world.charge(world.token())
        assert sums(charge) == ("succeeded", 1000, 0, None)
        assert [one["stated"] for one in charge["history"]] == [None, None]
    assert counted(world) == 0


@pytest.mark.parametrize("taken", [400, 2500])
def test_what_was_taken_counts_and_may_be_given_back(world, taken):
    world.processor.say("debit", said("succeeded", taken))
    charge = world.charge(world.token())
    assert sums(charge) == ("succeeded", taken, 0, (taken, "EUR"))
    last = charge["history"][-1]
    assert (last["amount"], stated(last)) == (1000, (taken, "EUR"))
    assert (counted(world), world.notices()[-1]) == (1, "charge.succeeded")
    ((_, listed),) = world.run(world.charges.listed(Filter(frozenset({"seaside"}))))
    assert listed.row.stated.amount == taken
    with pytest.raises(AmountTooHigh):
        world.ask(charge["id"], "refund", taken + 1)
    world.processor.say("refund", said("refunded", taken))
    back = world.ask(charge["id"], "refund")
    assert (back["captured"], back["refunded"]) == (taken, taken)
    assert (counted(world), stated(back["history"][-1])) == (1, None)


def test_another_currency_is_told_and_what_allows_less_counts(world):
    world.processor.say("debit", said("succeeded", 1200, "USD"))
    charge = world.charge(world.token())
    assert sums(charge) == ("succeeded", 1000, 0, (1200, "USD"))
    world.processor.say("refund", said("refunded", 200, "USD"), said("refunded", 500, "USD"))
    assert world.ask(charge["id"], "refund", 300)["refunded"] == 300
    assert sums(world.ask(charge["id"], "refund", 300)) == ("refunded", 1000, 800, (500, "USD"))
    assert counted(world) == 3


def test_a_sum_of_nothing_is_told_and_does_not_count(world):
    world.processor.say("debit", said("succeeded", 0))
    assert sums(world.charge(world.token())) == ("succeeded", 1000, 0, (0, "EUR"))


def test_less_that_is_held_is_all_that_may_be_taken(world):
    world.processor.say("authorize", said("authorized", 600))
    charge = world.charge(world.token(), capture_now=False)
    assert sums(charge) == ("authorized", 0, 0, (600, "EUR"))
    with pytest.raises(AmountTooHigh):
        world.ask(charge["id"], "capture", 601)
    world.processor.say("capture", said("succeeded", 600))
    assert world.ask(charge["id"], "capture")["captured"] == 600
    assert world.processor.sent("capture") == [("capture", 600)]


def test_more_that_is_held_allows_no_more_than_was_asked_for(world):
    world.processor.say("authorize", said("authorized", 1600))
    charge = world.charge(world.token(), capture_now=False)
    with pytest.raises(AmountTooHigh):
        world.ask(charge["id"], "capture", 1001)


def test_a_capture_and_refunds_count_what_was_moved(world):
    world.processor.say("authorize", said("authorized", 1000))
    id = world.charge(world.token(), capture_now=False)["id"]
    world.processor.say("capture", said("succeeded", 900))
    assert sums(world.ask(id, "capture", 800)) == ("succeeded", 900, 0, (900, "EUR"))
    world.processor.say("refund", said("refunded", 100))
    assert sums(world.ask(id, "refund", 200)) == ("refunded", 900, 100, (100, "EUR"))
    again = world.ask(id, "refund", 300)
    assert (again["refunded"], stated(again["history"][-1])) == (200, (100, "EUR"))
    assert counted(world) == 3
    world.processor.say("refund", said("refunded", 5000))  # more than was ever taken
    assert world.ask(id, "refund", 300)["refunded"] == 900
    with pytest.raises(ChargeNotAllowed):
        world.ask(id, "refund")


def test_a_look_that_finds_another_sum_tells_it_once(world):
    world.processor.say("debit", said("authorized"))
    charge = world.charge(world.token())
    world.processor.say("look", said("authorized", 2000))
    for _ in range(3):
        assert sums(world.look(charge["id"])) == ("authorized", 0, 0, (2000, "EUR"))
    assert (counted(world), world.notices()[-1]) == (1, "charge.authorized")
    world.processor.say("look", said("succeeded", 2000))
    for _ in range(2):
        shown = world.look(charge["id"])
    assert sums(shown) == ("succeeded", 2000, 0, (2000, "EUR"))
    assert [stated(one) for one in shown["history"]] == [None, None, (2000, "EUR"), (2000, "EUR")]
    assert counted(world) == 2


def test_a_look_corrects_what_an_answer_left_open(world):
    world.processor.say("debit", said("succeeded"))
    charge = world.charge(world.token())
    world.processor.say("look", said("succeeded", 700))
    assert sums(world.look(charge["id"])) == ("succeeded", 700, 0, (700, "EUR"))
    world.processor.say("look", said("refunded", 250))
    assert sums(world.look(charge["id"])) == ("refunded", 700, 250, (250, "EUR"))
    world.processor.say("look", said("refunded", 400))  # in all, or last: nobody knows
    assert sums(world.look(charge["id"])) == ("refunded", 700, 250, (250, "EUR"))


def test_a_sum_that_nobody_can_read_is_told(world):
    world.processor.say("debit", said("succeeded", sum_unreadable=True, currency=None))
    charge = world.charge(world.token())
    assert sums(charge) == ("succeeded", 1000, 0, None)
    assert charge["history"][-1]["code"] == "sum_unreadable"
    assert counted(world) == 1


def test_the_webhook_has_it(world):
    world.processor.say("debit", said("succeeded", 400))
    charge = world.charge(world.token())
    body = told(world)
    assert (body["id"], body["captured"]) == (charge["id"], 400)
    assert body["stated"] == {"amount": 400, "currency": "EUR"}
    world.processor.say("refund", said("refunded", 400))
    world.processor.say("debit", said("succeeded", 1000))
    world.charge(world.token())
    assert told(world)["stated"] is None


def test_p24_it_is_kept_with_the_charge_or_not_at_all(world):
    world.processor.say("debit", said("succeeded", 400))
    charge = world.charge(world.token())
    with rows(world.directory) as connection:
        kept = connection.execute("SELECT captured, stated_amount, stated_currency FROM charge")
        assert kept.fetchall() == [(400, 400, "EUR")]
        events = connection.execute("SELECT stated_amount FROM charge_event ORDER BY number")
        assert events.fetchall() == [(None,), (400,)]
    assert charge["stated"] == world.get(charge["id"])["stated"]
