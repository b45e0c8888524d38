"""Numbers that stand right behind a spelled sign, in groups with `/`, as powers of ten, in any script's digits."""

from __future__ import annotations

import itertools
import json
import re
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cards.scan import find_cards
from gateway.codecs import open_document
from gateway.stages.guard import guard_body, guard_text

VISA, MASTER, AMEX = "4111111111111111", "5555555555554444", "378282246310005"
MASKED = "411111******1111"


def grouped(number, sign):
    sizes = (4, 6, 5) if len(number) == 15 else (4, 4, 4, 4)
    ends = [sum(sizes[:at]) for at in range(len(sizes) + 1)]
    return sign.join(number[a:b] for a, b in itertools.pairwise(ends))


def found(body):
    return [one.digits.reveal() for one in find_cards(body)]


# --- right behind a spelled sign ---------------------------------------------------------------------


# `%254111` may as well be an `A` in two spellings.
@pytest.mark.parametrize(
    "sign", [chr(code) for code in range(1, 0x80) if not chr(code).isalnum() and code != 0x25]
)
@pytest.mark.parametrize(
    "spelled", ["%{:02X}", "%{:02x}", "%25{:02X}", "%u{:04X}", "\\u{:04x}", "\\x{:02x}"]
)
def test_p11_a_spelled_sign_does_not_hide_the_number_behind_it(spelled, sign):
    for number in (
        VISA,
        grouped(VISA, "-"),
        grouped(AMEX, " "),
        " ".join(VISA),
        "41111111 11111111",
    ):
        assert found(f"a=my{spelled.format(ord(sign))}{number}".encode()) == [
            re.sub("[ -]", "", number)
        ]


@pytest.mark.parametrize("number", [VISA, MASTER, grouped(MASTER, "-")])
@pytest.mark.parametrize(
    "body",
    [
        lambda n: "remark=" + quote(f"card {n} please"),
        lambda n: urlencode({"data": json.dumps({"a": n})}),
        lambda n: urlencode({"data": f'<a b="{n}"/>'}),
        lambda n: "remark=" + quote(f"caf\u00e9{n}"),
    ],
)
def test_p11_in_a_form_it_is_masked_where_it_stands(body, number):
    body = body(number).encode()
    guarded = guard_body(body, "form", {})
    assert guarded.masked == 1
    assert guarded.body.count(b"*") == 6
    assert len(guarded.body) == len(body)


def test_p11_in_a_path_and_in_json():
    assert guard_text(f"/a?n=%20{VISA}", {}) == (f"/a?n=%20{MASKED}", 1)
    body = json.dumps({"a": f"\u00a0{VISA}", "b": f"\u00e9{VISA}"}).encode()
    assert json.loads(guard_body(body, "json", {}).body) == {
        "a": f"\u00a0{MASKED}",
        "b": f"\u00e9{MASKED}",
    }


@pytest.mark.parametrize(
    "text",
    ["a=%20" + VISA[:15], "a=%2041111111111111112", "%20" + VISA + "9", "%20411111******1111"],
)
def test_p15_behind_a_spelled_sign_other_numbers_stay(text):
    assert found(text.encode()) == []


# --- in groups, with signs that no card has -----------------------------------------------------------

SIGNS = ["/", "_", "|", ":", "~", " / ", "\\/", " : ", "%2F", "%5F", "&#47;", "&sol;", "\\u002f", "\u00b7", "\u2022",
         "\u2028", "\x0b", "\x0c", "\\f", "\uff0d", "\u30fc", "\uff0f", "&middot;", "\ufe0f", "\u0332", "\u180e",
         "\u2064", "&ZeroWidthSpace;", "&hairsp;", "%C2%B7", "\U000e0020"]  # fmt: skip


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("number", [VISA, MASTER, AMEX])
def test_p11_in_groups_with_another_sign(number, sign):
    text = grouped(number, sign)
    assert found(f"pay with {text} please".encode()) == [number]
    guarded = guard_body(json.dumps({"a": text}, ensure_ascii=False).encode(), "json", {})
    assert guarded.body.count(b"*") == len(number) - 10
    open_document("json", guarded.body)


@pytest.mark.parametrize("sign", ["/", "_", "|", "~"])
def test_p11_one_by_one_with_another_sign(sign):
    assert found(sign.join(MASTER).encode()) == [MASTER]


