"""The two clocks, line by line of Expedia's "Credit card recapture"."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.recapture.clocks import Stay, earliest_failure, of_failure

FAILED = datetime(2026, 3, 1, 12, tzinfo=UTC)


def hours(count):
    return FAILED + timedelta(hours=count)


def stay(days, nights, booked=0.0):
    """Check-in `days` after the day of the failure; booked so many hours before it failed."""
    checkin = FAILED.date() + timedelta(days=days)
    return Stay(hours(-booked), checkin, checkin + timedelta(days=nights))


# check-in in days, nights, booked hours before → the earliest and the latest end, in hours
@pytest.mark.parametrize(
    ("days", "nights", "booked", "expires", "ends"),
    [
        (30, 2, 0, 24, 24),  # "más de 48 horas": 24 hours
        (30, 14, 0, 24, 24),  # long, and not last-minute
        (5, 2, 0, 24, 24),
        (3, 2, 0, 12, 24),  # 48 hours away or not, by the zone that the hotel is in
        (2, 2, 0, 12, 24),
        (0, 2, 0, 12, 12),  # "en un plazo de 48 horas": 12 hours
        (0, 9, 0, 12, 12),
        (0, 2, 2000, 12, 12),  # booked long ago
        (0, 10, 0, 2, 2),  # "10 o más noches": 2 hours, from the booking
        (0, 30, 1.5, 0.5, 0.5),
        (0, 10, 5, -3, -3),  # over before it failed
        (0, 10, 100, 12, 12),  # long, but not booked last-minute
        (1, 10, 0, 2, 2),
        (2, 10, 0, 2, 24),  # long, and 48 hours away or not
        (4, 10, 0, 24, 24),
    ],
)
def test_how_long_a_link_lives(days, nights, booked, expires, ends):
    clocks = of_failure(FAILED, FAILED, stay(days, nights, booked))
    assert (clocks.link_expires, clocks.link_ends) == (hours(expires), hours(ends))
    assert clocks.may_cancel == hours(24)


# what is known → the earliest and the latest end
@pytest.mark.parametrize(
    ("known", "expires", "ends"),
    [
        (Stay(), 2, 24),
        (Stay(booked=hours(-1)), 1, 24),
        (Stay(booked=hours(-500)), -498, 24),
        (Stay(checkin=date(2026, 3, 1)), 2, 12),
        (Stay(checkin=date(2026, 4, 1)), 24, 24),
        (Stay(checkin=date(2026, 3, 1), checkout=date(2026, 3, 2)), 12, 12),
        (Stay(checkin=date(2026, 3, 1), checkout=date(2026, 3, 20)), 2, 12),
        (Stay(booked=hours(0), checkin=date(2026, 3, 1)), 2, 12),
    ],
)
def test_what_is_not_known_may_be_anything(known, expires, ends):
    clocks = of_failure(FAILED, FAILED, known)
    assert (clocks.link_expires, clocks.link_ends) == (hours(expires), hours(ends))


def test_a_link_that_was_seen_was_alive():
    old = Stay(booked=hours(-500))
    clocks = of_failure(FAILED, FAILED, old, alive=hours(3))
    assert (clocks.link_expires, clocks.link_ends) == (hours(3), hours(24))
    late = of_failure(FAILED, FAILED, stay(30, 2), alive=hours(25))
    assert (late.link_expires, late.link_ends) == (hours(25), hours(25))


@pytest.mark.parametrize(
    ("known", "since", "earliest"),
    [
        (Stay(), None, -24),
        (Stay(booked=hours(-1)), None, -1),
        (Stay(booked=hours(-100)), None, -24),
        (Stay(booked=hours(-20)), hours(-3), -3),
        (Stay(booked=hours(1)), None, -24),  # another clock than ours
    ],
)
def test_when_a_card_failed_of_which_only_the_link_was_seen(known, since, earliest):
    assert earliest_failure(FAILED, known, since) == hours(earliest)


dates = st.none() | st.dates(date(2026, 2, 25), date(2026, 4, 1))


@given(
    dates, dates, st.none() | st.floats(-200, 0), st.floats(-24, 0), st.none() | st.floats(0, 30)
)
def test_the_earliest_end_is_never_behind_the_latest(checkin, checkout, booked, lower, alive):
    known = Stay(None if booked is None else hours(booked), checkin, checkout)
    seen = None if alive is None else hours(alive)
    clocks = of_failure(hours(lower), FAILED, known, seen)
    assert clocks.link_expires <= clocks.link_ends
    assert seen is None or clocks.link_expires >= seen


@given(st.dates(date(2026, 3, 1), date(2026, 3, 8)), st.integers(1, 20), st.floats(0, 60))
def test_what_is_known_only_narrows(checkin, nights, booked):
    whole = Stay(hours(-booked), checkin, checkin + timedelta(days=nights))
    sure = of_failure(FAILED, FAILED, whole)
    less = of_failure(FAILED, FAILED, Stay(whole.booked, checkin))
    assert less.link_expires <= sure.link_expires
    assert sure.link_ends <= less.link_ends
