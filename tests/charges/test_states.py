"""Which operation is allowed from which state, and where each outcome leads: all there are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from gateway.charges import states
from gateway.charges.states import LEASE, NOTHING_THERE, SETTLED, Answer
from gateway.errors import AmountTooHigh, ChargeInProgress, ChargeNotAllowed
from gateway.processors.model import Ended, Operation
from gateway.vault.charge import Charge, ChargeState
from tests.vault.makers import NOON

SOON = NOON + timedelta(seconds=20)
LATE = NOON + SETTLED
ENDED = (
    "pending", "challenged", "authorized", "succeeded", "declined", "cancelled", "refunded",
    "failed", "unknown",
)  # fmt: skip

# State and operation → where each outcome leads, in the order above. `-`: not allowed. A `+` after
# a state: it is not over, and nothing else may be asked.
ASKED = {
    ("pending", "authorize"): (
        "pending+ challenged authorized succeeded declined cancelled unknown+ declined unknown+"
    ),
    ("pending", "debit"): (
        "pending+ challenged authorized succeeded declined cancelled unknown+ declined unknown+"
    ),
    ("authorized", "capture"): (
        "authorized+ unknown+ authorized+ succeeded authorized cancelled unknown+ authorized"
        " unknown+"
    ),
    ("authorized", "cancel"): (
        "authorized+ authorized+ authorized+ unknown+ authorized cancelled unknown+ authorized"
        " unknown+"
    ),
    ("challenged", "cancel"): (
        "challenged+ challenged+ challenged+ unknown+ challenged cancelled unknown+ challenged"
        " unknown+"
    ),
    ("succeeded", "refund"): (
        "succeeded+ unknown+ unknown+ unknown+ succeeded unknown+ refunded succeeded unknown+"
    ),
    ("refunded", "refund"): (
        "refunded+ unknown+ unknown+ unknown+ refunded unknown+ refunded refunded unknown+"
    ),
}

# What stands, and what it is in doubt about → what a look says, at once and when all has settled.
LOOKED = {
    ("pending", "debit"): (
        "pending+ challenged authorized succeeded declined cancelled refunded pending+ pending+"
    ),
    ("unknown", "debit"): (
        "unknown+ challenged authorized succeeded declined cancelled refunded unknown+ unknown+"
    ),
    ("challenged", ""): (
        "challenged challenged authorized succeeded declined cancelled refunded challenged"
        " challenged"
    ),
    ("challenged", "cancel"): (
        "challenged+ challenged+ challenged+ succeeded declined cancelled refunded challenged+"
        " challenged+"
    ),
    ("authorized", ""): (
        "authorized authorized authorized succeeded declined cancelled refunded authorized"
        " authorized"
    ),
    ("authorized", "capture"): (
        "authorized+ authorized+ authorized+ succeeded declined cancelled refunded authorized+"
        " authorized+"
    ),
    ("unknown", "capture"): (
        "unknown+ unknown+ unknown+ succeeded declined cancelled refunded unknown+ unknown+"
    ),
    ("unknown", "cancel"): (
        "unknown+ unknown+ unknown+ succeeded declined cancelled refunded unknown+ unknown+"
    ),
    ("succeeded", ""): (
        "succeeded succeeded succeeded succeeded succeeded succeeded refunded succeeded succeeded"
    ),
    ("succeeded", "refund"): (
        "succeeded+ succeeded+ succeeded+ succeeded+ succeeded+ succeeded+ refunded succeeded+"
        " succeeded+"
    ),
    ("unknown", "refund"): (
        "unknown+ unknown+ unknown+ unknown+ unknown+ unknown+ refunded unknown+ unknown+"
    ),
    ("refunded", ""): (
        "refunded refunded refunded refunded refunded refunded refunded refunded refunded"
    ),
    ("declined", ""): (
        "declined declined authorized succeeded declined declined refunded declined declined"
    ),
    ("expired", ""): (
        "expired expired authorized succeeded expired expired refunded expired expired"
    ),
    ("cancelled", ""): (
        "cancelled cancelled cancelled succeeded cancelled cancelled refunded cancelled cancelled"
    ),
    ("disputed", ""): (
        "disputed disputed disputed disputed disputed disputed disputed disputed disputed"
    ),
}
# What differs once what was sent must have arrived.
SETTLES = {
    ("challenged", "cancel", "authorized"): "authorized",
    ("challenged", "cancel", "challenged"): "challenged",
    ("authorized", "capture", "authorized"): "authorized",
    ("unknown", "capture", "authorized"): "authorized",
    ("unknown", "cancel", "authorized"): "authorized",
    ("succeeded", "refund", "succeeded"): "succeeded",
    ("unknown", "refund", "succeeded"): "succeeded",
}
BEFORE = {
    "debit": "pending", "authorize": "pending", "capture": "authorized", "cancel": "authorized",
    "refund": "succeeded",
}  # fmt: skip
TAKEN = ("succeeded", "refunded", "disputed")


def charge(state="pending", operation="", **more):
    """One in this state; `operation` is in doubt, sent at noon."""
    taken = state in TAKEN or operation == "refund"
    made = Charge(
        id="c1", client="pms", product="seaside", test=True, iduser=7, booking=b"",
        reference="R-1", amount=1000, currency="EUR", initiator="guest", exemption=None,
        capture_now=False, processor="sandbox", created=NOON, changed=NOON,
        state=ChargeState(state), captured=1000 if taken else 0,
        refunded=400 if state == "refunded" else 0, attempt=1,
    )  # fmt: skip
    if operation:
        before = BEFORE[operation] if state == "unknown" else state
        made = replace(made, operation=operation, asked=1000, before=ChargeState(before), sent=NOON)
    return replace(made, **more)


def told(one):
    return one.state.value + ("+" if one.operation else "")


def asked(one, operation, amount=None):
    if operation in states.BEGINS:
        return replace(
            one, operation=operation.value, asked=one.amount, before=one.state,
            sent=NOON, lease=NOON + LEASE,
        )  # fmt: skip
    return states.asked(one, operation, amount, NOON)


@pytest.mark.parametrize("state", list(ChargeState))
@pytest.mark.parametrize(
    "operation", [o for o in Operation if o not in (Operation.CUSTOMER, Operation.LOOK)]
)
def test_each_outcome_of_each_operation_from_each_state(state, operation):
    row = ASKED.get((state.value, operation.value))
    one = charge(state.value)
    if row is None:
        with pytest.raises(ChargeNotAllowed):
            states.asked(one, operation, None, NOON)
        return
    for ended, expected in zip(ENDED, row.split(), strict=True):
        sent = asked(one, operation)
        done = states.came_out(sent, operation, sent.attempt, Answer(Ended(ended)), SOON)
        assert told(done) == expected, ended
        assert done.lease is None
        if not expected.endswith("+"):
            assert (done.asked, done.before) == (0, None)


def test_each_outcome_of_a_look_in_each_state():
    seen = set()
    for ((state, operation), row), at in product(LOOKED.items(), (SOON, LATE)):
        for ended, first in zip(ENDED, row.split(), strict=True):
            settles = SETTLES.get((state, operation, ended), first)
            expected = settles if at == LATE else first
            one = charge(state, operation)
            done = states.came_out(one, Operation.LOOK, one.attempt, Answer(Ended(ended)), at)
            assert told(done) == expected, (state, operation, ended, at)
            assert (done == one) == (told(done) == told(one))
        seen.add(state)
    assert seen == {state.value for state in ChargeState}
    assert all(set(row) == set(Ended) for row in states.OUTCOMES.values())
    assert set(states.ALLOWED) == set(ChargeState)


def test_that_nothing_is_there_is_believed_only_of_what_was_begun_and_has_settled():
    none = Answer(Ended.FAILED, code=NOTHING_THERE)
    for (state, operation), at in product(LOOKED, (SOON, LATE)):
        one = charge(state, operation)
        done = states.came_out(one, Operation.LOOK, 1, none, at)
        believed = operation == "debit" and at == LATE
        assert told(done) == ("declined" if believed else told(one)), (state, operation, at)
        for failed in (  # the looking
            Answer(Ended.FAILED, code="upstream_unreachable"),
            Answer(Ended.FAILED, code="processor_refused"),
        ):
            assert states.came_out(one, Operation.LOOK, 1, failed, at) == one


@pytest.mark.parametrize("operation", [o for o in Operation if o is not Operation.LOOK])
@pytest.mark.parametrize("state, doubt", [key for key in LOOKED if key[1]])
def test_while_an_outcome_is_not_known_nothing_else_is_asked(state, doubt, operation):
    with pytest.raises(ChargeInProgress):
        states.asked(charge(state, doubt), operation, None, LATE)


def test_sums():
    held = charge("authorized")
    part = states.asked(held, Operation.CAPTURE, 600, NOON)
    taken = states.came_out(part, Operation.CAPTURE, 2, Answer(Ended.SUCCEEDED), SOON)
    assert (taken.captured, taken.refunded, taken.state) == (600, 0, ChargeState.SUCCEEDED)
    for amount in (0, -1, 601):
        with pytest.raises(AmountTooHigh):
            states.asked(taken, Operation.REFUND, amount, SOON)
    back = taken
    for count, amount in ((3, 100), (4, 200)):
        sent = states.asked(back, Operation.REFUND, amount, SOON)
        back = states.came_out(sent, Operation.REFUND, count, Answer(Ended.REFUNDED), SOON)
    assert (back.captured, back.refunded, back.state) == (600, 300, ChargeState.REFUNDED)
    with pytest.raises(AmountTooHigh):
        states.asked(back, Operation.REFUND, 301, SOON)
    rest = states.asked(back, Operation.REFUND, None, SOON)
    assert rest.asked == 300
    whole = states.came_out(rest, Operation.REFUND, 5, Answer(Ended.REFUNDED), SOON)
    assert whole.refunded == whole.captured == 600
    with pytest.raises(ChargeNotAllowed):
        states.asked(whole, Operation.REFUND, None, SOON)
    with pytest.raises(AmountTooHigh):
        states.asked(held, Operation.CAPTURE, 1001, NOON)


def test_a_part_that_may_have_been_given_back_is_not_guessed():
    """Processors call a charge succeeded, or refunded, when a part of it was given back."""
    again = charge("refunded", "refund", asked=100)
    again = replace(again, state=ChargeState.UNKNOWN, before=ChargeState.REFUNDED)
    part = charge("unknown", "refund", asked=100)
    for one, ended in ((again, "refunded"), (again, "succeeded"), (part, "succeeded")):
        assert states.came_out(one, Operation.LOOK, 1, Answer(Ended(ended)), LATE) == one
    done = states.came_out(part, Operation.LOOK, 1, Answer(Ended.REFUNDED), SOON)
    assert (done.refunded, told(done)) == (100, "refunded")


def test_what_debits_takes_the_sum_by_itself():
    with pytest.raises(ChargeNotAllowed):
        states.asked(charge("authorized", capture_now=True), Operation.CAPTURE, None, NOON)


def test_whoever_asked_and_is_gone_leaves_a_doubt_and_its_answer_still_counts():
    sent = states.asked(charge("authorized"), Operation.CAPTURE, 600, NOON)
    assert states.lost(sent, NOON + LEASE - timedelta(seconds=1)) == sent
    gone = states.lost(sent, NOON + LEASE)
    assert (told(gone), gone.look_due) == ("unknown+", NOON + LEASE)
    assert states.lost(gone, LATE) == gone
    late = states.came_out(gone, Operation.CAPTURE, 2, Answer(Ended.SUCCEEDED), LATE)
    assert (told(late), late.captured) == ("succeeded", 600)
    seen = states.came_out(gone, Operation.LOOK, 2, Answer(Ended.AUTHORIZED), LATE)
    assert told(seen) == "authorized"
    later = states.came_out(seen, Operation.CAPTURE, 2, Answer(Ended.SUCCEEDED), LATE)
    assert told(later) == "succeeded"  # money moved after all
    unheard = states.came_out(seen, Operation.CAPTURE, 2, Answer(Ended.UNKNOWN), LATE)
    assert unheard == seen


def test_a_silent_guest_ends_in_expired_and_a_late_one_is_told():
    waits = charge("challenged", challenge_ends=LATE)
    assert states.expired(waits, LATE - timedelta(seconds=1)) == waits
    over = states.expired(waits, LATE)
    assert told(over) == "expired"
    assert (
        told(states.expired(charge("challenged", "cancel", challenge_ends=NOON), LATE))[-1] == "+"
    )
    paid = states.came_out(over, Operation.LOOK, 1, Answer(Ended.SUCCEEDED), LATE)
    assert (told(paid), paid.captured) == ("succeeded", 1000)


@pytest.mark.parametrize(
    ("operation", "done", "not_done"),
    [
        ("debit", "succeeded", "declined"),
        ("authorize", "authorized", "declined"),
        ("capture", "succeeded", "authorized"),
        ("cancel", "cancelled", "authorized"),
        ("refund", "refunded", "succeeded"),
    ],
)
def test_p24_a_person_settles_what_is_in_doubt_and_can_not_be_on_its_way(operation, done, not_done):
    one = charge("unknown", operation)
    for outcome, state in ((True, done), (False, not_done)):
        with pytest.raises(ChargeInProgress):
            states.seen(one, done=outcome, now=SOON)
        with pytest.raises(ChargeInProgress):  # somebody waits for the answer
            states.seen(replace(one, lease=LATE + LEASE), done=outcome, now=LATE)
        ended = states.seen(one, done=outcome, now=LATE)
        settled = states.came_out(one, Operation(operation), one.attempt, Answer(ended), LATE)
        assert (told(settled), settled.operation, settled.asked) == (state, None, 0)
    for state in ChargeState:
        with pytest.raises(ChargeNotAllowed):
            states.seen(charge(state.value), done=True, now=LATE)


@pytest.mark.parametrize("state", list(ChargeState))
def test_disputes(state):
    one = charge(state.value)
    if state.value in ("authorized", "succeeded", "refunded"):
        done = states.disputed(one, SOON)
        assert (told(done), done.captured, done.refunded) == (
            "disputed", one.captured, one.refunded,
        )  # fmt: skip
    else:
        with pytest.raises(ChargeNotAllowed):
            states.disputed(one, SOON)
    with pytest.raises(ChargeInProgress):
        states.disputed(charge("succeeded", "refund"), SOON)
