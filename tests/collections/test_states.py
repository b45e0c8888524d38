"""What becomes of a collection: each decision, and that no order of events charges a guest twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.collections import states
from gateway.collections.states import AGAIN, CARDS, PAUSES, Facts, GuestLink, OpenRecapture
from gateway.errors import CollectionMoved, CollectionOver
from gateway.vault.charge import Charge, ChargeState
from gateway.vault.collection import OVER, Collection, CollectionState, CollectionStep
from gateway.vault.link import LinkState
from tests.vault.makers import NOON

S, C, T = CollectionState, ChargeState, CollectionStep
HOUR = timedelta(hours=1)
OPEN, EXPIRED, REVOKED = (
    GuestLink(state, NOON + HOUR)
    for state in (LinkState.OPEN, LinkState.EXPIRED, LinkState.REVOKED)
)
TYPED = GuestLink(LinkState.USED, NOON + HOUR, has_card=True)


def row(state=S.WAITING, **more):
    said = {
        "link_hours": 72, "recapture_hours": None, "until": None, "not_before": NOON,
        "exemption": None, "language": None, "booking": b"", "iduser": 1, "test": True,
    } | more  # fmt: skip
    return Collection(
        id="c", client="pms", key="k", product="seaside", reference="R", amount=1000,
        currency="EUR", initiator="deposit", created=NOON, changed=NOON, state=state, **said,
    )  # fmt: skip


def charge(state, **more):
    took = 1000 if state in (C.SUCCEEDED, C.REFUNDED) else 0
    said = {"captured": took} | more
    return Charge(
        id="1", client="pms", product="seaside", test=True, iduser=1, booking=b"", reference="R",
        amount=1000, currency="EUR", initiator="guest", exemption=None, capture_now=True,
        processor="sandbox", created=NOON, changed=NOON, state=state, **said,
    )  # fmt: skip


def decide(one, *charges, now=NOON, **facts):
    return states.decide(one, Facts(charges=charges, **facts), now)


def charging(step=T.CHARGE, **more):
    said = {"step": step, "charges": 1, "tries": 1, "step_ends": NOON + HOUR} | more
    return row(S.CHARGING, **said)


# --- the table ------------------------------------------------------------------------------------


def test_a_charge_is_made_when_its_day_has_come_and_not_before():
    later = row(not_before=NOON + HOUR)
    assert not decide(later).charge
    assert decide(later).row.due == NOON + HOUR
    assert decide(later, now=NOON + HOUR).charge


@pytest.mark.parametrize("state", [C.PENDING, C.CHALLENGED, C.AUTHORIZED, C.UNKNOWN])
@pytest.mark.parametrize("one", [charging(), charging(T.PAYMENT_LINK, link="L")])
def test_what_is_on_its_way_is_waited_for_whatever_time_it_is(one, state):
    one = replace(one, until=NOON + HOUR, stop_asked=NOON)
    move = decide(one, charge(state), now=NOON + 100 * HOUR, link=TYPED)
    assert (move.row.state, move.charge, move.link) == (S.CHARGING, False, None)
    assert move.row.due == NOON + 100 * HOUR + AGAIN


@pytest.mark.parametrize("state", [*S])
def test_what_was_taken_ends_it_however_late_and_withdraws_the_link(state):
    one = row(state, link="L", charges=2)
    move = decide(one, charge(C.SUCCEEDED), charge(C.DECLINED), link=OPEN)
    assert (move.row.state, move.row.due, move.row.collected) == (S.SUCCEEDED, None, 1000)
    assert move.withdrawn == (None if state is S.SUCCEEDED else "L")
    assert not move.charge


def test_a_contested_charge_was_taken():
    assert decide(charging(), charge(C.DISPUTED)).row.state is S.SUCCEEDED


def test_more_than_the_sum_is_said_once():
    both = charge(C.SUCCEEDED), charge(C.SUCCEEDED)
    move = decide(row(S.SUCCEEDED, collected=1000), *both)
    assert (move.code, move.row.collected) == ("overpaid", 2000)
    assert decide(move.row, *both).code is None


def test_less_than_the_sum_is_said_once():
    part = charge(C.SUCCEEDED, captured=400)
    move = decide(charging(), part)
    assert (move.row.state, move.code, move.row.collected) == (S.SUCCEEDED, "underpaid", 400)
    assert decide(move.row, part).code is None
    assert decide(charging(), charge(C.SUCCEEDED)).code is None
    assert decide(charging(), charge(C.REFUNDED, refunded=1000)).code is None


@pytest.mark.parametrize("state", [C.DECLINED, C.EXPIRED, C.CANCELLED])
def test_a_card_that_is_declined_is_the_guests_turn(state):
    move = decide(charging(), charge(state))
    assert (move.row.state, move.row.step, move.code) == (
        S.PAYMENT_LINK, T.PAYMENT_LINK, f"charge_{state.value}",
    )  # fmt: skip
    assert move.link.expires == move.row.step_ends == NOON + 72 * HOUR
    assert move.row.tries == 0


def test_the_whole_deadline_ends_a_link():
    one = charging(until=NOON + 5 * HOUR)
    assert decide(one, charge(C.DECLINED)).link.expires == NOON + 5 * HOUR


def test_a_charge_without_a_word_of_the_processor_is_made_again_and_then_the_guest_is_asked():
    one, now = charging(), NOON
    for pause in PAUSES:
        move = decide(one, charge(C.DECLINED), code="upstream_unreachable", now=now)
        assert (move.row.state, move.row.not_before) == (S.WAITING, now + pause)
        now += pause
        one = states.begun(move.row, Facts(charges=[charge(C.DECLINED)]), move.row, now)
    move = decide(one, charge(C.DECLINED), code="upstream_unreachable", now=now)
    assert move.row.state is S.PAYMENT_LINK


@pytest.mark.parametrize("one, state", [(row(), None), (charging(), C.DECLINED)])
@pytest.mark.parametrize("hours, pages", [(None, True), (72, False)])
def test_without_another_step_it_has_failed(one, state, hours, pages):
    if state is None:
        one = replace(row(S.PAYMENT_LINK, step=T.PAYMENT_LINK))
    facts = Facts(charges=[charge(C.DECLINED)], link=EXPIRED, pages=pages)
    assert states.decide(replace(one, link_hours=hours), facts, NOON).row.state is S.FAILED


def test_a_guest_may_type_three_cards():
    one, last = charging(T.PAYMENT_LINK, link="L"), charging(T.PAYMENT_LINK, link="L", tries=CARDS)
    again = decide(one, charge(C.DECLINED), link=TYPED)
    assert (again.row.state, again.link.expires) == (S.PAYMENT_LINK, one.step_ends)
    assert decide(last, charge(C.DECLINED), link=TYPED).row.state is S.FAILED
    late = decide(one, charge(C.DECLINED), link=TYPED, now=NOON + 2 * HOUR)
    assert late.row.state is S.FAILED


@pytest.mark.parametrize("link", [EXPIRED, REVOKED, None])
def test_a_link_that_is_open_no_more_ends_its_step(link):
    one = row(S.PAYMENT_LINK, step=T.PAYMENT_LINK, link="L", recapture_hours=24)
    move = decide(one, charge(C.DECLINED), link=link, offered=True)
    assert (move.row.state, move.row.step_ends) == (S.RECAPTURE, NOON + 24 * HOUR)
    skipped = decide(one, charge(C.DECLINED), link=link)
    assert (skipped.row.state, skipped.row.step, skipped.code) == (
        S.FAILED, T.RECAPTURE, "recapture_not_offered",
    )  # fmt: skip


def test_a_recapture_is_waited_for_and_gets_a_link_of_its_own():
    one = row(S.RECAPTURE, step=T.RECAPTURE, step_ends=NOON + 2 * HOUR)
    assert decide(one).row.due == NOON + states.LOOK
    found = OpenRecapture("r1", NOON + HOUR)
    move = decide(one, recapture=found)
    assert (move.link.recapture, move.link.expires) == ("r1", NOON + HOUR)
    one = replace(move.row, link="L")
    assert decide(one, recapture=found, link=OPEN).link is None
    other = decide(one, recapture=OpenRecapture("r2", NOON + 9 * HOUR), link=OPEN)
    assert (other.link.expires, other.withdrawn) == (NOON + 2 * HOUR, "L")
    over = decide(one, link=EXPIRED, now=NOON + 2 * HOUR)
    assert (over.row.state, over.code) == (S.FAILED, "recapture_not_completed")


def test_a_card_that_was_typed_in_time_is_charged_after_it():
    one = row(S.PAYMENT_LINK, step=T.PAYMENT_LINK, link="L", until=NOON)
    assert decide(one, link=TYPED, now=NOON + HOUR).charge
    assert decide(one, link=OPEN, now=NOON + HOUR).row.state is S.EXPIRED


@pytest.mark.parametrize("state", [S.WAITING, S.PAYMENT_LINK, S.RECAPTURE])
def test_stopped_at_once_where_nothing_is_on_its_way(state):
    move = states.stopped(row(state, link="L"), Facts(link=TYPED), NOON)
    assert (move.row.state, move.withdrawn, move.charge) == (S.STOPPED, "L", False)


def test_stopped_after_what_is_on_its_way():
    move = states.stopped(charging(), Facts(charges=[charge(C.UNKNOWN)]), NOON)
    assert (move.row.state, move.row.stop_asked, move.code) == (S.CHARGING, NOON, "stop_asked")
    assert decide(move.row, charge(C.DECLINED)).row.state is S.STOPPED
    assert decide(move.row, charge(C.SUCCEEDED)).row.state is S.SUCCEEDED
    again = states.stopped(move.row, Facts(charges=[charge(C.UNKNOWN)]), NOON + HOUR)
    assert (again.row.stop_asked, again.code) == (NOON, None)


@pytest.mark.parametrize("state", sorted(OVER))
def test_what_is_over_is_not_stopped(state):
    with pytest.raises(CollectionOver):
        states.stopped(row(state), Facts(), NOON)


@pytest.mark.parametrize(
    "current",
    [
        row(charges=1),  # another was first, and it came to nothing since
        row(link="L"),
        row(S.CHARGING, charges=1),
        row(S.STOPPED),
        row(stop_asked=NOON),
        row(not_before=NOON + HOUR),
    ],
)
def test_a_charge_begins_only_if_the_collection_still_waits_for_it(current):
    facts = Facts(charges=[charge(C.PENDING)] if current.state is S.CHARGING else [])
    with pytest.raises(CollectionMoved):
        states.begun(current, facts, row(), NOON)
    assert states.begun(row(), Facts(), row(), NOON).state is S.CHARGING


def test_a_virtual_card_before_its_day_waits_for_it():
    day = NOON + 30 * HOUR
    move = states.not_begun(row(), Facts(opens=day), row(), "card_not_yet_active", NOON)
    assert (move.row.state, move.row.not_before, move.row.tries) == (S.WAITING, day, 0)


@pytest.mark.parametrize(
    "code, state",
    [("card_consumed", S.PAYMENT_LINK), ("processor_not_configured", S.WAITING)],
)
def test_a_charge_that_was_refused_counts_as_one_that_took_nothing(code, state):
    assert states.not_begun(row(), Facts(), row(), code, NOON).row.state is state


def test_references_are_numbered():
    assert [states.reference(row(charges=count)) for count in range(3)] == ["R", "R-2", "R-3"]
    assert states.skipped(row(), row(), NOON).row.charges == 1
    assert states.skipped(row(charges=2), row(), NOON).row.charges == 2


# --- every order of events ------------------------------------------------------------------------

_NEXT = {
    C.PENDING: (C.SUCCEEDED, C.DECLINED, C.UNKNOWN, C.CHALLENGED, C.AUTHORIZED),
    C.UNKNOWN: (C.SUCCEEDED, C.DECLINED, C.AUTHORIZED),
    C.CHALLENGED: (C.SUCCEEDED, C.DECLINED, C.EXPIRED, C.CANCELLED, C.UNKNOWN),
    C.AUTHORIZED: (C.SUCCEEDED, C.CANCELLED),
}
_LATE = {C.DECLINED: C.SUCCEEDED, C.EXPIRED: C.SUCCEEDED, C.CANCELLED: C.SUCCEEDED}
_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["wait", "outcome", "type", "revoke", "stop", "late", "recapture"]),
        st.integers(0, 200),
    ),
    max_size=40,
)


class Model:
    """A collection, its charges and its guest, moved on as the gateway does."""

    def __init__(self, one, *, offered, late):
        self.row, self.now, self.offered, self.late = one, NOON, offered, late
        self.charges, self.link, self.recapture, self.count = [], None, None, 0

    @property
    def facts(self):
        link = self.link
        if link is not None and link.state is LinkState.OPEN and self.now >= link.expires:
            link = replace(link, state=LinkState.EXPIRED)
        found = self.recapture
        if found is not None and self.now >= found.ends:
            found = None
        return Facts(
            charges=tuple(self.charges),
            link=link,
            offered=self.offered,
            recapture=found if self.row.state is S.RECAPTURE else None,
        )

    def happens(self, what, number):
        if what == "wait":
            self.now += timedelta(hours=number)
        elif what == "outcome" and self.charges:
            state = self.charges[-1].state
            if state in _NEXT:
                self.charges[-1] = charge(_NEXT[state][number % len(_NEXT[state])])
        elif what == "type" and self.link is not None and self.facts.link.state is LinkState.OPEN:
            self.link = replace(self.link, state=LinkState.USED, has_card=True)
        elif what == "revoke" and self.link is not None and self.link.state is LinkState.OPEN:
            self.link = replace(self.link, state=LinkState.REVOKED)
        elif what == "stop" and self.row.state not in OVER:
            self.apply(states.stopped(self.row, self.facts, self.now))
        elif what == "late" and self.late and self.charges:
            at = number % len(self.charges)
            state = self.charges[at].state
            self.charges[at] = charge(_LATE.get(state, state))
        elif what == "recapture":
            self.count += 1
            self.recapture = OpenRecapture(f"r{self.count}", self.now + timedelta(hours=number))

    def apply(self, move):
        if move.withdrawn is not None and self.link.state is LinkState.OPEN:
            self.link = replace(self.link, state=LinkState.REVOKED)
        self.row = move.row
        if move.link is not None:
            assert move.link.expires > self.now
            self.link = GuestLink(LinkState.OPEN, move.link.expires)
            self.row = replace(self.row, link=f"L{self.now}")
        elif self.row.link is None:
            self.link = None

    def go_on(self):
        for _ in range(20):
            before = self.row
            move = states.decide(self.row, self.facts, self.now)
            if move.charge:
                assert not any(states.on_its_way(one) for one in self.charges)
                assert not any(one.captured for one in self.charges)
                assert before.stop_asked is None
                self.row = states.begun(self.row, self.facts, self.row, self.now)
                self.charges.append(charge(C.PENDING))
                return
            self.apply(move)
            if self.row == before or self.row.due is None or self.row.due > self.now:
                return
        raise AssertionError("it does not come to rest")


@settings(max_examples=300, deadline=None)
@given(
    events=_EVENTS,
    hours=st.tuples(st.none() | st.integers(1, 100), st.none() | st.integers(1, 100)),
    until=st.none() | st.integers(1, 300),
    offered=st.booleans(),
    late=st.booleans(),
)
def test_p24_no_order_of_events_makes_two_charges_at_once_or_takes_more_than_the_sum(
    events, hours, until, offered, late
):
    ends = None if until is None else NOON + timedelta(hours=until)
    one = row(link_hours=hours[0], recapture_hours=hours[1], until=ends)
    model = Model(one, offered=offered, late=late)
    model.go_on()
    for what, number in events:
        model.happens(what, number)
        model.go_on()
        if not late:
            assert sum(one.captured for one in model.charges) <= model.row.amount
        if any(one.captured for one in model.charges):
            assert model.row.state is S.SUCCEEDED
            assert model.link is None
        assert sum(map(states.on_its_way, model.charges)) <= 1
    # Whatever happened, it comes to an end once nobody does anything any more.
    for _ in range(40):
        model.now += timedelta(hours=100)
        if model.charges and model.charges[-1].state in _NEXT:
            model.charges[-1] = charge(C.DECLINED)
        model.go_on()
    assert model.row.state in OVER
    assert model.row.due is None
