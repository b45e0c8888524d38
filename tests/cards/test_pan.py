"""A card's number: digits, brand, check digit, masks, and what says "no card here"."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cards import pan

numbers = st.text("0123456789", min_size=12, max_size=19)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("4111111111111111", "4111111111111111"),
        (" 4111 1111-1111\u00a01111\n", "4111111111111111"),
        ("123456789012", "123456789012"),
        ("1" * 19, "1" * 19),
        ("1" * 11, None),
        ("1" * 20, None),
        ("4111.1111.1111.1111", None),
        ("4111111111111111x", None),
        ("\uff14111111111111111", None),
        ("", None),
    ],
)
def test_digits_of(text, digits):
    assert pan.digits_of(text) == digits


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112", "3782 822463 10006", "3056 930902 5905",  # printed, mistyped
        "501800000000 0000", "5018 0000 0009 1234",  # the first twelve are plausible, or may be
        "6200 0000 0000 0001 008",  # a plausible 19 as printed, whose first sixteen are none
        "41111111 11111112", "411111 1111111112", "4111 1111 11111112",
        "4111111111111112 035",  # a plausible 19 whose first sixteen are none
        " ".join("4111111111111111"), "-4111111111111111-",
    ],
)  # fmt: skip
def test_groups_that_are_one_number(text):
    assert pan.digits_of(text) == text.replace(" ", "").replace("-", "")


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111 123", "4111111111111111-123", "378282246310005 1234",
        "4111 1111 1111 1111 - 123", "3782 822463 10005 1234", "4222222222222 123",
        "4111111111111111 1 2 3", "4111111111111111 12",
        "4111111111111111 110", "4111 1111 1111 1111 110",  # both are plausible
        "4111111111111112 737", "4111 1111 1111 1112 737",  # a mistyped number
    ],
)  # fmt: skip
def test_p16_a_number_and_a_code_are_not_one_number(text):
    assert pan.digits_of(text) is None
    assert not pan.is_no_card(text)
    assert not any(sign.isdigit() for sign in pan.mask_unreadable(text))


@pytest.mark.parametrize(
    ("digits", "brand"),
    [
        ("4111111111111111", "visa"), ("4222222222222", "visa"), ("411111111111111", "unknown"),
        ("5555555555554444", "mastercard"), ("2223003122003222", "mastercard"),
        ("2720990000000007", "mastercard"), ("2721000000000000", "unknown"),
        ("2220000000000000", "unknown"), ("2200000000000004", "mir"),
        ("378282246310005", "amex"), ("3782822463100055", "unknown"),
        ("30569309025904", "diners"), ("36227206271667", "diners"),
        ("3530111333300000", "jcb"), ("353011133330000", "unknown"),
        ("6011111111111117", "discover"), ("6440000000000000", "discover"),
        ("6200000000000005", "unionpay"), ("8100000000000000", "unionpay"),
        ("6771798021000008", "maestro"), ("630400000000", "maestro"),
        ("0011610234533", "unknown"), ("100008000003683", "unknown"),
    ],
)  # fmt: skip
def test_brand_of(digits, brand):
    assert pan.brand_of(digits) == brand


def test_published_test_numbers_are_known():
    assert pan.is_test_number("4242424242424242")
    assert not pan.is_test_number("4242424242424241")
    fails_luhn = {number for number in pan.TEST_NUMBERS if not pan.luhn_ok(number)}
    assert fails_luhn == {"4444444444444444", "4111111111111112", "4111111111111113"} | (
        fails_luhn & {"4012001037141112"}
    )


@given(numbers)
def test_exactly_one_check_digit_fits(number):
    assert sum(pan.luhn_ok(number[:-1] + str(digit)) for digit in range(10)) == 1


@given(numbers)
def test_p16_masks_show_six_and_four(number):
    masked = pan.mask(number)
    assert len(masked) == len(number)
    assert masked[:6] + masked[-4:] == number[:6] + number[-4:]
    assert set(masked[6:-4]) == {"*"}
    assert pan.is_no_card(masked)
    assert pan.last4(number) == "*" * (len(number) - 4) + number[-4:]
    assert pan.is_no_card(pan.last4(number))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4111111111111111x", "************1111x"),
        ("12345678", "********"),
        ("123456789", "*****6789"),
        ("41111111 1111 1111 1111 1111", "******** **** **** **** ****"),
        ("4111111111111111;737", "****************;***"),
        ("371449635398431 12/30 1234", "*************** **/** ****"),
        ("\uff14\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11", "*****\uff11\uff11\uff11\uff11"),
        ("no digits", "no digits"),
        ("4222222222222/123", "*************/***"),
        ("411111******1111 123", "**************** ***"),
        ("4222222222222x123", "*************x***"),
        ("4222222222222 123", "************* ***"),
        ("4111 1111 1111 1111", "**** **** **** 1111"),
        ("3782\u00a0822463-10005", "****\u00a0******-*0005"),
        ("3782 822463 10005x", "**** ****** *****x"),
        ("4111 1111 1111 1111\n737", "**** **** **** ****\n***"),
        ("41111111111****1", "****************"),
        ("4111111111111111 CVC 737", "**************** CVC ***"),
    ],
)
def test_p16_mask_unreadable(text, masked):
    assert pan.mask_unreadable(text) == masked


@pytest.mark.parametrize(
    "text",
    ["", "  ", "-", "0000000000000000", "****4327", "4327", "...4327", "\u2026 4327", "411111......1111",
     "4111\u20261111", "4111...1111", "4111 ... 1111", "411111******1111", "XXXXXXXXXXXX1111",
     "############1111", "41111********1111", "***", "XX", "tok_5_abc", "N/A",
     "\u2022\u2022\u2022\u2022 1111", "**** **** **** 1111", "411111 ****** 1111",
     "**** **** 1234 5678", "3782 ****** *0005", "Visa ****1111 12/2030", "Visa ****1111, 2030-12",
     "tok_xx12 345", "VISA 1111 123"],
)  # fmt: skip
def test_no_card(text):
    assert pan.is_no_card(text)


@pytest.mark.parametrize(
    "text",
    ["************1111 123", "**** **** **** 1111 1234", "411111******1111 123",
     "Visa ****1111 CVC 123", "****1111/123", "XXXX-XXXX-XXXX-1111 exp. 12/30 cvv 1234",
     "Visa ****1111 12/2030 123", "411111********** CVC 123", "Visa ************1111\n123",
     "4111111111111111", "4444444444444444", "41111111111****1",
     "4111.1111", "411111......1111 123", "411111......1111.123", "1111... 123", "123...1111", "4111111111......1111",
     "41111...1111", "411111......11111", "....123", "......1111.123", "4111111111111111abc", "123", "12345",
     "\uff14\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11"],
)  # fmt: skip
def test_a_card_even_if_a_bad_one(text):
    assert not pan.is_no_card(text)


MEGABYTE = 1 << 20


def least(work):
    """Seconds of CPU, at best."""
    took = []
    for _ in range(3):
        begun = time.process_time()
        work()
        took.append(time.process_time() - begun)
    return min(took)


@pytest.fixture(scope="module")
def each_sign():
    """What an expression takes that is tried at each sign of a megabyte."""
    return least(lambda: re.sub(".", "x", "4" * MEGABYTE))


@pytest.mark.parametrize(
    "unit", ["4", "4 ", "- ", "*", "** ", "xxx.", "x1", ".", "0", "\uff14", "* *"]
)
@pytest.mark.parametrize("act", [pan.digits_of, pan.is_no_card, pan.is_zeros, pan.mask_unreadable])
def test_a_field_of_a_megabyte_is_told_without_an_expression_at_each_sign(unit, act, each_sign):
    """It is told in a thread, but with the interpreter's lock: an event loop waits for as long. At most a half
    of `each_sign` was seen, with expressions three to five times as much."""
    for ends in ("", "12345 123", " 4111111111111111"):
        text = unit * (MEGABYTE // len(unit)) + ends
        assert least(lambda text=text: act(text)) < each_sign


def test_what_is_longer_than_any_token_is_no_token():
    assert pan.is_no_card("a" * 65_536)
    assert not pan.is_no_card("a1" * 5 + "b" * 65_536)


@given(st.text("0123456789 -*x\u00a0\uff14a\t", max_size=40))
def test_a_number_is_what_stands_between_spaces_and_dashes(text):
    bare = re.sub(r"[ \u00a0-]", "", text.strip())
    found = pan.digits_of(text)
    assert found in {None, bare}
    assert found is None or re.fullmatch("[0-9]{12,19}", found)
    assert pan.is_zeros(text) == bool(re.fullmatch("0+", bare))
    assert re.sub(r"\d", "*", text) == pan.mask_every_digit(text)
    masked = pan.mask_unreadable(text)
    assert len(masked) == len(text)
    assert len(re.findall(r"\d", masked)) in {0, 4}
