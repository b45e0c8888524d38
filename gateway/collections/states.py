"""What becomes of a collection: which step is next, and when a charge may be made.

Pure decisions. A collection and what is known go in, the collection as it is then comes out, with what is
to be done for it.

1. One charge at a time: while one is on its way, or nobody knows what became of it, there is no other,
   no other step, and no end.
2. What was taken ends it, whichever of its charges took it and however late: a link that is open is
   withdrawn, nothing more is charged.
3. It is stopped, or expires, only while no charge is on its way.
4. A card that a guest has typed in time is charged, though the time is over meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from gateway.errors import (
    CardNotYetActive,
    CollectionMoved,
    CollectionOver,
    OperationNotSupported,
    ProcessorNotConfigured,
)
from gateway.vault.charge import Charge, ChargeState
from gateway.vault.collection import OVER, Collection, CollectionState, CollectionStep
from gateway.vault.link import LinkState

S, T = CollectionState, CollectionStep
# A charge that did not come to a word of its processor's is made again after these; then it is the
# guest's turn.
PAUSES: Final = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
# A guest may mistype, or have no money on the first card.
CARDS: Final = 3
# Whatever a collection waits for wakes it; this is for what nobody thought of.
AGAIN: Final = timedelta(hours=1)
# How often the channel's recapture is looked for.
LOOK: Final = timedelta(minutes=1)

OVERPAID: Final = "overpaid"
UNDERPAID: Final = "underpaid"
STOP_ASKED: Final = "stop_asked"
NOT_OFFERED: Final = "recapture_not_offered"
_ON_ITS_WAY: Final = frozenset(
    {ChargeState.PENDING, ChargeState.CHALLENGED, ChargeState.AUTHORIZED, ChargeState.UNKNOWN}
)
# What whoever runs the gateway puts right.
_REPAIRED: Final = frozenset({ProcessorNotConfigured.code, OperationNotSupported.code})


@dataclass(frozen=True, slots=True)
class GuestLink:
    """The guest's link. `has_card`: a card was typed there, and is ours."""

    state: LinkState
    expires: datetime
    has_card: bool = False


@dataclass(frozen=True, slots=True)
class OpenRecapture:
    """The channel takes another card for the booking, until then."""

    id: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known. `code`: why the newest charge did not come to a word of its processor's. `pages`:
    the product has pages. `offered`: the booking's channel has recaptures.
    """

    charges: Sequence[Charge] = ()
    code: str | None = None
    link: GuestLink | None = None
    pages: bool = True
    offered: bool = False
    recapture: OpenRecapture | None = None
    opens: datetime | None = None  # when the card may be charged


@dataclass(frozen=True, slots=True)
class Wanted:
    """A link that the guest is to get; with `recapture` the card goes to the channel."""

    expires: datetime
    recapture: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """The collection as it is then. `charge`: a charge is to be made now. `withdrawn`: the id of a link
    that is open no more. `code` says why, in the history.
    """

    row: Collection
    code: str | None = None
    charge: bool = False
    link: Wanted | None = None
    withdrawn: str | None = None


def reference(row: Collection) -> str:
    """The next charge's: the collection's own, then numbered."""
    return row.reference if row.charges == 0 else f"{row.reference}-{row.charges + 1}"


def on_its_way(charge: Charge) -> bool:
    """Whether it may take money yet, or may have."""
    return charge.state in _ON_ITS_WAY or charge.operation is not None


def decide(row: Collection, facts: Facts, now: datetime) -> Move:
    """What is next."""
    before = row.collected
    row = replace(row, collected=sum(one.captured - one.refunded for one in facts.charges))
    if any(_took(one) for one in facts.charges):
        return _over(row, S.SUCCEEDED, now, _misfit(row, facts, before))
    if row.state in OVER:
        return Move(replace(row, due=None))
    if any(on_its_way(one) for one in facts.charges):
        return Move(replace(row, due=now + AGAIN))
    if row.stop_asked is not None:
        return _over(row, S.STOPPED, now)
    if row.state is S.CHARGING:
        return _not_taken(row, facts, now)
    return _nothing_on_its_way(row, facts, now)


def begun(row: Collection, facts: Facts, asked: Collection, now: datetime) -> Collection:
    """The collection, a charge being on its way from now on. `asked`: what it was when that was decided.

    Raises CollectionMoved: another was first, or it was stopped.
    """
    move = decide(row, facts, now)
    if not move.charge or (row.charges, row.link) != (asked.charges, asked.link):
        raise CollectionMoved
    return replace(
        move.row,
        state=S.CHARGING,
        charges=row.charges + 1,
        tries=row.tries + 1,
        changed=now,
        due=now + AGAIN,
    )


def not_begun(row: Collection, facts: Facts, asked: Collection, code: str, now: datetime) -> Move:
    """What is next, where the charge was refused for `code` and nothing was sent."""
    move = decide(row, facts, now)
    if not move.charge or (row.charges, row.link) != (asked.charges, asked.link):
        return move
    if code == CardNotYetActive.code:
        at = now + PAUSES[0] if facts.opens is None else max(facts.opens, now + PAUSES[0])
        return _wait(row, at, code, now)
    tried = replace(row, tries=row.tries + 1)
    return _came_to_nothing(tried, facts, code, now, again=code in _REPAIRED)


def skipped(row: Collection, asked: Collection, now: datetime) -> Move:
    """The next number, where somebody else's charge has the reference."""
    if row.charges != asked.charges:
        return Move(row)
    return Move(replace(row, charges=row.charges + 1, due=now))


