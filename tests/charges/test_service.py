"""Charges from beginning to end, each outcome; what a client may ask for, and what is refused."""

from __future__ import annotations

import pytest

from gateway.errors import (
    AmountTooHigh,
    CardConsumed,
    ChargeInProgress,
    ChargeNotAllowed,
    ChargeUnknown,
    IdempotencyKeyReused,
    OperationNotSupported,
    ProcessorGone,
    ProcessorNotConfigured,
    ReferenceTaken,
    RequestInProgress,
    TokenUnknown,
    VaultUnavailable,
)
from gateway.processors.model import Challenge, Ended, Operation, Result
from tests.charges.scripted import Only, Scripted
from tests.charges.world import CARD, who
from tests.vault.makers import rows


def told(charge):
    return [
        (one["before"], one["state"], one["operation"], one["actor"]) for one in charge["history"]
    ]


def test_a_debit_is_written_then_sent_then_written_then_answered(world):
    token = world.token()
    charge = world.charge(token, 1050, at="RES-1", reference="BOOK-7", extra={"zip": "AB1"})
    assert (charge["state"], charge["captured"], charge["refunded"]) == ("succeeded", 1050, 0)
    assert (charge["reference"], charge["processor_id"]) == ("BOOK-7", "P-BOOK-7")
    assert charge["booking"] == {"system": "siteminder", "hotel": "10107", "id": "RES-1"}
    assert charge["token"] == token.alias
    assert told(charge) == [
        (None, "pending", "debit", "pms/k1"),
        ("pending", "succeeded", "debit", "sandbox"),
    ]
    ((operation, order),) = world.processor.asked
    assert (operation, order.amount, order.currency) == ("debit", 1050, "EUR")
    assert (order.token, order.booking, order.extra) == (token, "RES-1", {"zip": "AB1"})
    assert (order.id, order.reference, order.processor_id) == (charge["id"], "BOOK-7", None)
    assert world.audit() == [("charge", "intent", ""), ("charge", "done", "succeeded")]
    assert world.notices() == ["charge.pending", "charge.succeeded"]
    assert world.get(charge["id"]) == charge


@pytest.mark.parametrize("ended", list(Ended))
def test_each_outcome_of_a_debit(world, ended):
    world.processor.say("debit", ended.value)
    charge = world.charge(world.token())
    state = {"failed": "declined", "refunded": "unknown"}.get(ended.value, ended.value)
    assert charge["state"] == state
    assert world.processor.sent() == [("debit", 1000)]
    outcome = {"failed": "failed", "unknown": "unknown"}.get(ended.value, "done")
    assert world.audit()[-1][:2] == ("charge", outcome)
    kinds = ["charge.pending"] if state == "pending" else ["charge.pending", f"charge.{state}"]
    assert world.notices() == kinds


def test_authorised_captured_in_part_and_given_back_in_parts(world):
    world.processor.say("authorize", "authorized")
    world.processor.say("refund", "refunded")
    charge = world.charge(world.token(), capture_now=False)
    assert charge["state"] == "authorized"
    with pytest.raises(AmountTooHigh):
        world.ask(charge["id"], "capture", 1001)
    taken = world.ask(charge["id"], "capture", 800)
    assert (taken["state"], taken["captured"]) == ("succeeded", 800)
    for again in ("capture", "cancel"):
        with pytest.raises(ChargeNotAllowed):
            world.ask(charge["id"], again)
    world.ask(charge["id"], "refund", 300)
    world.ask(charge["id"], "refund", 100)
    with pytest.raises(AmountTooHigh):
        world.ask(charge["id"], "refund", 401)
    back = world.ask(charge["id"], "refund")
    assert (back["state"], back["captured"], back["refunded"]) == ("refunded", 800, 800)
    orders = [order for _, order in world.processor.asked]
    assert [order.amount for order in orders] == [1000, 800, 300, 100, 400]
    assert len({order.id for order in orders}) == 5  # two refunds are two
    assert {order.reference for order in orders} == {charge["reference"]}
    assert {order.processor_id for order in orders[1:]} == {charge["processor_id"]}
    assert world.notices()[-3:] == ["charge.refunded"] * 3
    with pytest.raises(ChargeNotAllowed):
        world.ask(charge["id"], "refund")


def test_what_is_held_is_cancelled(world):
    world.processor.say("authorize", "authorized")
    world.processor.say("cancel", "cancelled")
    charge = world.charge(world.token(), capture_now=False)
    assert world.ask(charge["id"], "cancel")["state"] == "cancelled"


def test_p06_another_products_token_is_unknown_and_nothing_is_written(world):
    token = world.token()
    for by in (who(products={"hilltop"}), who(products=())):
        with pytest.raises(TokenUnknown):
            world.charge(token, by=by)
    assert world.processor.asked == []
    assert [row[1:] for row in world.audit()] == [("refused", "token_unknown")] * 2
    with rows(world.directory) as connection:
        assert connection.execute("SELECT count(*) FROM charge").fetchone() == (0,)


