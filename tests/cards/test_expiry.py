"""An expiry in every spelling that the field uses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cards import expiry
from gateway.cards.expiry import Expiry

expiries = st.builds(Expiry, st.integers(2000, 2099), st.integers(1, 12))


@given(expiries, st.sampled_from(expiry.WHOLE_SPELLINGS))
def test_what_is_written_is_read(one, spelling):
    assert expiry.parse(expiry.write(one, spelling), spelling) == one
    assert expiry.parse(f" {expiry.write(one, spelling)}\n", spelling) == one


@given(expiries)
def test_two_fields(one):
    for month in expiry.MONTH_SPELLINGS:
        for year in expiry.YEAR_SPELLINGS:
            assert expiry.from_fields(expiry.write(one, month), expiry.write(one, year)) == one


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("1314", "MMYY"), ("0014", "MMYY"), ("114", "MMYY"), ("11/14", "MMYY"), ("", "MMYY"),
        ("11 14", "MMYY"), ("\uff11114", "MMYY"), ("13/2029", "MM/YYYY"), ("2029-13", "YYYY-MM"),
        ("2029-12-00", "YYYY-MM-DD"), ("2029-12-32", "YYYY-MM-DD"), ("29-12-31", "YYYY-MM-DD"),
        ("12/029", "MM/YY"),
    ],
)  # fmt: skip
def test_unreadable(text, spelling):
    assert expiry.parse(text, spelling) is None


@pytest.mark.parametrize(
    ("month", "year"),
    [("0", "29"), ("13", "29"), ("", "29"), ("1", "9"), ("1", "029"), ("x", "29")],
)
def test_unreadable_fields(month, year):
    assert expiry.from_fields(month, year) is None


def test_examples():
    assert expiry.parse("1114", "MMYY") == Expiry(2014, 11)
    assert expiry.parse("8/29", "MM/YY") == Expiry(2029, 8)
    assert expiry.parse("2004-08-13", "YYYY-MM-DD") == Expiry(2004, 8)
    assert expiry.write(Expiry(2028, 2), "YYYY-MM-DD") == "2028-02-29"
    assert expiry.write(Expiry(2100, 2), "YYYY-MM-DD") == "2100-02-28"
    assert Expiry(2028, 12) < Expiry(2029, 1)
