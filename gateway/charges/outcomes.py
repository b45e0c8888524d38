"""What is written of a charge when something is asked of its processor, and when that came out.

Decided inside the transaction that writes it; what leads where is `states`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from gateway.audit import Entry, Outcome
from gateway.cards.masking import without_cards
from gateway.charges import content as contents
from gateway.charges import page, states
from gateway.charges.content import Content
from gateway.charges.schedule import next_look
from gateway.charges.stated import counted
from gateway.charges.telling import notice
from gateway.errors import ChargeUnknown, GatewayError
from gateway.processors.model import Ended, Operation, Result
from gateway.vault.charge import Charge, ChargeState, Event, OpenCharge
from gateway.vault.charge_changes import Change, Decision, Refusal

GATEWAY = "gateway"  # the actor of what nobody asked for
BY_HAND: Final = "settled_by_hand"  # in the history
SUM_UNREADABLE: Final = "sum_unreadable"  # in the history: where the sum should stand is none
_LONGEST = 200  # characters of a processor's reason

Answering = Callable[[OpenCharge, Sequence[Event]], bytes]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be asked of a processor, by whom; `amount` None: all that there is."""

    operation: Operation
    amount: int | None
    intent: Entry
    actor: str


@dataclass(frozen=True, slots=True)
class Came:
    """What came of it. `attempt` is the charge's when it was asked."""

    operation: Operation
    attempt: int
    result: Result
    actor: str
    intent: Entry | None  # None: the gateway looked by itself
    challenge_lasts: timedelta
    answer: Answering | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Who says something of a charge that nobody is asked for, and how they are answered."""

    intent: Entry
    actor: str
    answer: Answering


def asked(one: OpenCharge | None, ask: Ask, now: datetime) -> Decision:
    """The charge, the operation being on its way; or why it is not asked for."""
    if one is None:
        return _refused(ask.intent, ChargeUnknown())
    try:
        row = states.asked(one.row, ask.operation, ask.amount, now)
    except GatewayError as error:
        return _refused(ask.intent, error)
    said = Event(now, one.row.state, row.state, ask.operation.value, row.asked, ask.actor)
    return Change(replace(one, row=row), [said], [ask.intent])


def looked_for(one: OpenCharge | None, intent: Entry, now: datetime) -> Decision:
    """The charge, which a client wants looked for. Who asked last and is gone is not waited for."""
    if one is None:
        return _refused(intent, ChargeUnknown())
    gone = lost(one, now)
    return replace(gone, entries=[intent]) if gone is not None else Change(one, entries=[intent])


def came_out(one: OpenCharge | None, came: Came, now: datetime) -> Decision | None:
    """The charge once the processor has answered. A look that tells nothing new writes no history."""
    if one is None:
        return None
    result, before = came.result, one.row
    answer = states.Answer(result.ended, result.processor_id, result.code)
    row = states.came_out(before, came.operation, came.attempt, answer, now)
    row, stated = counted(before, row, came.operation, result, now)
    if came.operation is Operation.LOOK and row == before:
        row = states.expired(row, now)
    row, content = _with_content(one, row, came, now)
    done = OpenCharge(_scheduled(before, row, now), contents.write(content))
    ends = row.challenge_ends
    said = Event(
        at=now,
        before=before.state,
        state=row.state,
        operation=came.operation.value,
        amount=before.asked or before.amount,
        actor=came.actor if row.state is not ChargeState.EXPIRED else GATEWAY,
        code=SUM_UNREADABLE if result.sum_unreadable else result.code,
        decline=_reason(result.decline),
        stated=stated,
    )
    return Change(
        charge=done,
        events=[said] if _tells(came.operation, before, row) else [],
        entries=[] if came.intent is None else [_ended(came.intent, result, row, now)],
        notices=[notice(row, content, said)] if _moved(before, row) else [],
        opens=page.link_to(row, content, ends, now)
        if ends is not None and before.challenge_ends is None
        else None,
        closes=page.ended_as(before, row, content),
        consumed=result.consumed,
        answer=came.answer,
    )


def differs(decision: Decision | None) -> bool:
    """Whether it tells of another sum than was asked for, or of one that nobody can read."""
    events = decision.events if isinstance(decision, Change) else ()
    return any(one.stated is not None or one.code == SUM_UNREADABLE for one in events)


def lost(one: OpenCharge | None, now: datetime) -> Change | None:
    """The charge, if whoever asked for something was not heard of in time; None: nobody is missed."""
    if one is None:
        return None
    row = states.lost(one.row, now)
    if row == one.row:
        return None
    operation, amount = str(row.operation), row.asked
    said = Event(now, one.row.state, row.state, operation, amount, GATEWAY, code="not_heard_of")
    told = notice(row, contents.read(one.held), said)
    return Change(replace(one, row=row), [said], [], [told])


def settled(one: OpenCharge | None, note: Note, now: datetime, *, done: bool) -> Decision | None:
    """The charge, with what a person saw at the processor; or why that is not taken. The challenge's
    time is not asked for: it began before.
    """
    if one is None:
        return _refused(note.intent, ChargeUnknown())
    try:
        ended = states.seen(one.row, done=done, now=now)
    except GatewayError as error:
        return _refused(note.intent, error)
    result, operation = Result(ended, code=BY_HAND), Operation(str(one.row.operation))
    came = Came(
        operation, one.row.attempt, result, note.actor, note.intent, timedelta(), note.answer
    )
    change = came_out(one, came, now)
    if not isinstance(change, Change):
        return change
    entry = replace(note.intent, at=now, outcome=Outcome.DONE, detail=change.charge.row.state.value)
    return replace(change, entries=[entry])


def disputed(one: OpenCharge | None, note: Note, now: datetime, *, reason: str | None) -> Decision:
    """The charge, contested; or why it can not be. `reason` in the bank's words."""
    if one is None:
        return _refused(note.intent, ChargeUnknown())
    try:
        row = states.disputed(one.row, now)
    except GatewayError as error:
        return _refused(note.intent, error)
    amount = row.captured - row.refunded or row.amount
    said = Event(now, one.row.state, row.state, "dispute", amount, note.actor, decline=reason)
    entry = replace(note.intent, at=now, outcome=Outcome.DONE)
    told = notice(row, contents.read(one.held), said)
    return Change(replace(one, row=row), [said], [entry], [told], answer=note.answer)


