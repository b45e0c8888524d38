"""Powers of ten whose point stands elsewhere, a percent sign in two spellings, references without a semicolon."""

from __future__ import annotations

import json

import pytest

from gateway.cards.scan import find_cards
from gateway.stages.guard import guard_body, guard_text

VISA, MASTER = "4111111111111111", "5555555555554444"


def found(text):
    return [one.digits.reveal() for one in find_cards(text.encode())]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.5555555555554444e16", MASTER), ("0.4111111111111111E+16", VISA), ("00.4111111111111111e16", VISA),
        ("41.11111111111111e14", VISA), ("411111111111111.1e1", VISA),
        ("0.35301113333e16", "3530111333300000"), ("0.05555555555554444e+017", MASTER),
    ],
)  # fmt: skip
def test_p11_a_power_of_ten_wherever_its_point_stands(text, number):
    assert found(f'{{"a":{text}}}') == [number]


def test_p11_it_shows_first_six_and_last_four_at_most():
    guarded = guard_body(b'{"a":0.5555555555554444e16,"b":41.11111111111111e14}', "json", {})
    assert guarded.body == b'{"a":"0.555555******4444e16","b":"41.1111******1111e14"}'


@pytest.mark.parametrize(
    "text",
    [
        "48.85661400000001e0", "0.1234567890123456e-5", "0.5555555555554444e15", "0.5555555555554444e17",
        "-1.5e16", "0.42e16", "12.5555555555554444e16x", "1.0.5555555555554444e16", "v0.5555555555554444e16",
    ],
)  # fmt: skip
def test_p15_what_is_no_whole_number_of_a_cards_length_stays(text):
    assert found(f'{{"a":{text}}}') == []


@pytest.mark.parametrize(
    "number",
    [
        VISA, MASTER, "4111-1111-1111-1111", "378282246310005",
        "4012888888881881", "6011111111111117", "6759649826438453",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["%25", "a=%25", "100%25", "%2525"])
def test_p11_a_spelled_percent_sign_does_not_hide_the_number_behind_it(before, number):
    text = before + number
    assert found(text) == [number.replace("-", "")]
    masked, count = guard_text("/a?n=" + text, {})
    assert count == 1
    assert masked.startswith("/a?n=" + before)
    assert masked.count("*") == len(number.replace("-", "")) - 10


@pytest.mark.parametrize(
    "text",
    [
        "%252055555555554444", "%2522555555555555444", "a%254111111111111112",
        "%25411111111111111", "%2541111111111111119", "254111111111111111",
    ],
)  # fmt: skip
def test_p15_behind_a_percent_sign_other_digits_stay(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "gap",
    ["&nbsp", "&shy", "&bullet;", "&CenterDot;", "&horbar;", "&VeryThinSpace;", "&ThickSpace;", "&amp;nbsp"],
)  # fmt: skip
def test_p11_references_that_a_browser_shows_as_a_gap(gap):
    text = gap.join(("4111", "1111", "1111", "1111"))
    assert found(f"pay with {text} please") == [VISA]
    guarded = guard_body(json.dumps({"a": text}).encode(), "json", {})
    assert guarded.body.count(b"*") == 6


def test_p15_a_longer_word_is_no_such_reference():
    assert found("4111&nbspa1111&nbspa1111&nbspa1111") == []
    assert found("a=4111&shyness=1111&b=1111&c=1111") == []
