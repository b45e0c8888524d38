"""How often chance does what was seen: against exact arithmetic, and what must hold for all numbers."""

from __future__ import annotations

from fractions import Fraction
from math import comb, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drift.chance import at_least, at_most, quiet_for


def exactly(x: int, n: int, k: int, m: int) -> Fraction:
    """The same by its definition: `n` more draws from an urn that `k` of `m` were drawn from."""
    total = sum(comb(k + j, j) * comb(m - k + n - j, n - j) for j in range(x + 1))
    return Fraction(total, comb(m + n + 1, n))


@st.composite
def counts(draw):
    n, m = draw(st.integers(0, 60)), draw(st.integers(0, 200))
    return draw(st.integers(0, n)), n, draw(st.integers(0, m)), m


@given(counts())
def test_at_most_and_at_least_are_what_exact_fractions_say(given):
    x, n, k, m = given
    assert isclose(at_most(x, n, k, m), float(exactly(x, n, k, m)), rel_tol=1e-9)
    below = exactly(x - 1, n, k, m) if x else Fraction(0)
    assert isclose(at_least(x, n, k, m), float(1 - below), rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize(
    ("given", "chance"),
    [
        ((0, 1, 0, 0), 1 / 2),  # nothing is known: heads or tails
        ((0, 3, 30, 30), 1 / comb(34, 3)),  # three without, after thirty with one
        ((0, 0, 5, 10), 1.0),
        ((7, 7, 0, 10), 1.0),
    ],
)
def test_at_most_by_hand(given, chance):
    assert isclose(at_most(*given), chance)


def test_what_is_far_above_the_mean_is_certain():
    """The first term of the sum is too small for a float."""
    assert at_most(4995, 5000, 0, 5000) == pytest.approx(1.0)
    assert at_most(99, 100, 0, 100) == pytest.approx(1.0)
    assert at_least(4995, 5000, 0, 5000) < 1e-300


def test_large_numbers_are_quick_and_stay_between_0_and_1():
    assert at_most(100_000, 1_000_000, 50_000_000, 100_000_000) < 1e-300
    assert 0.4 < at_most(500_000, 1_000_000, 50_000_000, 100_000_000) < 0.6


@given(counts())
def test_more_of_the_same_is_never_less_likely(given):
    x, n, k, m = given
    if x < n:
        assert at_most(x, n, k, m) <= at_most(x + 1, n, k, m) + 1e-12


def test_a_pause_is_less_likely_the_longer_it_is_and_the_busier_it_was():
    assert quiet_for(0, 100, 1000) == 1
    assert quiet_for(10, 0, 0) == 1  # nothing is known
    assert quiet_for(1000, 1, 1000) == 1 / 2
    assert quiet_for(10, 100, 1000) > quiet_for(20, 100, 1000) > quiet_for(20, 200, 1000)