def _refused(intent: Entry, error: GatewayError) -> Refusal:
    return Refusal(error, [replace(intent, outcome=Outcome.REFUSED, detail=error.code)])


def _with_content(
    one: OpenCharge, row: Charge, came: Came, now: datetime
) -> tuple[Charge, Content]:
    """What the processor said besides: the networks' id, and what the guest has to pass. While a
    cancelling is in doubt the challenge is kept: the guest may have to pass it after all.
    """
    content, result = contents.read(one.held), came.result
    if result.network_transaction_id is not None:
        content = replace(content, network_id=result.network_transaction_id)
        row = replace(row, has_network_id=True)
    in_doubt = row.state is ChargeState.UNKNOWN and row.before is ChargeState.CHALLENGED
    if row.state is not ChargeState.CHALLENGED and not in_doubt:
        return replace(row, challenge_ends=None), replace(content, challenge=None)
    if result.ended is Ended.CHALLENGED and result.challenge is not None:
        content = replace(content, challenge=result.challenge)
    if row.challenge_ends is None:
        row = replace(row, challenge_ends=now + came.challenge_lasts)
    return row, content


def _scheduled(before: Charge, row: Charge, now: datetime) -> Charge:
    if _moved(before, row) or before.lease is not None:
        row = replace(row, look_tries=0)
    return replace(row, look_due=next_look(row, now))


def _moved(before: Charge, row: Charge) -> bool:
    """Whether there is anything to tell."""
    return (before.state, before.captured, before.refunded, before.stated) != (
        row.state, row.captured, row.refunded, row.stated,
    )  # fmt: skip


def _tells(operation: Operation, before: Charge, row: Charge) -> bool:
    """Whether it belongs into the history."""
    if operation is not Operation.LOOK or _moved(before, row):
        return True
    return before.operation != row.operation


def _ended(intent: Entry, result: Result, row: Charge, now: datetime) -> Entry:
    outcome = {Ended.FAILED: Outcome.FAILED, Ended.UNKNOWN: Outcome.UNKNOWN}
    detail = result.code or row.state.value
    return replace(intent, at=now, outcome=outcome.get(result.ended, Outcome.DONE), detail=detail)


def _reason(said: str | None) -> str | None:
    """A processor's own words, without what has no business in them."""
    if said is None:
        return None
    line = "".join(char if char.isprintable() else " " for char in said)
    return without_cards(line)[:_LONGEST]  # not the other way round: half a number is none