def stopped(row: Collection, facts: Facts, now: datetime) -> Move:
    """The collection, which goes on no further than what is on its way. Raises CollectionOver."""
    if row.state in OVER:
        raise CollectionOver
    move = decide(replace(row, stop_asked=row.stop_asked or now), facts, now)
    if move.row.state in OVER or row.stop_asked is not None:
        return move
    return replace(move, code=STOP_ASKED)


# --- inside ---------------------------------------------------------------------------------------


def _took(charge: Charge) -> bool:
    return charge.captured > 0 or charge.state is ChargeState.DISPUTED


def _misfit(row: Collection, facts: Facts, before: int) -> str | None:
    """Where another sum was taken than was to be: two charges, or a processor that took its own."""
    if row.collected > max(row.amount, before):
        return OVERPAID
    taken = sum(one.captured for one in facts.charges)
    return UNDERPAID if row.state is not S.SUCCEEDED and 0 < taken < row.amount else None


def _nothing_on_its_way(row: Collection, facts: Facts, now: datetime) -> Move:
    if facts.link is not None and facts.link.has_card:
        return Move(row, charge=True)
    if row.until is not None and now >= row.until:
        return _over(row, S.EXPIRED, now)
    if row.state is S.WAITING:
        return _waiting(row, now)
    if row.state is S.PAYMENT_LINK:
        return _payment_link(row, facts, now)
    return _recapture(row, facts, now)


def _not_taken(row: Collection, facts: Facts, now: datetime) -> Move:
    """What follows a charge that came to its end, and took nothing."""
    state = facts.charges[-1].state
    again = facts.code is not None and state is ChargeState.DECLINED
    return _came_to_nothing(row, facts, facts.code or f"charge_{state.value}", now, again=again)


def _waiting(row: Collection, now: datetime) -> Move:
    if now >= row.not_before:
        return Move(row, charge=True)
    return Move(replace(row, due=_sooner(row.not_before, row.until)))


def _payment_link(row: Collection, facts: Facts, now: datetime) -> Move:
    link = facts.link
    if link is not None and link.state is LinkState.OPEN:
        return Move(replace(row, due=_sooner(link.expires, row.until)))
    code = "link_erased" if link is None else f"link_{link.state.value}"
    return _next_step(row, facts, code, now)


def _recapture(row: Collection, facts: Facts, now: datetime) -> Move:
    link, found, ends = facts.link, facts.recapture, row.step_ends or now
    is_open = link is not None and link.state is LinkState.OPEN
    if found is not None and found.id != row.recapture and now < ends:
        wanted = Wanted(min(ends, found.ends), found.id)
        old = row.link if is_open else None
        row = replace(row, link=None, recapture=found.id, changed=now, due=wanted.expires)
        return Move(row, link=wanted, withdrawn=old)
    if now >= ends:
        code = "recapture_missing" if row.recapture is None else "recapture_not_completed"
        return _over(row, S.FAILED, now, code)
    return Move(replace(row, due=min(ends, now + LOOK)))


def _came_to_nothing(
    row: Collection, facts: Facts, code: str, now: datetime, *, again: bool
) -> Move:
    """`again`: the card was not declined, so that it may be tried again."""
    if row.until is not None and now >= row.until:
        return _over(row, S.EXPIRED, now, code)
    if row.step is T.CHARGE:
        if again and row.tries <= len(PAUSES):
            return _wait(row, now + PAUSES[row.tries - 1], code, now)
        return _next_step(row, facts, code, now)
    ends = row.step_ends or now
    if row.tries < CARDS and now < ends:
        if row.step is T.RECAPTURE:
            row = replace(row, state=S.RECAPTURE, link=None, changed=now, due=now)
            return Move(row, code)
        if facts.pages:
            return _link(row, ends, code, now)
    return _next_step(row, facts, code, now)


def _next_step(row: Collection, facts: Facts, code: str, now: datetime) -> Move:
    row = replace(row, tries=0, link=None)
    if row.step is T.CHARGE and row.link_hours is not None and facts.pages:
        ends = _sooner(now + timedelta(hours=row.link_hours), row.until)
        return _link(replace(row, step=T.PAYMENT_LINK, step_ends=ends), ends, code, now)
    hours = row.recapture_hours
    if row.step is T.RECAPTURE or hours is None:
        return _over(row, S.FAILED, now, code)
    row = replace(row, step=T.RECAPTURE)
    if not facts.offered:
        return _over(row, S.FAILED, now, NOT_OFFERED)
    ends = _sooner(now + timedelta(hours=hours), row.until)
    row = replace(row, state=S.RECAPTURE, step_ends=ends, changed=now, due=now)
    return Move(row, code)


def _link(row: Collection, ends: datetime, code: str, now: datetime) -> Move:
    row = replace(row, state=S.PAYMENT_LINK, link=None, changed=now, due=ends)
    return Move(row, code, link=Wanted(ends))


def _wait(row: Collection, at: datetime, code: str, now: datetime) -> Move:
    row = replace(row, state=S.WAITING, not_before=at, changed=now, due=_sooner(at, row.until))
    return Move(row, code)


def _over(row: Collection, state: CollectionState, now: datetime, code: str | None = None) -> Move:
    if row.state is state:
        return Move(replace(row, due=None), code)
    done = replace(row, state=state, link=None, changed=now, due=None)
    return Move(done, code, withdrawn=row.link)


def _sooner(at: datetime, until: datetime | None) -> datetime:
    return at if until is None else min(at, until)
