"""What becomes of a charge: which operation is allowed from where, and which outcome leads where.

Pure decisions. A charge and what happened go in, the charge as it is then comes out.

1. One operation at a time: while its outcome is not known no other is asked for but LOOK, which asks
   and changes nothing at the processor. So none is ever sent twice.
2. What may have been done is UNKNOWN, never taken for done, and never for not done.
3. An outcome that makes no sense for what was asked is UNKNOWN as well.
4. LOOK tells what is; it never leads backwards. Money that moved after all is told, also of a charge
   that was declined, expired or cancelled.
5. That nothing is there, or nothing was done, is believed only some time after it was sent: what is
   still on its way would be missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from gateway.charges.stated import held
from gateway.errors import AmountTooHigh, ChargeInProgress, ChargeNotAllowed, ProcessorHasNone
from gateway.processors.model import Ended, Operation
from gateway.vault.charge import Charge, ChargeState

# Longer than a processor may take to answer: whoever asked and is not heard of since was killed.
LEASE: Final = timedelta(minutes=5)
# Longer than anything stays on its way.
SETTLED: Final = timedelta(minutes=15)
# The code of a LOOK that ended FAILED because the processor says that it has no such charge. Any other
# says that the looking failed, which says nothing of the charge.
NOTHING_THERE: Final = ProcessorHasNone.code

S, E, O = ChargeState, Ended, Operation  # noqa: E741  # the tables below are read by these
BEGINS: Final = frozenset({O.AUTHORIZE, O.DEBIT})

# What may be asked for. LOOK is allowed from everywhere.
ALLOWED: Final[Mapping[ChargeState, frozenset[Operation]]] = {
    S.PENDING: frozenset(),
    S.CHALLENGED: frozenset({O.CANCEL}),
    S.AUTHORIZED: frozenset({O.CAPTURE, O.CANCEL}),
    S.SUCCEEDED: frozenset({O.REFUND}),
    S.DECLINED: frozenset(),
    S.EXPIRED: frozenset(),
    S.CANCELLED: frozenset(),
    S.REFUNDED: frozenset({O.REFUND}),  # what is left of the sum
    S.DISPUTED: frozenset(),  # a refund beside a chargeback would give the sum back twice
    S.UNKNOWN: frozenset(),
}
DISPUTABLE: Final = frozenset({S.AUTHORIZED, S.SUCCEEDED, S.REFUNDED})


class Then(NamedTuple):
    """Where an outcome leads: None: as before it was asked. `open`: it is not over."""

    state: ChargeState | None
    open: bool = False


_BEGUN: Final[Mapping[Ended, Then]] = {
    E.PENDING: Then(S.PENDING, open=True),
    E.CHALLENGED: Then(S.CHALLENGED),
    E.AUTHORIZED: Then(S.AUTHORIZED),
    E.SUCCEEDED: Then(S.SUCCEEDED),
    E.DECLINED: Then(S.DECLINED),
    E.CANCELLED: Then(S.CANCELLED),
    E.REFUNDED: Then(S.UNKNOWN, open=True),
    E.FAILED: Then(S.DECLINED),
    E.UNKNOWN: Then(S.UNKNOWN, open=True),
}
OUTCOMES: Final[Mapping[Operation, Mapping[Ended, Then]]] = {
    O.AUTHORIZE: _BEGUN,
    O.DEBIT: _BEGUN,
    O.CAPTURE: {
        E.PENDING: Then(None, open=True),
        E.CHALLENGED: Then(S.UNKNOWN, open=True),
        E.AUTHORIZED: Then(None, open=True),  # it is queued there
        E.SUCCEEDED: Then(S.SUCCEEDED),
        E.DECLINED: Then(None),
        E.CANCELLED: Then(S.CANCELLED),  # what was held is held no more
        E.REFUNDED: Then(S.UNKNOWN, open=True),
        E.FAILED: Then(None),
        E.UNKNOWN: Then(S.UNKNOWN, open=True),
    },
    O.CANCEL: {
        E.PENDING: Then(None, open=True),
        E.CHALLENGED: Then(None, open=True),
        E.AUTHORIZED: Then(None, open=True),
        E.SUCCEEDED: Then(S.UNKNOWN, open=True),  # the cancelling, or the charge: LOOK tells
        E.DECLINED: Then(None),
        E.CANCELLED: Then(S.CANCELLED),
        E.REFUNDED: Then(S.UNKNOWN, open=True),
        E.FAILED: Then(None),
        E.UNKNOWN: Then(S.UNKNOWN, open=True),
    },
    O.REFUND: {
        E.PENDING: Then(None, open=True),
        E.CHALLENGED: Then(S.UNKNOWN, open=True),
        E.AUTHORIZED: Then(S.UNKNOWN, open=True),
        E.SUCCEEDED: Then(S.UNKNOWN, open=True),  # the refunding, or the charge
        E.DECLINED: Then(None),
        E.CANCELLED: Then(S.UNKNOWN, open=True),
        E.REFUNDED: Then(S.REFUNDED),
        E.FAILED: Then(None),
        E.UNKNOWN: Then(S.UNKNOWN, open=True),
    },
}

_WENT_WELL: Final[Mapping[Operation, Ended]] = {
    O.AUTHORIZE: E.AUTHORIZED,
    O.DEBIT: E.SUCCEEDED,
    O.CAPTURE: E.SUCCEEDED,
    O.CANCEL: E.CANCELLED,
    O.REFUND: E.REFUNDED,
}

# What a look may find, of a charge that nothing was taken for: the state has the outcome's name.
_MOVED: Final = frozenset({E.SUCCEEDED, E.REFUNDED})
_ENDS: Final = _MOVED | {E.DECLINED, E.CANCELLED}
_NEWS: Final[Mapping[ChargeState, frozenset[Ended]]] = {
    S.PENDING: _ENDS | {E.CHALLENGED, E.AUTHORIZED},
    S.CHALLENGED: _ENDS | {E.AUTHORIZED},
    S.AUTHORIZED: _ENDS,
    S.DECLINED: _MOVED | {E.AUTHORIZED},
    S.EXPIRED: _MOVED | {E.AUTHORIZED},
    S.CANCELLED: _MOVED,  # it may be shown as held for a while
}
# What says that a capture or a cancelling in doubt was not done.
_NOT_DONE: Final[Mapping[ChargeState, frozenset[Ended]]] = {
    S.CHALLENGED: frozenset({E.CHALLENGED, E.AUTHORIZED}),
    S.AUTHORIZED: frozenset({E.AUTHORIZED}),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the processor said, as far as it matters here."""

    ended: Ended
    processor_id: str | None = None
    code: str | None = None


