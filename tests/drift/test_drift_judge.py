"""What is told of a route's history, and what is not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.drift.judge import STATES, Kind, judge
from gateway.vault.route_hours import NUMBERS
from tests.drift.makers import FIRST, hour, quiet_hotel, steady

WEEKS = 28
CHANGED = FIRST + WEEKS * 24  # from this hour on
DAY = 24


def then(days, **more):
    """Four weeks as usual, then `days` as said."""
    return steady(WEEKS) + steady(days, first=CHANGED, **more)


def said(hours, days=1):
    """The verdict so many days after the change."""
    return judge(hours, CHANGED + days * DAY - 1)


TABLE = [
    ("the same as ever", {}, "steady", ()),
    ("no card in any booking", {"with_card": 0, "cards": 0}, "no cards", (Kind.NO_CARDS,)),
    (
        "bookings that can not be counted, without a card",
        {"bookings": 0, "with_card": 0, "cards": 0},
        "no cards",
        (Kind.NO_CARDS,),
    ),
    (
        "masks in place of cards",
        {"with_card": 0, "cards": 0, "left_alone": 2},
        "no cards",
        (Kind.NO_CARDS,),
    ),
    (
        "an element by another name, which the guard masks",
        {"with_card": 0, "cards": 0, "outside": 1},
        "card data outside every shape",
        (Kind.OUTSIDE, Kind.NO_CARDS),
    ),
    (
        "a second place beside the shape's",
        {"outside": 1},
        "card data outside every shape",
        (Kind.OUTSIDE,),
    ),
    ("one place of two gone", {"with_card": 1, "cards": 1, "bookings": 4}, "fewer cards", (Kind.FEWER_CARDS,)),
    ("an expiry spelt otherwise", {"failed": 2}, "more failures", (Kind.FAILURES,)),
    (
        "messages that can not be read",
        {"refused": 1, "bookings": 0, "with_card": 0, "cards": 0},
        "no cards",
        (Kind.NO_CARDS, Kind.FAILURES),
    ),
    ("half as many bookings, each with a card", {"bookings": 1, "with_card": 1, "cards": 1}, "steady", ()),
    ("ten times as many", {"bookings": 20, "with_card": 20, "cards": 20}, "steady", ()),
    ("a card in nine of ten", {"bookings": 20, "with_card": 18, "cards": 18}, "steady", ()),
]  # fmt: skip


@pytest.mark.parametrize(("_what", "more", "state", "kinds"), TABLE, ids=[row[0] for row in TABLE])
def test_what_changed_is_told_within_a_day_and_since_when(_what, more, state, kinds):
    verdict = said(then(1, **more))
    assert (verdict.state, verdict.kinds) == (state, kinds)
    assert verdict.since == (CHANGED if kinds else None)
    assert verdict.window == DAY
    assert not verdict.learning


def test_a_route_that_nobody_calls_any_more_is_silent():
    hours = steady(WEEKS)
    assert said(hours, days=1).state == "silent"
    assert said(hours, days=1).since == CHANGED
    assert judge(hours, CHANGED + 5).state == "steady"


def test_one_that_pauses_each_weekend_is_not_silent_on_the_next():
    hours = [one for one in steady(WEEKS) if (one.hour - FIRST) // DAY % 7 < 5]
    assert judge(hours, CHANGED - 1).state == "steady"
    assert judge(hours, CHANGED - 1 + 5 * DAY).state == "silent"


def test_what_is_silent_has_not_lost_its_cards():
    assert said(steady(WEEKS), days=3).kinds == (Kind.SILENT,)


def test_a_first_week_is_for_learning():
    assert judge(steady(7), FIRST + 7 * DAY - 1).state == "learning"
    assert judge(steady(9), FIRST + 9 * DAY - 1).state == "steady"
    rare = [hour(FIRST + DAY * n, messages=1, bookings=1, with_card=1, cards=1) for n in range(20)]
    assert judge(rare, FIRST + 20 * DAY).state == "learning"


def test_one_remark_with_a_card_in_it_is_no_drift():
    hours = then(1)
    hours[-3] = hours[-3]._replace(outside=1)
    assert said(hours).state == "steady"


def test_a_route_that_never_had_a_card_has_none_to_lose():
    hours = steady(WEEKS + 1, with_card=0, cards=0)
    assert said(hours).state == "steady"


def test_of_a_route_that_is_only_guarded_card_data_is_told():
    hours = steady(WEEKS, bookings=0) + steady(1, bookings=0, first=CHANGED, outside=1)
    assert said(hours).kinds == (Kind.OUTSIDE,)


def test_a_quiet_route_is_told_later_from_more_days():
    """A booking a day: one without a card says nothing, a week of them does."""
    hours = [
        hour(FIRST + n * DAY, messages=1, bookings=1, with_card=int(n < 60), cards=int(n < 60))
        for n in range(75)
    ]
    days = [day for day in range(1, 15) if judge(hours[: 60 + day], FIRST + (60 + day) * DAY).kinds]
    assert days == list(range(days[0], 15))
    assert 4 <= days[0] <= 8


def test_it_is_over_as_soon_as_the_newest_hours_are_as_before():
    broken = steady(WEEKS) + steady(6, first=CHANGED, with_card=0, cards=0)
    mended = broken + steady(1, first=CHANGED + 6 * DAY)
    assert said(broken, days=6).state == "no cards"
    assert judge(mended[:-12], CHANGED + 6 * DAY + 11).state == "steady"
    assert said(mended, days=7).state == "steady"


def test_after_weeks_the_new_way_is_the_usual_one():
    hours = steady(WEEKS, bookings=10) + steady(
        56, first=CHANGED, bookings=10, with_card=4, cards=4
    )
    assert said(hours[: (WEEKS + 20) * DAY], days=20).state == "fewer cards"
    assert said(hours, days=56).kinds == ()


def test_that_there_are_none_is_told_as_long_as_the_history_has_some():
    hours = steady(WEEKS) + steady(61, first=CHANGED, with_card=0, cards=0)
    assert said(hours, days=61).state == "no cards"


def test_no_longer_stretch_is_asked_where_the_administrator_names_one():
    hours = then(1, with_card=0, cards=0)
    assert judge(hours, CHANGED + DAY - 1, [12]).window == 12
    assert judge(hours, CHANGED + DAY - 1, [12]).recent.bookings == 24


def test_each_kind_has_words():
    assert STATES.keys() == set(Kind)
    assert {STATES[kind] for kind in Kind} == {
        "fewer cards", "no cards", "card data outside every shape", "more failures", "silent",
    }  # fmt: skip


def test_a_thousand_quiet_hotels_in_ninety_days_raise_hardly_an_alarm():
    """At most one of a thousand is wrongly told of, looked at every ninth day. Looked at every six hours,
    none of a thousand was: 351,000 looks."""
    hotels, alarms, judged = random.Random(20260301), 0, 0
    for _ in range(1000):
        hours = quiet_hotel(hotels, 90)
        seen = False
        for day in range(9, 91, 9):
            now = FIRST + day * DAY - 1
            known = [one for one in hours if one.hour <= now]
            if known:
                verdict = judge(known, now)
                seen, judged = seen or verdict.kinds != (), judged + (not verdict.learning)
        alarms += seen
    assert judged > 5_000
    assert alarms <= 1


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 3000), *[st.integers(0, 10**6)] * len(NUMBERS)), min_size=1),
    st.integers(0, 5000),
)
def test_whatever_is_in_the_table_there_is_a_verdict(rows, later):
    """Rows that no gateway writes, too: more cards than bookings, numbers that make no sense."""
    hours = {at: numbers for at, *numbers in rows}
    made = [
        hour(at, **dict(zip(NUMBERS, numbers, strict=True)))
        for at, numbers in sorted(hours.items())
    ]
    verdict = judge(made, made[-1].hour + later)
    assert verdict.state in {"learning", "steady", *STATES.values()}
    assert (verdict.since is None) == (verdict.kinds == ())
