"""What nobody knows the outcome of: looked for until it is known, and never sent again."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from gateway.charges.states import LEASE, SETTLED
from gateway.errors import (
    ChargeInProgress,
    ChargeNotAllowed,
    GatewayError,
    NoChallenge,
    VaultUnavailable,
)
from gateway.metrics import Metrics
from gateway.processors.model import Challenge, Ended, Operation, Result
from gateway.upkeep import Upkeep
from tests.charges.scripted import ALL, Only, Scripted
from tests.charges.world import world as make
from tests.vault.makers import NOON, opened

PASS = Challenge("redirect", "https://bank.example/pass", {}, None)
CHALLENGED = Result(Ended.CHALLENGED, "P-1", challenge=PASS)
NONE = Result(Ended.FAILED, code="processor_has_none")


def states(world, id):
    return [one["state"] for one in world.get(id)["history"]]


@pytest.mark.parametrize(
    "seen, state",
    [
        ("succeeded", "succeeded"),
        ("declined", "declined"),
        ("authorized", "authorized"),
        (NONE, "declined"),
    ],
)
def test_a_timeout_is_looked_for_until_it_is_known_and_never_sent_again(world, seen, state):
    world.processor.say("debit", "unknown")
    world.processor.say("look", "unknown", Result(Ended.FAILED, code="upstream_timeout"), seen)
    charge = world.charge(world.token())
    assert (charge["state"], charge["in_progress"]) == ("unknown", "debit")
    world.settle(minutes=1)
    expected = state if seen != NONE else "unknown+"  # it may be on its way still
    assert world.state(charge["id"]) == expected
    world.settle(hours=1)
    assert world.state(charge["id"]) == state
    assert world.processor.sent() == [("debit", 1000)]
    looks = [order for name, order in world.processor.asked if name == "look"]
    assert {(one.reference, one.id) for one in looks} == {(charge["reference"], charge["id"])}
    assert world.notices()[-1] == f"charge.{state}"


def test_p39_charges_in_doubt_are_counted_by_processor(world):
    house = Upkeep(config=None, vault=world.vault, keys=None, refusals=None, inbox=None, metrics=Metrics(),
                   garbage=None, idle=bool, clock=world.clock)  # fmt: skip

    def counted():
        house.count_charges()
        text = generate_latest(house._metrics.registry).decode()
        return re.findall(
            r'^card_gateway_charges(\w+){processor="(\w+)"} (\S+)', text, re.MULTILINE
        )

    world.charge(world.token())
    assert counted() == []
    world.processor.say("debit", "unknown")
    world.processor.say("look", "unknown")
    began = world.clock.now
    world.charge(world.token())
    world.later(minutes=5)
    world.charge(world.token())
    (count, oldest) = counted()
    assert count == ("_in_doubt", "sandbox", "2.0")
    assert oldest[:2] == ("_in_doubt_oldest_timestamp_seconds", "sandbox")
    assert float(oldest[2]) == began.timestamp()
    world.processor.say("look", "succeeded")
    world.settle(hours=1)
    assert counted() == [("_in_doubt", "sandbox", "0.0")]


def test_looking_backs_off_and_gives_up_to_a_person(world):
    world.processor.say("debit", "unknown")
    charge = world.charge(world.token())
    world.settle(hours=24)
    day = len(world.processor.sent("look"))
    assert 10 < day < 16
    world.settle(hours=24 * 60)
    assert day + 25 < len(world.processor.sent("look")) < day + 35
    assert world.state(charge["id"]) == "unknown+"
    world.processor.say("look", "succeeded")
    assert world.look(charge["id"])["state"] == "succeeded"
    assert world.processor.sent() == [("debit", 1000)]


def test_after_a_restart_it_goes_on_and_whoever_is_not_heard_of_is_not_waited_for(world):
    world.processor.say("debit", VaultUnavailable())  # as good as killed
    with pytest.raises(VaultUnavailable):
        world.charge(world.token(), reference="A")
    id = world.processor.asked[0][1].id
    assert world.state(id) == "pending+"
    world.restart()
    world.settle(minutes=4)
    assert world.state(id) == "pending+"
    assert world.processor.sent("look") == []  # it may be answered still
    world.processor.say("look", "succeeded")
    world.settle(minutes=2)
    assert states(world, id) == ["pending", "unknown", "succeeded"]
    assert world.get(id)["history"][1]["code"] == "not_heard_of"
    assert world.processor.sent() == [("debit", 1000)]


def test_an_answer_that_comes_after_all_counts(world):
    """The lease was over, and a look had told nothing."""
    token = world.token()

    def slow(_):
        world.clock.now = NOON + LEASE
        world.processor.say("debit", "declined")
        asyncio.get_running_loop()  # the job runs while this one waits
        return later()

    async def later():
        world.restart()  # another process looks
        await world.jobs.turn()
        return "succeeded"

    world.processor.say("debit", slow)
    charge = world.charge(token)
    assert states(world, charge["id"]) == ["pending", "unknown", "succeeded"]
    assert charge["captured"] == 1000


@pytest.mark.parametrize("operation", ["capture", "cancel", "refund"])
def test_each_operation_in_doubt_is_settled_by_looking(world, operation):
    world.processor.say("authorize", "authorized")
    charge = world.charge(world.token(), capture_now=False)
    if operation == "refund":
        world.ask(charge["id"], "capture")
    world.processor.say(operation, "unknown")
    assert world.ask(charge["id"], operation)["state"] == "unknown"
    before = "succeeded" if operation == "refund" else "authorized"
    world.processor.say("look", before)
    world.settle(minutes=10)
    assert world.state(charge["id"]) == "unknown+"  # it may be on its way still
    world.settle(minutes=30)
    assert world.state(charge["id"]) == before
    done = {"capture": "succeeded", "cancel": "cancelled", "refund": "refunded"}[operation]
    assert world.ask(charge["id"], operation)["state"] == "unknown"
    world.processor.say("look", done)
    world.settle(minutes=1)
    assert world.state(charge["id"]) == done
    assert len(world.processor.sent(operation)) == 2


def test_capture_and_cancel_at_once_never_both_go_out(world):
    world.processor.say("authorize", "authorized")
    charge = world.charge(world.token(), capture_now=False)

    async def both():
        gate = asyncio.Event()

        async def held(_):
            await gate.wait()
            return "succeeded"

        world.processor.say("capture", held)
        world.processor.say("cancel", held)
        asked = [
            asyncio.create_task(world.asking(charge["id"], operation))
            for operation in ("capture", "cancel", "capture", "cancel")
        ]
        await asyncio.sleep(0.3)
        gate.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    ended = world.run(both())
    assert [type(one) for one in ended if isinstance(one, GatewayError)] == [ChargeInProgress] * 3
    assert len(world.processor.sent()) == 2


def test_two_processes_that_ask_at_once_send_once(tmp_path):
    with make(tmp_path) as world:
        world.processor.say("authorize", "authorized")
        charge = world.charge(world.token(), capture_now=False)
        with opened(tmp_path, clock=world.clock) as second:
            from gateway.charges import parts

            other = parts.build(
                world.config,
                vault=second,
                processors=world.processors,
                pages=None,
                clock=world.clock,
                metrics=Metrics(),
            ).charges
            ours = world.charges

            async def both():
                asking = [
                    _ask(charges, charge["id"], operation)
                    for charges in (ours, other)
                    for operation in ("capture", "cancel")
                ]
                return await asyncio.gather(*asking, return_exceptions=True)

            ended = world.run(both())
    refused = [one for one in ended if isinstance(one, ChargeInProgress | ChargeNotAllowed)]
    assert len(refused) == 3
    assert len(world.processor.sent()) == 2


async def _ask(charges, id, operation):
    from gateway.charges.who import Reply
    from gateway.control.charges_shown import answered
    from tests.charges.world import who

    return await charges.ask(who(), id, Operation(operation), None, Reply(None, answered))


# --- challenges -----------------------------------------------------------------------------------


def test_a_challenge_is_kept_passed_and_verified_by_looking(world):
    world.processor.say("debit", CHALLENGED)
    world.processor.say("look", "challenged")
    charge = world.charge(world.token())
    assert charge["state"] == "challenged"
    assert charge["challenge_expires_at"] == "2026-03-02T12:00:00Z"
    one, passed = world.run(world.charges.challenge(charge["id"]))
    assert (one.row.id, passed) == (charge["id"], PASS)
    assert world.run(world.charges.returned(charge["id"])).row.state == "challenged"
    world.processor.say("look", "succeeded")  # what his browser says is not believed
    back = world.run(world.charges.returned(charge["id"]))
    assert (back.row.state, back.row.captured, back.row.challenge_ends) == ("succeeded", 1000, None)
    with pytest.raises(NoChallenge):
        world.run(world.charges.challenge(charge["id"]))
    assert world.processor.sent() == [("debit", 1000)]
    assert b"bank.example" not in json.dumps(world.get(charge["id"])).encode()


def test_one_that_ends_on_the_partners_page_is_learned_by_polling(world):
    world.processor.say("debit", CHALLENGED)
    world.processor.say("look", "challenged", "challenged", *["authorized"] * 3, "succeeded")
    charge = world.charge(world.token())
    world.settle(minutes=1)
    assert world.state(charge["id"]) == "authorized"  # until it is paid
    with pytest.raises(ChargeNotAllowed):
        world.ask(charge["id"], "capture")  # it is queued there
    world.settle(minutes=2)
    assert world.state(charge["id"]) == "succeeded"
    assert world.notices()[1:] == ["charge.challenged", "charge.authorized", "charge.succeeded"]


@pytest.mark.parametrize("operations", [ALL, ALL - {Operation.LOOK}])
def test_a_silent_guest_ends_in_expired(tmp_path, operations):
    processor = Scripted(operations=operations, debit=CHALLENGED, look="challenged")
    with make(tmp_path, processor) as world:
        charge = world.charge(world.token())
        world.settle(hours=23, minutes=59)
        assert world.state(charge["id"]) == "challenged"
        world.settle(minutes=1)
        assert world.state(charge["id"]) == "expired"
        with pytest.raises(NoChallenge):
            world.run(world.charges.challenge(charge["id"]))
        last = world.get(charge["id"])["history"][-1]
        assert (last["before"], last["actor"]) == ("challenged", "gateway")
        looks = len(processor.sent("look"))
        world.settle(hours=72)
        assert len(processor.sent("look")) - looks == (2 if Operation.LOOK in operations else 0)
        assert world.state(charge["id"]) == "expired"


def test_a_challenge_that_is_over_is_not_shown_even_before_anybody_looked(world):
    world.processor.say("debit", CHALLENGED)
    charge = world.charge(world.token())
    world.later(hours=24)
    with pytest.raises(NoChallenge):
        world.run(world.charges.challenge(charge["id"]))


def test_one_that_was_paid_in_the_last_moment_says_so(world):
    world.processor.say("debit", CHALLENGED)
    world.processor.say("look", "challenged")
    charge = world.charge(world.token())
    world.settle(hours=24)
    world.processor.say("look", "succeeded")
    world.settle(hours=2)
    assert states(world, charge["id"])[-3:] == ["challenged", "expired", "succeeded"]
    assert world.notices()[-2:] == ["charge.expired", "charge.succeeded"]


def test_a_challenge_whose_cancelling_is_in_doubt_outlasts_its_end_and_is_not_looked_for_all_the_time(
    world,
):
    world.processor.say("debit", CHALLENGED)
    world.processor.say("look", "unknown")
    world.processor.say("cancel", "pending")
    charge = world.charge(world.token())
    assert world.ask(charge["id"], "cancel")["in_progress"] == "cancel"
    world.settle(hours=24)
    before = len(world.processor.sent("look"))
    world.settle(hours=1)
    assert world.state(charge["id"]) == "challenged+"
    assert len(world.processor.sent("look")) - before <= 13
    world.processor.say("look", "cancelled")
    world.settle(minutes=10)
    assert world.state(charge["id"]) == "cancelled"


def test_the_last_look_comes_before_the_end(world):
    world.processor.say("debit", CHALLENGED)
    charge = world.charge(world.token())
    world.processor.say("look", "succeeded")
    world.later(hours=30)  # nobody looked: the gateway was down
    world.turn()
    assert states(world, charge["id"]) == ["pending", "challenged", "succeeded"]


def test_a_changed_processor_is_not_asked_for_anothers_charge(world):
    world.processor.say("debit", "unknown")
    charge = world.charge(world.token())
    other = Scripted("another", look="succeeded")
    world.processors = Only(other)
    world.restart()
    world.settle(hours=1)
    assert world.state(charge["id"]) == "unknown+"
    assert other.asked == []


def test_the_lease_outlasts_a_call_and_what_is_on_its_way_outlasts_the_lease():
    assert timedelta(minutes=4) < LEASE < SETTLED


def test_a_clock_that_leaps_while_a_charge_is_under_way_calls_it_neither_lost_nor_declined(world):
    """The processor may not have it yet when it is looked for, and have it a moment later."""
    told = []

    async def leaps(order):
        world.later(hours=1)
        await world.jobs.turn()
        told.append(await world.vault.charges.open(order.id))
        return "succeeded"

    world.processor.say("debit", leaps)
    world.processor.say("look", NONE)
    charge = world.charge(world.token())
    assert [one.row.state.value for one in told] == ["pending"]
    assert world.state(charge["id"]) == "succeeded"
    assert "charge.declined" not in world.notices()
    assert [name for name, _ in world.processor.asked] == ["debit"]