def test_p06_p28_anothers_charge_is_unknown(world):
    charge = world.charge(world.token())
    for by in (who(client="spa"), who(products={"hilltop"})):
        with pytest.raises(ChargeUnknown):
            world.get(charge["id"], by)
        with pytest.raises(ChargeUnknown):
            world.ask(charge["id"], "refund", by=by)
    assert world.get(charge["id"], who(client="ops", sees_all=True))["id"] == charge["id"]
    assert world.processor.sent() == [("debit", 1000)]


def test_a_product_without_a_processor_or_one_that_can_not_do_it(world):
    token = world.token()
    world.processors = Only(world.processor, products=())
    world.restart()
    with pytest.raises(ProcessorNotConfigured):
        world.charge(token)
    world.processors = Only(Scripted(operations={Operation.DEBIT}))
    world.restart()
    with pytest.raises(OperationNotSupported):
        world.charge(token, capture_now=False)
    charge = world.charge(token)
    with pytest.raises(OperationNotSupported):
        world.ask(charge["id"], "refund")
    assert [row[1] for row in world.audit()] == ["refused"] * 2 + ["intent", "done", "refused"]
    world.processors = Only(Scripted("another"))
    world.restart()
    with pytest.raises(ProcessorGone):
        world.ask(charge["id"], "refund")


def test_what_was_charged_before_is_given_back_where_it_was_charged(world):
    """A hotel leaves its processor by changing one line; the money is still there."""
    token, before = world.token(), world.processor
    charge = world.charge(token)
    before.say("refund", "refunded")
    after = Scripted("another")
    world.processors = Only(after, before=[before])
    world.restart()
    assert world.ask(charge["id"], "refund")["state"] == "refunded"
    assert world.charge(token)["processor"] == "another"
    assert [operation for operation, _ in before.sent()] == ["debit", "refund"]
    assert [operation for operation, _ in after.sent()] == ["debit"]


def test_a_reference_is_used_once_in_a_product(world):
    token = world.token()
    charge = world.charge(token, reference="R")
    with pytest.raises(ReferenceTaken):
        world.charge(token, reference="R")
    assert len(world.processor.asked) == 1
    assert world.audit()[-1] == ("charge", "refused", "reference_taken")
    assert charge["state"] == "succeeded"


def test_a_consumed_card_is_refused_for_its_booking_at_that_processor(world):
    token, other = world.token(), world.token("4929000000000014")
    world.processor.say("debit", Result(Ended.DECLINED, decline="no", consumed=True))
    assert world.charge(token, at="RES-1")["state"] == "declined"
    for at in ("RES-1", None):
        with pytest.raises(CardConsumed):
            world.charge(token, at=at)
    assert len(world.processor.asked) == 1
    world.processor.say("debit", "succeeded")
    assert world.charge(token, at="RES-2")["state"] == "succeeded"
    assert world.charge(other, at="RES-1")["state"] == "succeeded"
    world.processors = Only(Scripted("another"))
    world.restart()
    assert world.charge(token, at="RES-1")["state"] == "succeeded"
    world.processors.processor.say("debit", Result(Ended.SUCCEEDED, consumed=True))
    world.charge(other, at=None)  # it is not known for which booking: for none any more
    with pytest.raises(CardConsumed):
        world.charge(other, at="RES-9")


def test_a_request_that_counts_once(world):
    token = world.token()
    first = world.charge(token, reference="A", key="k")
    assert world.charge(token, reference="A", key="k") == first
    assert world.processor.sent() == [("debit", 1000)]
    refund = world.ask(first["id"], "refund", 100, key="r")
    assert world.ask(first["id"], "refund", 100, key="r") == refund
    assert world.processor.sent()[1:] == [("refund", 100)]
    assert world.audit()[-1] == ("refund", "done", "repeated")
    with pytest.raises(IdempotencyKeyReused):
        world.run(
            world.charges.ask(
                who(), first["id"], Operation.REFUND, 200, _reply(world, "r", b"another")
            )
        )


def _reply(world, key, said):
    from gateway.charges.who import Reply
    from gateway.control.charges_shown import answered

    return Reply(world.once(key, said), answered)


def test_a_request_that_counts_once_and_was_cut_off_is_never_sent_again(world):
    token = world.token()
    world.processor.say("debit", VaultUnavailable())  # as good as killed
    with pytest.raises(VaultUnavailable):
        world.charge(token, reference="A", key="k")
    with pytest.raises(RequestInProgress):
        world.charge(token, reference="A", key="k")
    world.processor.say("look", "succeeded")
    world.settle(minutes=6)
    again = world.charge(token, reference="A", key="k")
    assert (again["state"], again["captured"]) == ("succeeded", 1000)
    assert world.processor.sent() == [("debit", 1000)]


