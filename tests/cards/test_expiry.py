"""An expiry in every spelling that the field uses."""

from __future__ import annotations

from datetime import date

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
        ("12/029", "MM/YY"), ("30/02", "M/YY"), ("13/12/2030", "MM/DD/YYYY"), ("2030123", "YYYYMMDD"),
        ("2030-12-31T00:00", "YYYY-MM-DDThh:mm:ss"), ("2030-12-31 00:00:00", "YYYY-MM-DDThh:mm:ss"),
        ("12/30", "MM YY"), ("1230", "MM.YY"), ("Foo 2029", "MMM YYYY"), ("08 2029", "MMM YYYY"), ("Augu 2029", "MMM YYYY"),
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


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("8/29", "M/YY"), ("08/29", "M/YY"), ("8/2029", "M/YYYY"), ("08.2029", "MM.YYYY"), ("08.29", "MM.YY"),
        ("08 29", "MM YY"), ("08 2029", "MM YYYY"), ("01/08/2029", "DD/MM/YYYY"), ("08/01/2029", "MM/DD/YYYY"),
        ("31.08.2029", "DD.MM.YYYY"), ("20290831", "YYYYMMDD"), ("2029-08-31T00:00:00", "YYYY-MM-DDThh:mm:ss"),
        ("2029-08-31T22:00:00.000+02:00", "YYYY-MM-DDThh:mm:ss"), ("2029-08-31T23:59:59Z", "YYYY-MM-DDThh:mm:ss"),
        ("2029-08-31 10:00:00", "YYYY-MM-DD hh:mm:ss"), ("2029.08", "YYYY.MM"), ("8-2029", "M-YYYY"), ("08 / 29", "MM/YY"),
        ("31-AUG-29", "DD-MMM-YY"), ("31-Aug-2029", "DD-MMM-YYYY"), ("1 Aug 2029", "DD MMM YYYY"), ("AUG29", "MMMYY"),
        ("31AUG29", "DDMMMYY"), ("31AUG2029", "DDMMMYYYY"), ("AUG2029", "MMMYYYY"), ("2029-08-31+01:00", "YYYY-MM-DD"),
        ("2029-08Z", "YYYY-MM"), ("2029-08-05:00", "YYYY-MM"), ("8/31/2029 12:00:00 AM", "MM/DD/YYYY"),
        ("31/08/2029 0:00:00", "DD/MM/YYYY"), ("31.08.2029 00:00", "DD.MM.YYYY"), ("2029-08-31T22:00:00.000Z", "YYYY-MM-DD"),
        ("1882828800", "unix"), ("1882915199", "unix"), ("1882828800000", "unix-ms"), ("1882915199999", "unix-ms"),
        ("/Date(1882828800000)/", "/Date(unix-ms)/"), ("/Date(1882828800000+0200)/", "/Date(unix-ms)/"),
        ("Aug 2029", "MMM YYYY"), ("AUGUST-29", "MMM-YY"), ("aug. 29", "MMM YY"), ("Aug 2029", "MMMM YYYY"),
    ],
)  # fmt: skip
def test_every_spelling_is_read(text, spelling):
    assert expiry.parse(text, spelling) == Expiry(2029, 8)


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("31-08-29", "DD-MMM-YY"), ("32-AUG-29", "DD-MMM-YY"), ("31-AUX-29", "DD-MMM-YY"), ("2029-08+1", "YYYY-MM"),
        ("2029-08-31 ", "YYYY-MM"), ("12/31/2029 and 12:00", "MM/DD/YYYY"), ("20290831 10:00", "YYYYMMDD"),
        ("1882828800000", "unix"), ("1882828800", "unix-ms"), ("1882828800.5", "unix"), ("-1882828800", "unix"),
        ("Date(1882828800000)", "/Date(unix-ms)/"), ("18828288001", "unix"), ("20290831", "unix"), ("\uff11882828800", "unix"),
        ("0000000000", "unix"), ("000000000", "unix"), ("0000000000000", "unix-ms"), ("/Date(000000000000)/", "/Date(unix-ms)/"),
        ("08/29 12:00", "MM/YY"), ("AUG 29", "MMMYY"), ("31/08/2029 123", "DD/MM/YYYY"),
    ],
)  # fmt: skip
def test_nothing_else_is_read(text, spelling):
    assert expiry.parse(text, spelling) is None


