"""Ranges of card numbers: what is one, what falls into it, and what a table may hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cards.bin_ranges import joined, load_ranges, overlap, parse_range, read_ranges
from gateway.errors import ConfigurationError

DIGITS = st.text("0123456789", min_size=12, max_size=19)
PREFIX = st.from_regex("[2-5][0-9]{5,10}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("512933", "512933", "512933"),
        ("5129 33", "512933", "512933"),
        ("526812-526819", "526812", "526819"),
        ("5268 1200 - 5268 1999", "52681200", "52681999"),
        ("45717360004", "45717360004", "45717360004"),
    ],
)
def test_a_range(text, first, last):
    one = parse_range(text)
    assert (one.first, one.last) == (first, last)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("51293", "6 to 11 digits"),
        ("512933000000", "6 to 11 digits"),
        ("4", "6 to 11 digits"),
        ("912933", "no card's number begins with 9"),
        ("012933", "begins with 0"),
        ("526819-526812", "ends before it begins"),
        ("526812-5268199", "the same number of digits"),
        ("400000-499999", "too wide"),
        ("5268*", "no prefix"),
        ("526812-", "no prefix"),
        ("526812-526813-526814", "no prefix"),
        ("٥١٢٩٣٣", "no prefix"),
    ],
)
def test_what_is_none_says_why(text, why):
    with pytest.raises(ValueError, match=why):
        parse_range(text)


@pytest.mark.parametrize(
    ("digits", "holds"),
    [
        ("5129330000000000", True),
        ("5129329999999999", False),
        ("5129340000000000", False),
        ("5268120000000000", True),
        ("5268199999999999", True),
        ("5268200000000000", False),
        ("457173600040", True),
        ("457173600050", False),
        ("4111111111111111", False),
    ],
)
def test_what_falls_into_it(digits, holds):
    ranges = joined(map(parse_range, ("526812-526819", "512933", "45717360004")))
    assert ranges.hold(digits) is holds


@given(st.lists(PREFIX, max_size=8), DIGITS)
def test_it_says_what_comparing_each_says(prefixes, digits):
    ranges = [parse_range(prefix) for prefix in dict.fromkeys(prefixes)]
    if not list(overlap(ranges)):
        assert joined(ranges).hold(digits) is digits.startswith(tuple(prefixes))


@given(st.lists(PREFIX, max_size=8, unique=True))
def test_what_overlaps_is_what_begins_alike(prefixes):
    alike = any(a != b and a.startswith(b) for a in prefixes for b in prefixes)
    assert bool(list(overlap(map(parse_range, prefixes)))) is alike


def test_a_table_has_remarks_and_no_overlap(tmp_path):
    lines = ["# ours", "", "512933, Booking", "5268 12-5268 19 Expedia", "45717360004"]
    assert [one.first for one in read_ranges(lines, "vcc.txt")] == [
        "512933", "526812", "45717360004",
    ]  # fmt: skip
    with pytest.raises(ConfigurationError) as caught:
        read_ranges(["512933", "virtual", "51293", "5129330"], "vcc.txt")
    assert [(one.file, one.line) for one in caught.value.problems] == [
        ("vcc.txt", 2), ("vcc.txt", 3), ("vcc.txt", 4),
    ]  # fmt: skip
    assert "overlaps `512933` on line 1" in caught.value.problems[-1].message
    with pytest.raises(ConfigurationError, match="can not be read"):
        load_ranges(tmp_path / "none.txt")