def test_p24_a_second_part_of_a_refund_in_doubt_is_settled_by_a_person(world):
    """No look tells whether it was done: the processor says the same of both."""
    charge = world.charge(world.token())
    id, settle = charge["id"], world.charges.settle
    with pytest.raises(ChargeNotAllowed):
        world.run(settle(who(), id, _reply(world, None, b""), done=True))
    world.processor.say("refund", "refunded", "unknown")
    assert world.ask(id, "refund", 300)["state"] == "refunded"
    assert world.ask(id, "refund", 200)["state"] == "unknown"
    with pytest.raises(ChargeInProgress):
        world.run(settle(who(), id, _reply(world, None, b""), done=True))
    world.processor.say("look", *["refunded"] * 9)
    world.settle(hours=1)
    assert world.state(id) == "unknown+"
    done = world.run(settle(who(), id, _reply(world, "s", b"done"), done=True))
    assert world.run(settle(who(), id, _reply(world, "s", b"done"), done=True)) == done
    shown = world.get(id)
    assert (shown["state"], shown["refunded"], shown["in_progress"]) == ("refunded", 500, None)
    last = shown["history"][-1]
    assert (last["operation"], last["code"], last["actor"]) == (
        "refund", "settled_by_hand", who().actor,
    )  # fmt: skip
    assert world.notices()[-1] == "charge.refunded"
    settled = [one[1:] for one in world.audit() if one[0] == "settle"]
    assert settled == [
        ("refused", "charge_not_allowed"), ("refused", "charge_in_progress"),
        ("done", "refunded"), ("done", "repeated"),
    ]  # fmt: skip
    assert [name for name, _ in world.processor.sent()] == ["debit", "refund", "refund"]


def test_a_dispute_is_registered_once_and_ends_refunding(world):
    charge = world.charge(world.token())
    done = world.run(world.charges.dispute(who(), charge["id"], "fraud", _reply(world, "d", b"")))
    assert b'"state":"disputed"' in done
    again = world.run(world.charges.dispute(who(), charge["id"], "fraud", _reply(world, "d", b"")))
    assert again == done
    with pytest.raises(ChargeNotAllowed):
        world.run(world.charges.dispute(who(), charge["id"], None, _reply(world, None, b"")))
    with pytest.raises(ChargeNotAllowed):
        world.ask(charge["id"], "refund")
    last = world.get(charge["id"])["history"][-1]
    assert (last["operation"], last["decline"], last["state"]) == ("dispute", "fraud", "disputed")
    assert world.notices()[-1] == "charge.disputed"


@pytest.mark.parametrize(
    "said, kept",
    [
        ("Do not honour", "Do not honour"),
        (f"card {CARD} is lost", "card 453957******1486 is lost"),
        ("a\nb\0c" + "x" * 500, "a b c" + "x" * 195),
        ("x" * 190 + " " + CARD, "x" * 190 + " 453957***"),
        (None, None),
    ],
)
def test_p16_a_processors_words_hold_no_card(world, said, kept):
    world.processor.say("debit", Result(Ended.DECLINED, decline=said))
    charge = world.charge(world.token())
    assert charge["history"][-1]["decline"] == kept
    assert CARD.encode() not in world.files()


def test_p16_p17_what_is_personal_is_sealed_and_bound_to_its_charge(world):
    challenge = Challenge("form", "https://acs.example/x", {"paReq": "PA-REQ-1"}, None)
    world.processor.say("debit", Result(Ended.CHALLENGED, "P-1", challenge=challenge))
    token = world.token(at="RES-SECRET")
    more = {"return_url": "https://pms.example/back", "extra": {"address1": "1 Pier Street"}}
    charge = world.charge(token, at="RES-SECRET", network_transaction_id="NTI-1", **more)
    hidden = ("RES-SECRET", "1 Pier", "pms.example", "PA-REQ", "acs.example", "NTI-1")
    for text in (*hidden, token.tokenuser):
        assert text.encode() not in world.files(), text
    world.charge(token, at="RES-SECRET")
    with rows(world.directory) as connection:
        connection.execute("UPDATE charge SET amount = 9999 WHERE id = ?", (charge["id"],))
    from gateway.errors import RecordDamaged

    with pytest.raises(RecordDamaged):
        world.get(charge["id"])


def test_history_is_not_rewritten(world):
    import sqlite3

    world.charge(world.token())
    with rows(world.directory) as connection:
        for statement in ("DELETE FROM charge_event", "UPDATE charge_event SET state = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="not rewritten"):
                connection.execute(statement)


def test_while_one_is_asked_nothing_else_is(world):
    world.processor.say("authorize", "authorized")
    world.processor.say("capture", "unknown")
    charge = world.charge(world.token(), capture_now=False)
    assert world.ask(charge["id"], "capture")["state"] == "unknown"
    for operation in ("capture", "cancel", "refund"):
        with pytest.raises(ChargeInProgress):
            world.ask(charge["id"], operation)
    assert world.processor.sent() == [("authorize", 1000), ("capture", 1000)]