def test_p11_what_comes_behind_it_hides_nothing():
    for behind in ("/12/29", "_1229", ":123", "|12/29|987", "/"):
        assert found(f"{grouped(VISA, behind[0])}{behind}".encode()) == [VISA]


@pytest.mark.parametrize(
    "text",
    [
        "2400:1111:2222:3333::1", "2600:1700:4111:1111:1111:1111:1111:1111", "::4111:1111:1111:1111",
        "[4111,1111,1111,1111]", "4111, 1111, 1111, 1111", "2026/11/23 2026/11/24", "12:30:00/12:45:00",
        "4111/1111/1111/1112", "4111/1111:1111/1111", "94111/1111/1111/1111", "4111/1111/1111/11119",
        "41/11/11/11/11/11/11/11", "1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1", "a/4/1/1/1",
        "4111****1111", "4111\u2022\u2022\u2022\u20221111", '{"4111":"1111","1111":"1111"}',
    ],
)  # fmt: skip
def test_p15_what_only_looks_so_stays(text):
    assert found(text.encode()) == []


# --- powers of ten ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5.555555555554444e+15", MASTER), ("5.555555555554444E15", MASTER), ("5.555555555554444E+15", MASTER),
        ("4.111111111111111e+015", VISA), ("3.78282246310005e14", AMEX),
        ("3.5301113333E+15", "3530111333300000"), ("6.304000000000000000e18", "6304000000000000000"),
    ],
)  # fmt: skip
def test_p11_a_number_as_a_power_of_ten(text, number):
    assert found(b'{"a":%s}' % text.encode()) == [number]


def test_p11_p15_it_becomes_a_string_with_first_six_and_last_four_at_most():
    guarded = guard_body(
        b'{"a":5.555555555554444e+15,"b":3.5301113333E+15, "c":1.5e+15}', "json", {}
    )
    assert guarded.body == b'{"a":"5.55555******4444e+15","b":"3.53011*****E+15", "c":1.5e+15}'
    assert guard_body(b"a=5.555555555554444e%2B15", "form", {}).masked == 1


@pytest.mark.parametrize(
    "text",
    ["5.555555555554444e+14", "5.555555555554445e+15", "5.555555555554444e+150", "1.7e+12", "15.555555555554444e+15",
     "0.5555555555554444e-15", "a5.555555555554444e15", "5.555555555554444e15f", "9c5.555555555554444e15"],
)  # fmt: skip
def test_p15_other_powers_stay(text):
    assert found(text.encode()) == []


# --- digits of other scripts ---------------------------------------------------------------------------

ZEROS = [0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0xF20, 0xFF10, 0x1D7CE,
         0x1D7D8, 0x1D7F6]  # fmt: skip


@pytest.mark.parametrize("zero", ZEROS, ids=hex)
def test_p11_digits_of_every_script(zero):
    text = "".join(chr(zero + int(digit)) for digit in MASTER)
    references = "".join(f"&#{ord(sign)};" for sign in text)
    for spelled in (
        text,
        json.dumps(text),
        quote(text),
        references,
        references.replace("&#", "&#0"),
    ):
        assert found(f"see {spelled} ok".encode()) == [MASTER]
    guarded = guard_body(json.dumps({"a": text}).encode(), "json", {})
    assert json.loads(guarded.body)["a"].count("*") == 6


def test_p11_digits_in_keys_frames():
    assert found("".join(f"{digit}\ufe0f\u20e3" for digit in VISA).encode()) == [VISA]


# --- all of it -----------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="01234567890123456789/_:|~ \\%2eE.+-,<>\u00b7\uff15\ufe0f", max_size=120))
def test_p15_what_is_masked_is_looked_at_again_and_nothing_is_found(text):
    body = text.encode()
    guarded = guard_body(body, None, {})
    assert find_cards(guarded.body) == []


@pytest.mark.parametrize("where", [0, 1, 32740, 32750, 32760, 32767, 32768, 65530])
@pytest.mark.parametrize("text", [grouped(VISA, "/"), "5.555555555554444e+15", "/".join(VISA)])
def test_p11_wherever_windows_end(where, text):
    body = b"." * where + text.encode() + b" " * 40000
    (one,) = find_cards(body)
    assert (one.start, one.end) == (where, where + len(text.partition("e")[0]))


def test_p11_behind_a_long_run_of_digits():
    for before in range(0, 40000, 4095):
        body = b"4 " * before + b"x " + grouped(VISA, "/").encode()
        assert VISA in found(body)