def asked(charge: Charge, operation: Operation, amount: int | None, now: datetime) -> Charge:
    """The charge, the operation being on its way from now on; `amount` None: all that there is.

    Raises ChargeInProgress, ChargeNotAllowed, AmountTooHigh.
    """
    if charge.operation is not None:
        raise ChargeInProgress
    if operation not in ALLOWED[charge.state] or _captures_itself(charge, operation):
        raise ChargeNotAllowed
    most = charge.captured - charge.refunded if operation is O.REFUND else held(charge)
    if most == 0:
        raise ChargeNotAllowed
    wanted = most if amount is None else amount
    if not 0 < wanted <= most:
        raise AmountTooHigh
    return replace(
        charge,
        operation=operation.value,
        asked=wanted,
        before=charge.state,
        attempt=charge.attempt + 1,
        sent=now,
        lease=now + LEASE,
        look_due=now + LEASE,
        look_tries=0,
    )


def came_out(
    charge: Charge, operation: Operation, attempt: int, answer: Answer, now: datetime
) -> Charge:
    """The charge once the processor has answered what was asked as its `attempt`th. What a look
    found out meanwhile stands: the answer is then another look.
    """
    if operation is O.LOOK or (charge.operation, charge.attempt) != (operation.value, attempt):
        return _looked(charge, answer, now)
    then = OUTCOMES[operation][answer.ended]
    state = then.state or charge.before or charge.state
    return _at(_identified(charge, answer), state, now, open=then.open)


def lost(charge: Charge, now: datetime) -> Charge:
    """The charge, if whoever asked last was not heard of in time: it is looked for."""
    if charge.lease is None or now < charge.lease or charge.operation is None:
        return charge
    return replace(charge, state=S.UNKNOWN, changed=now, lease=None, look_due=now, look_tries=0)


def expired(charge: Charge, now: datetime) -> Charge:
    """The charge, if the guest had to authenticate until now, and did not."""
    ends = charge.challenge_ends
    if charge.state is not S.CHALLENGED or ends is None or now < ends:
        return charge
    if charge.operation is not None:
        return charge
    return replace(charge, state=S.EXPIRED, changed=now)


