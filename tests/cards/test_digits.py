"""Tokens of digits: told from every card's number, drawn from all that there are."""

from __future__ import annotations

import math
import re
from collections import Counter

import pytest

from gateway.cards import pan
from gateway.cards.digits import DigitsToken, draw_digits, parse_digits
from gateway.cards.scan import find_cards

NUMBERS = {
    12: "501800000009",
    13: "4222222222222",
    14: "30569309025904",
    15: "378282246310005",
    16: "4929000000000006",
    17: "67717980210000081",
    18: "677179802100000815",
    19: "6771798021000008159",
}
EVERY_BRAND = {
    *NUMBERS.values(), "5555555555554444", "2223003122003222", "6011111111111117",
    "3530111333300000", "6200000000000005", "8171999900000021", "2200123456789010",
}  # fmt: skip
AROUND = (
    '{{"number":"{0}","exp":"1227","cvc":"123"}}',
    "<PaymentCard CardNumber='{0}' ExpireDate='1227'/>",
    "number={0}&exp_month=12&exp_year=2027",
    "1.1={0}, 1.2={0}",
    "{0} {0}",
    "{0}1227",
)


def luhn(digits):
    """Read once more, as the norm has it: from the right, every other one doubled."""
    doubled = [int(one) * (2 if n % 2 else 1) for n, one in enumerate(digits[::-1])]
    return sum(sum(map(int, str(one))) for one in doubled) % 10 == 0


@pytest.mark.parametrize("number", NUMBERS.values(), ids=len)
def test_it_has_the_numbers_length_and_last_four_and_is_none(number):
    for _ in range(300):
        text = draw_digits(number).text
        assert re.fullmatch("[0-9]+", text)
        assert len(text) == len(number)
        assert text[-4:] == number[-4:]
        assert text[:2] == "99"
        assert not luhn(text)
        assert pan.brand_of(text) == "unknown"


@pytest.mark.parametrize("number", sorted(EVERY_BRAND))
def test_nothing_of_the_number_but_its_last_four_is_in_it(number):
    """What stands between is drawn without looking at the number: both lead to the same middle."""
    other = "4" * (len(number) - 4) + number[-4:]
    for drawn in (0, 1, 123, 999, 5 * 10 ** (len(number) - 7)):
        texts = {draw_digits(one, random=given(drawn)).text for one in (number, other)}
        assert len(texts) == 1


def given(*first):
    """What is drawn: these, then one more each time."""
    numbers = [*first]

    def random(count):
        assert count > numbers[0]
        drawn = numbers[0]
        if len(numbers) > 1:
            numbers.pop(0)
        else:
            numbers[0] += 1
        return drawn

    return random


@pytest.mark.parametrize("around", AROUND)
def test_the_guard_takes_none_for_a_card(around):
    for number in NUMBERS.values():
        for _ in range(100):
            text = draw_digits(number).text
            assert not find_cards(around.format(text).encode())


def test_p26_every_middle_can_come_and_none_comes_more_often():
    """Of 12 digits six are drawn, so that all of them can be looked at."""
    number = "501800009876"
    seen = Counter(draw_digits(number).text[2:4] for _ in range(20_000))
    assert len(seen) == 100
    expected = 20_000 / 100
    chi = sum((count - expected) ** 2 / expected for count in seen.values())
    assert chi < 99 + 6 * math.sqrt(2 * 99)
    every = {draw_digits(number, random=given(n)).text for n in range(0, 10**6, 97)}
    assert len(every) > 0.85 * 10**6 / 97


def test_p26_one_that_would_pass_for_a_number_is_drawn_again():
    right = next(n for n in range(10) if luhn(f"99{n:010d}4444"))
    assert draw_digits("5555555555554444", random=given(right, 77)).text == "9900000000774444"


def test_a_number_that_begins_like_one_gets_another_beginning():
    number = "9900001234564444"
    texts = {draw_digits(number, random=given(n, 5_000_000_001)).text for n in range(20)}
    assert {text[:6] for text in texts} == {"995000"}


@pytest.mark.parametrize(
    "text",
    [
        "9912 3456 7890 4444", "9912-3456-7890-4444", " 9912345678904444 ", "991234564444",
    ],
)  # fmt: skip
def test_it_is_found_however_it_is_grouped(text):
    assert parse_digits(text) == DigitsToken(re.sub("[ -]", "", text))


@pytest.mark.parametrize(
    "text",
    [
        "", "99", "99123456789", "9912345678901234567 8", "4929000000000007", "9812345678904444",
        "tok_9_9912345678904", "9912345678904444x", "９９12345678904444", "+9912345678904444",
        "99.12345678904444", "9912345678904441",
    ],
)  # fmt: skip
def test_what_has_another_form_is_none(text):
    if text == "9912345678904441":
        text = next(f"991234567890444{n}" for n in range(10) if luhn(f"991234567890444{n}"))
    assert parse_digits(text) is None


def test_what_is_shown_of_it_is_nothing():
    assert "99" not in repr(DigitsToken("9912345678904444"))