def test_what_is_written_is_the_last_day():
    assert expiry.write(Expiry(2029, 8), "DD-MMM-YY") == "31-Aug-29"
    assert expiry.write(Expiry(2029, 8), "DDMMMYYYY") == "31Aug2029"
    assert expiry.write(Expiry(2029, 8), "M/YY") == "8/29"
    assert expiry.write(Expiry(2029, 8), "DD/MM/YYYY") == "31/08/2029"
    assert expiry.write(Expiry(2028, 2), "YYYYMMDD") == "20280229"
    assert expiry.write(Expiry(2029, 8), "YYYY-MM-DDThh:mm:ss") == "2029-08-31T00:00:00"
    assert expiry.write(Expiry(2029, 8), "unix") == "1882828800"
    assert expiry.write(Expiry(2029, 8), "/Date(unix-ms)/") == "/Date(1882828800000)/"


def test_a_list_of_spellings_reads_each_and_no_guess():
    assert expiry.parse_any("2029-08-31", ["MMYY", "YYYY-MM-DD"]) == Expiry(2029, 8)
    assert expiry.parse_any("0829", ["MMYY", "YYYY-MM-DD"]) == Expiry(2029, 8)
    assert expiry.parse_any("8/29", ["MM/YY", "M/YY"]) == Expiry(2029, 8)
    assert expiry.parse_any("0829", ["YYYY-MM-DD"]) is None
    assert expiry.parse_any("10/11/2029", ["DD/MM/YYYY", "MM/DD/YYYY"]) is None


@pytest.mark.parametrize(
    "pair",
    [
        ("DD/MM/YYYY", "MM/DD/YYYY"), ("MMYY", "YYMM"), ("MM/YY", "YY/MM"), ("MM-YY", "YY-MM"), ("M/YY", "YY/MM"),
        ("MMYYYY", "YYYYMM"),
    ],
)  # fmt: skip
def test_spellings_that_read_one_text_as_two_months_clash(pair):
    assert expiry.clash(["YYYY-MM-DD", *pair]) == pair
    assert expiry.clash(pair[::-1]) == pair[::-1]


@given(expiries, st.integers(1, 28), st.lists(st.sampled_from(expiry.WHOLE_SPELLINGS), min_size=2))
def test_spellings_that_do_not_clash_read_one_month(one, day, spellings):
    """No list that a rule may have takes one text for two months."""
    if expiry.clash(spellings) is not None:
        return
    for spelling in spellings:
        written = expiry.write(one, spelling)
        if "DD" in spelling:
            last = expiry.write(one, "YYYYMMDD")[-2:]
            written = written.replace(last, f"{day:02d}") if written.count(last) == 1 else written
        assert {expiry.parse(written, other) for other in spellings} <= {None, one}


def test_a_month_is_read_as_its_first_and_its_last_day():
    assert expiry.first_day("0717", ["MMYY"]) == date(2017, 7, 1)
    assert expiry.last_day("0717", ["MMYY", "YYYY-MM-DD"]) == date(2017, 7, 31)
    assert expiry.first_day("13/07/2017", ["DD/MM/YYYY"]) == date(2017, 7, 13)
    assert expiry.last_day("13/07/2017", ["DD/MM/YYYY"]) == date(2017, 7, 13)
    assert expiry.first_day("31/06/2017", ["DD/MM/YYYY"]) is None
    assert expiry.first_day("", ["DD/MM/YYYY"]) is None
    assert expiry.first_day("1880236800", ["unix"]) == date(2029, 8, 1)
    assert expiry.last_day("/Date(1882915199999)/", ["/Date(unix-ms)/"]) == date(2029, 8, 31)