def disputed(charge: Charge, now: datetime) -> Charge:
    """The charge, contested. Raises ChargeInProgress, ChargeNotAllowed."""
    if charge.operation is not None:
        raise ChargeInProgress
    if charge.state not in DISPUTABLE:
        raise ChargeNotAllowed
    return replace(charge, state=S.DISPUTED, changed=now, look_due=None)


def seen(charge: Charge, *, done: bool, now: datetime) -> Ended:
    """How what is in doubt ended, as a person saw it at the processor. Only once nothing can be on its
    way any more: what arrives then would be done as well.

    Raises ChargeNotAllowed where nothing is in doubt, ChargeInProgress.
    """
    if charge.operation is None:
        raise ChargeNotAllowed
    if charge.lease is not None or not is_settled(charge, now):
        raise ChargeInProgress
    return _WENT_WELL[O(charge.operation)] if done else E.FAILED


def is_settled(charge: Charge, now: datetime) -> bool:
    """Whether what was sent last has arrived, if it ever does."""
    return charge.sent is None or now - charge.sent >= SETTLED


def _captures_itself(charge: Charge, operation: Operation) -> bool:
    """What was debited and is authorised so far is taken without being asked."""
    return operation is O.CAPTURE and charge.capture_now


# --- what is seen by looking ----------------------------------------------------------------------


def _looked(charge: Charge, answer: Answer, now: datetime) -> Charge:
    ended = answer.ended
    if charge.state is S.DISPUTED or ended is E.UNKNOWN:
        return charge
    if ended is E.FAILED:
        return _not_there(charge, answer, now)
    then = _seen(charge, ended, now)
    return charge if then is None else _at(_identified(charge, answer), then, now)


def _not_there(charge: Charge, answer: Answer, now: datetime) -> Charge:
    begun = charge.operation is not None and O(charge.operation) in BEGINS
    nothing = answer.code == NOTHING_THERE
    if begun and nothing and is_settled(charge, now):
        return _at(charge, S.DECLINED, now)
    return charge


def _seen(charge: Charge, ended: Ended, now: datetime) -> ChargeState | None:
    """The state that a look leads to; None: it tells nothing new."""
    stands = (charge.before or charge.state) if charge.state is S.UNKNOWN else charge.state
    if stands in (S.SUCCEEDED, S.REFUNDED):
        return _seen_of_taken(charge, ended, now)
    asked = charge.operation is not None and O(charge.operation) not in BEGINS
    if asked and ended in _NOT_DONE.get(stands, ()):
        return _undone(charge, S(ended.value), now)
    return S(ended.value) if ended in _NEWS.get(stands, ()) else None


def _seen_of_taken(charge: Charge, ended: Ended, now: datetime) -> ChargeState | None:
    refunding = charge.operation == O.REFUND.value
    if ended is E.REFUNDED:
        # Of a sum that was given back in part before, it does not tell whether this part was, too.
        told = charge.refunded == 0 and (refunding or charge.state is S.SUCCEEDED)
        return S.REFUNDED if told else None
    whole = charge.asked == charge.captured and charge.refunded == 0
    if ended is E.SUCCEEDED and refunding and whole:
        return _undone(charge, S.SUCCEEDED, now)
    return None


def _undone(charge: Charge, state: ChargeState, now: datetime) -> ChargeState | None:
    """`state`, if something was asked that would have led elsewhere by now."""
    return state if charge.operation is not None and is_settled(charge, now) else None


# --- writing it down ------------------------------------------------------------------------------


def _identified(charge: Charge, answer: Answer) -> Charge:
    """Refunds and captures may have ids of their own; the charge's is the first."""
    return replace(charge, processor_id=charge.processor_id or answer.processor_id)


def _at(charge: Charge, state: ChargeState, now: datetime, *, open: bool = False) -> Charge:
    """The charge in `state`; what was asked is over unless it is `open`."""
    captured, refunded = charge.captured, charge.refunded
    if state in (S.SUCCEEDED, S.REFUNDED) and captured == 0:
        captured = charge.asked if charge.operation == O.CAPTURE.value else charge.amount
    if state is S.REFUNDED:
        again = charge.operation == O.REFUND.value
        refunded = refunded + charge.asked if again else captured
    done = replace(charge, state=state, captured=captured, refunded=refunded, lease=None)
    if not open:
        done = replace(done, operation=None, asked=0, before=None)
    if (state, captured, refunded) != (charge.state, charge.captured, charge.refunded):
        done = replace(done, changed=now)
    return done
