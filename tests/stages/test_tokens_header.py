"""`header:`: which card each token is, and no longer than clients take."""

from __future__ import annotations

import re

import pytest

from gateway.cards.card import Booking, Failure
from gateway.cards.digits import DigitsToken
from gateway.cards.token import Token
from gateway.secret import Secret
from gateway.stages.card_place import CardPlace
from gateway.stages.reading import BookingPlace
from gateway.stages.tokens_header import tokens_header

LONGEST = Token(2**31 - 1, "x" * 13, test=True)


def place(position, token=None, *, digits=None, failure=None):
    found = CardPlace(None, None, None, (), Secret(""), position, failure=failure)
    found.token, found.digits = token, digits
    return found


def booked(*places):
    return BookingPlace(None, Booking("acme"), list(places))


def test_each_token_has_its_bookings_and_its_cards_number():
    one, other = Token(1, "a" * 13, test=False), Token(2, "b" * 13, test=True)
    bookings = [
        booked(place(1, one), place(2, failure=Failure.EXPIRY_INVALID), place(3, other)),
        booked(place(1)),  # a mask
        booked(place(1, one, digits=DigitsToken("9912345678904444"))),
    ]
    assert tokens_header(bookings) == (
        f"1.1=tok_1_{'a' * 13}; 1.3=tok_test_2_{'b' * 13}; 3.1=9912345678904444"
    )


def test_without_a_token_there_is_none():
    assert tokens_header([]) == ""
    assert tokens_header([booked(place(1), place(2, failure=Failure.VAULT))]) == ""


@pytest.mark.parametrize("count", [1, 50, 51, 52, 60, 200, 10_000])
@pytest.mark.parametrize("digits", [None, DigitsToken("9" * 19)])
def test_it_is_short_however_many_there_are_and_says_how_many_it_has_not(count, digits):
    value = tokens_header([booked(place(1, LONGEST, digits=digits)) for _ in range(count)])
    assert len(value) < 2048 + len("; left_out=10000")
    told = re.findall(r"(\d+)\.1=", value)
    assert told == [str(n) for n in range(1, len(told) + 1)]  # the first ones, in order
    left = re.search("; left_out=([0-9]+)$", value)
    assert len(told) + (int(left[1]) if left else 0) == count
    assert len(told) >= min(count, 50)
    assert bool(left) == (len(told) < count)


def test_a_short_one_behind_the_last_that_fits_is_left_out_as_well():
    """Otherwise one would read the header as whole up to it."""
    short = Token(1, "a" * 13, test=False)
    value = tokens_header([booked(*(place(n, LONGEST) for n in range(1, 60)), place(60, short))])
    assert "60=" not in value
