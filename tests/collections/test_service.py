"""Collections in a vault, with a scripted processor: each way through the steps."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta

import pytest

from gateway.cards.card import Virtual
from gateway.errors import (
    CollectionOver,
)
from gateway.processors.model import Ended, Result
from gateway.vault.link import LinkState
from tests.collections.world import ADDRESS, CARD, GUESTS, TOTAL, collecting, who
from tests.vault.makers import rows

DECLINED = Result(Ended.DECLINED, decline="insufficient_funds")


def kinds(world):
    return [kind for kind in world.notices() if kind.startswith("collection.")]


def states(shown):
    return [one["state"] for one in shown["history"]]


def declined(world, **more):
    """One whose card was declined: the guest has a link."""
    world.processor.say("debit", DECLINED)
    made = world.collect(**more)
    assert world.state_of(made["id"]) == "payment_link"
    return made


# --- ways through -----------------------------------------------------------------------------------


def test_p24_p36_taken_at_once(world):
    made = world.collect(reference="RES-1", exemption="mit", extra={"zip": "1"})
    assert (made["state"], made["collected"]) == ("waiting", 0)
    assert world.processor.sent() == []
    assert world.state_of(made["id"]) == "succeeded"
    shown = world.look_at(made["id"])
    assert (shown["collected"], states(shown)) == (TOTAL, ["waiting", "charging", "succeeded"])
    ((operation, order),) = world.processor.asked
    assert (operation, order.amount, order.reference) == ("debit", TOTAL, "RES-1")
    assert (order.initiator, order.exemption, order.extra) == ("deposit", "mit", {"zip": "1"})
    assert [world.get(id)["state"] for id in shown["charges"]] == ["succeeded"]
    assert kinds(world) == [f"collection.{state}" for state in states(shown)]
    assert world.audit()[-3:] == [
        ("collect", "done", ""), ("charge", "intent", ""), ("charge", "done", "succeeded"),
    ]  # fmt: skip
    world.later(days=30)
    world.go_on()
    assert len(world.processor.sent()) == 1


def test_not_before_its_day(world):
    made = world.collect(not_before=world.clock.now + timedelta(hours=3))
    world.later(hours=2, minutes=59)
    assert world.state_of(made["id"]) == "waiting"
    world.later(minutes=1)
    assert world.state_of(made["id"]) == "succeeded"


@pytest.mark.parametrize(
    "zone, hours", [("Europe/Madrid", 35), (None, 22)], ids=["its zone", "anywhere"]
)
def test_a_virtual_card_waits_for_the_day_on_which_it_can_be_charged(tmp_path, zone, hours):
    """It is noon of 1 March, in UTC."""
    with collecting(tmp_path) as world:
        if zone is not None:
            world.config.products["seaside"] = world.config.products["seaside"].model_copy(
                update={"time_zone": zone}
            )
            world.restart()
        token = world.token(virtual=Virtual(active_from=date(2026, 3, 3)))
        made = world.collect(token)
        world.clock.now += timedelta(hours=hours - 1)
        assert world.state_of(made["id"]) == "waiting"
        assert world.processor.sent() == []
        world.later(hours=1)
        assert world.state_of(made["id"]) == "succeeded"


def test_a_virtual_card_whose_day_was_put_off_meanwhile_waits_again(world):
    token = world.token(virtual=Virtual(active_from=date(2026, 3, 3)))
    made = world.collect(token)
    world.token(virtual=Virtual(active_from=date(2026, 3, 9)))
    world.later(hours=22)
    assert world.state_of(made["id"]) == "waiting"
    assert world.look_at(made["id"])["history"][-1]["code"] == "card_not_yet_active"
    assert world.processor.sent() == []
    world.later(days=6)
    assert world.state_of(made["id"]) == "succeeded"


def test_declined_and_paid_by_the_guest(world):
    made = declined(world, reference="RES-1", purpose="Deposit", return_url="https://pms.example/x")
    link = world.look_at(made["id"])["link"]
    assert link["url"].startswith("https://localhost:8444/c/")
    world.processor.say("debit", "succeeded")
    world.guest_types(made["id"])
    assert world.state_of(made["id"]) == "succeeded"
    shown = world.look_at(made["id"])
    assert states(shown) == ["waiting", "charging", "payment_link", "charging", "succeeded"]
    assert world.references() == ["RES-1", "RES-1-2"]
    first, second = (order for _, order in world.processor.asked)
    assert (second.initiator, second.return_url[-5:]) == ("guest", "/back")  # a page of ours
    assert first.token != second.token
    assert (shown["link"], shown["collected"]) == (None, TOTAL)


def test_the_guest_gets_a_link_and_the_client_its_url_once_sealed(world):
    made = declined(world)
    url = world.look_at(made["id"])["link"]["url"]
    bodies = [one for one in all_told(world) if one["type"] == "collection.payment_link"]
    assert [one["data"]["url"] for one in bodies] == [url]
    assert url.rpartition("/")[2].encode() not in world.files()


def all_told(world):
    """Every notice, in the order in which they are sent."""
    found = []
    while due := world.run(world.vault.notices.claim("pms", world.clock.now, world.clock.now)):
        for one in due:
            found.append(json.loads(one.body.reveal()))
            world.run(world.vault.notices.delivered(one.row, world.clock.now))
    return found


def test_an_address_that_a_guest_types_goes_with_the_charge(world):
    made = declined(world, with_address=True, extra={"zip": "0", "email": "a@b.c"})
    world.processor.say("debit", "succeeded")
    world.guest_types(made["id"], address=ADDRESS)
    assert world.state_of(made["id"]) == "succeeded"
    assert world.processor.asked[-1][1].extra == {
        "address1": "1 Pier", "city": "Seattle", "zip": "98121", "country_code": "US",
        "email": "a@b.c",
    }  # fmt: skip


def test_three_cards_of_a_guest_and_then_it_has_failed(world):
    made = declined(world)
    urls = set()
    for digits in (GUESTS, "378282246310005", "4929000000014"):
        urls.add(world.look_at(made["id"])["link"]["url"])
        world.guest_types(made["id"], digits)
        world.go_on()
    shown = world.look_at(made["id"])
    assert (shown["state"], len(urls), len(shown["charges"])) == ("failed", 3, 4)
    assert shown["history"][-1]["code"] == "charge_declined"


@pytest.mark.parametrize("more", [{}, {"recapture_hours": 24}])
def test_a_guest_who_does_nothing(world, more):
    made = declined(world, link_hours=5, **more)
    url = world.look_at(made["id"])["link"]["url"]
    world.later(hours=4, minutes=59)
    assert world.state_of(made["id"]) == "payment_link"
    world.later(minutes=1)
    assert world.state_of(made["id"]) == "failed"
    code = world.look_at(made["id"])["history"][-1]["code"]
    assert code == ("recapture_not_offered" if more else "link_expired")
    assert world.link_state(url) is LinkState.EXPIRED


def test_the_whole_deadline(world):
    made = declined(world, until=world.clock.now + timedelta(hours=2))
    world.later(hours=2)
    assert world.state_of(made["id"]) == "expired"
    late = world.collect(
        not_before=world.clock.now + timedelta(hours=9), until=world.clock.now + timedelta(hours=1)
    )
    world.later(hours=1)
    assert world.state_of(late["id"]) == "expired"
    assert len(world.processor.sent()) == 1


def test_p24_a_charge_that_nobody_knows_the_outcome_of_holds_it(world):
    world.processor.say("debit", "unknown")
    made = world.collect(until=world.clock.now + timedelta(hours=1))
    assert world.state_of(made["id"]) == "charging"
    world.later(hours=5)
    assert world.state_of(made["id"]) == "charging"
    world.processor.say("look", "succeeded")
    world.later(hours=5)
    assert world.state_of(made["id"]) == "succeeded"
    assert len(world.processor.sent()) == 1


def test_a_challenge_is_waited_for(world):
    made = declined(world)
    world.processor.say("debit", Result(Ended.CHALLENGED, "P", challenge=None))
    link = world.guest_types(made["id"])
    assert world.state_of(made["id"]) == "charging"
    assert world.look_at(made["id"])["link"] == {"id": link.row.id, "url": None}
    world.processor.say("look", "succeeded")
    world.later(minutes=1)
    assert world.state_of(made["id"]) == "succeeded"


def test_p24_money_that_came_late_ends_it_and_withdraws_the_link(world):
    made = declined(world)
    shown = world.look_at(made["id"])
    (charge,), url = shown["charges"], shown["link"]["url"]
    world.processor.say("look", "succeeded")
    assert world.look(charge)["state"] == "succeeded"
    assert world.state_of(made["id"]) == "succeeded"
    assert world.link_state(url) is LinkState.REVOKED
    assert world.look_at(made["id"])["link"] is None


def test_money_that_came_after_the_end_is_told_too(world):
    made = declined(world)
    world.stop(made["id"])
    (charge,) = world.look_at(made["id"])["charges"]
    world.processor.say("look", "succeeded")
    world.look(charge)
    assert world.state_of(made["id"]) == "succeeded"
    assert kinds(world)[-2:] == ["collection.stopped", "collection.succeeded"]


def test_more_than_the_sum_is_told(world):
    made = declined(world)
    world.processor.say("debit", "succeeded")
    world.guest_types(made["id"])
    world.go_on()
    world.processor.say("look", "succeeded")
    world.look(world.look_at(made["id"])["charges"][0])
    assert world.state_of(made["id"]) == "succeeded"
    assert world.look_at(made["id"])["collected"] == 2 * TOTAL
    assert kinds(world)[-1] == "collection.overpaid"


def test_a_processor_that_took_less_is_told(world):
    world.processor.say("debit", Result(Ended.SUCCEEDED, "P-1", amount=TOTAL - 1, currency="EUR"))
    made = world.collect()
    assert world.state_of(made["id"]) == "succeeded"
    shown = world.look_at(made["id"])
    assert (shown["collected"], shown["history"][-1]["code"]) == (TOTAL - 1, "underpaid")
    assert kinds(world)[-1] == "collection.succeeded"


def test_a_processor_that_can_not_be_reached_is_asked_again_later(world):
    world.processor.say("debit", "failed", "failed", "succeeded")
    made = world.collect(reference="R")
    assert world.state_of(made["id"]) == "waiting"
    world.later(minutes=10)
    assert world.state_of(made["id"]) == "waiting"
    world.later(minutes=59)
    assert world.state_of(made["id"]) == "waiting"
    world.later(minutes=1)
    assert world.state_of(made["id"]) == "succeeded"
    assert world.references() == ["R", "R-2", "R-3"]


def test_a_reference_that_somebody_else_took_meanwhile_is_passed_over(world):
    made = declined(world, reference="R")
    world.processor.say("debit", "succeeded")
    world.charge(world.token(), reference="R-2")
    world.guest_types(made["id"])
    assert world.state_of(made["id"]) == "succeeded"
    assert world.references() == ["R", "R-2", "R-3"]
    assert len(world.look_at(made["id"])["charges"]) == 2


def test_a_card_that_was_forgotten_meanwhile_is_the_guests_turn(world):
    token = world.token()
    made = world.collect(token)
    with rows(world.directory) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM card")
    assert world.state_of(made["id"]) == "payment_link"
    assert world.look_at(made["id"])["history"][-1]["code"] == "token_unknown"


# --- stopped ----------------------------------------------------------------------------------------


def test_stopped_while_it_waits_charges_nothing(world):
    made = world.collect()
    assert world.stop(made["id"], key="s")["state"] == "stopped"
    world.go_on()
    assert world.processor.sent() == []
    assert ("stop", "done", "") in world.audit()
    assert world.stop(made["id"], key="s")["state"] == "stopped"
    with pytest.raises(CollectionOver):
        world.stop(made["id"])


def test_stopped_while_the_guest_has_a_link_withdraws_it(world):
    made = declined(world)
    url = world.look_at(made["id"])["link"]["url"]
    assert (world.stop(made["id"])["state"], world.link_state(url)) == (
        "stopped", LinkState.REVOKED,
    )  # fmt: skip


@pytest.mark.parametrize("truth, state", [("declined", "stopped"), ("succeeded", "succeeded")])
def test_stopped_while_a_charge_is_on_its_way_ends_with_it(world, truth, state):
    world.processor.say("debit", "unknown")
    made = world.collect()
    world.go_on()
    shown = world.stop(made["id"])
    assert (shown["state"], shown["stopping"]) == ("charging", True)
    world.processor.say("look", truth)
    world.later(hours=1)
    assert world.state_of(made["id"]) == state
    assert world.look_at(made["id"])["stopping"] is False
    assert len(world.processor.sent()) == 1


def test_p24_what_is_stopped_between_decision_and_charge_is_not_charged(world):
    """Another process decided that it is time to charge; the client stops it before it does."""
    made = world.collect()
    create = world.charges.create

    async def slow(*asked):
        await world.collections.stop(who(), made["id"], None, lambda *_: b"")
        return await create(*asked)

    world.charges.create = slow
    assert world.state_of(made["id"]) == "stopped"
    assert world.processor.sent() == []
    assert ("charge", "refused", "collection_moved") in world.audit()


def test_p24_two_that_go_on_with_one_at_once_make_one_charge(world):
    ids = [world.collect(world.token(digits))["id"] for digits in (CARD, GUESTS)]

    async def race():
        steps = world.collecting._steps
        await asyncio.gather(*(steps.advance(id) for id in ids for _ in range(8)))

    world.run(race())
    assert [world.state_of(id) for id in ids] == ["succeeded"] * 2
    assert len(world.processor.sent()) == 2


def test_p24_two_gateways_on_one_vault_make_one_charge(tmp_path, world):
    ids = [world.collect(world.token(digits))["id"] for digits in (CARD, GUESTS)]
    with collecting(tmp_path, world.processor) as other:

        async def race():
            both = [one.collecting._steps for one in (world, other)]
            await asyncio.gather(*(one.advance(id) for id in ids for one in both * 3))

        world.run(race())
    assert [world.state_of(id) for id in ids] == ["succeeded"] * 2
    assert len(world.processor.sent()) == 2
