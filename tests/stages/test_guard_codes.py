"""A security code behind a number in a remark goes with it; ordinary remarks stay as they are (P03)."""

from __future__ import annotations

import json
import math
import time
import xml.etree.ElementTree as ET
from urllib.parse import parse_qs, quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cards.pan import is_plausible
from gateway.stages.guard import guard_body, guard_text

PAN = "4111111111111111"
MASKED = "411111******1111"
GROUPED, GROUPED_MASKED = "4111 1111 1111 1111", "4111 11** **** 1111"
AMEX, AMEX_MASKED = "3782 822463 10005", "3782 82**** *0005"


def guarded(text, format=None, put_in=None):
    return guard_body(text.encode(), format, put_in or {}).body.decode()


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f"{GROUPED} cvc 123", f"{GROUPED_MASKED} cvc ***"),
        (f"{GROUPED} 123", f"{GROUPED_MASKED} ***"),
        (f"{GROUPED} 123 12/25", f"{GROUPED_MASKED} *** 12/25"),
        ("4111-1111-1111-1111-123", "4111-11**-****-1111-***"),
        (f"{PAN} 12/25 123", f"{MASKED} 12/25 ***"),
        (f"{PAN} 12/2025 123.", f"{MASKED} 12/2025 ***."),
        (f"{PAN}, 12/25, 123", f"{MASKED}, 12/25, ***"),
        (f"{PAN}/12/25/123", f"{MASKED}/12/25/***"),
        (f"{PAN} 1225 123", f"{MASKED} 1225 ***"),
        (f"{PAN} exp. 12/25 123", f"{MASKED} exp. 12/25 ***"),
        (f"{PAN} valid thru: 12 / 25; 123", f"{MASKED} valid thru: 12 / 25; ***"),
        (f"{PAN}cvc123", f"{MASKED}cvc***"),
        (f"{PAN} CVV2=1234", f"{MASKED} CVV2=***"),
        (f"{PAN} (John Doe) 2025-12 CID: 123", f"{MASKED} (John Doe) 2025-12 CID: ***"),
        (f"{PAN} the security code is 123", f"{MASKED} the security code is ***"),
        (f"{PAN} card code no. 123", f"{MASKED} card code no. ***"),
        (f"{PAN} código de seguridad 123", f"{MASKED} código de seguridad ***"),
        (f"{PAN} Prüfnummer 123", f"{MASKED} Prüfnummer ***"),
        (f"{PAN} cryptogramme : 123", f"{MASKED} cryptogramme : ***"),
        (f"{AMEX} 1234", f"{AMEX_MASKED} ***"),
        (f"{AMEX} 12/25 1234", f"{AMEX_MASKED} 12/25 ***"),
        (f"{AMEX} 12/12/2025", f"{AMEX_MASKED} 12/12/2025"),
        (f"{PAN} cvc 123 and {GROUPED} cvv 456", f"{MASKED} cvc *** and {GROUPED_MASKED} cvv ***"),
    ],
)  # fmt: skip
def test_p03_a_code_goes_with_its_number(said, left):
    assert guarded(f"Please use {said}") == f"Please use {left}"


HARMLESS = [
    "room 204", "rooms 204 and 205", "123 EUR", "123.50", "123,50 please", "123€", "123 nights",
    "150 GBP a night", "12/12/2025", "01.12.2025 to 03.12.2025", "2025-12-01", "arrives 10:30",
    "at 123 Pier Road", "call 5550077", "flight BA 123", "booking 1234567", "for 2 adults",
    "order no 123", "acid 123", "cvc follows by phone 5550077", "cvc unknown, room 204",
    "10:30 204", "12/25/2025", "CID 12345", "voucher cid-12345", "<b>cvc</b>",
]  # fmt: skip


@pytest.mark.parametrize("remark", HARMLESS)
@pytest.mark.parametrize(("number", "masked"), [(PAN, MASKED), (GROUPED, GROUPED_MASKED)])
def test_p15_an_ordinary_remark_behind_a_number_stays(number, masked, remark):
    assert guarded(f"{number} {remark}") == f"{masked} {remark}"
    assert guarded(f"{remark} {number}") == f"{remark} {masked}"


@pytest.mark.parametrize(
    "behind", ["150.00", "150 EUR", "150\u20ac", "120/2", "123 nights", "200 GBP", "1234", "10:30"]
)
def test_p15_what_goes_on_as_something_else_stays(behind):
    """Without a word: an expiry stands before it, or nothing but the blank of the groups."""
    for said, left in ((f"{PAN} 12/25", f"{MASKED} 12/25"), (GROUPED, GROUPED_MASKED)):
        assert guarded(f"{said} {behind}") == f"{left} {behind}"


WORDS = st.sampled_from(["cvc", "CVV", "Cvc2", "CVV2", "cid", "CSC", "security code", "sec. code",
                         "verification number", "sicherheitscode"])  # fmt: skip
GAPS = st.sampled_from([" ", ": ", ", ", "\n", " - ", "\u00a0", "=", " / "])
EXPIRIES = st.one_of(
    st.just(""),
    st.builds(
        lambda gap, month, sign, year: f"{gap}{month:02d}{sign}{year}",
        GAPS, st.integers(1, 12), st.sampled_from(["/", "-", ".", ""]),
        st.sampled_from(["25", "30", "2031"]),
    ),
)  # fmt: skip
NAMES = st.sampled_from(["", " John Doe", " (Visa)", " exp", ". Thanks! The", " caf\u00e9"])
CODES = st.from_regex(r"[0-9]{3,4}", fullmatch=True)
WAYS = {
    "text": (None, lambda text: text.encode(), lambda body: body.decode()),
    "xml": (
        "xml",
        lambda text: f'<a b="{text}">{text}</a>'.encode(),
        lambda body: ET.fromstring(body).text,
    ),
    "json": ("json", lambda text: json.dumps({"a": text}).encode(), lambda b: json.loads(b)["a"]),
    "form": ("form", lambda text: b"a=" + quote_plus(text).encode(), None),
    "percent": ("form", lambda text: b"a=" + quote(text, safe="").encode(), None),
}


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=120, deadline=None)
@given(name=NAMES, expiry=EXPIRIES, gaps=st.tuples(GAPS, GAPS), word=WORDS, code=CODES)
def test_p03_a_named_code_is_masked_and_nothing_else_is(way, name, expiry, gaps, word, code):
    format, write, read = WAYS[way]
    read = read or (lambda body: parse_qs(body.decode())["a"][0])
    said = f"{{}}{name}{expiry}{gaps[0]}{word}{gaps[1]}{{}}, thank you"
    body = guard_body(write(said.format(PAN, code)), format, {}).body
    assert read(body) == said.format(MASKED, "***")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.from_regex(r"[a-df-oq-z]{2,9}", fullmatch=True), min_size=1, max_size=5),
    st.from_regex(r"[0-9]{1,5}([.,/:-][0-9]{1,4})?", fullmatch=True),
    st.lists(st.from_regex(r"[a-z]{1,9}", fullmatch=True), max_size=3),
)
def test_p15_digits_that_no_word_calls_a_code_stay(before, digits, after):
    """Words that name neither code nor expiry stand between: whatever digits follow are a remark's."""
    remark = " ".join([*before, digits, *after])
    if any(word in remark for word in ("cvc", "csc", "cvv", "cvn", "cid", "cav", "ccv")):
        return
    assert guarded(f"{GROUPED} {remark}") == f"{GROUPED_MASKED} {remark}"


def nineteen():
    """A plausible number of nineteen digits whose first sixteen are plausible, too."""
    return next(f"{PAN}{code:03d}" for code in range(100, 1000) if is_plausible(f"{PAN}{code:03d}"))


def test_p03_nineteen_digits_show_no_code():
    digits = nineteen()
    groups = " ".join(digits[at : at + 4] for at in range(0, 19, 4))
    assert guarded(groups) == f"{GROUPED_MASKED} ***"
    assert guarded(f"{digits[:16]} {digits[16:]}") == f"{MASKED} ***"
    assert guarded(digits) == f"{digits[:6]}{'*' * 9}{digits[-4:]}"  # unbroken: one number


@pytest.mark.parametrize(
    ("format", "body", "left"),
    [
        ("xml", f"<a><b>{PAN}</b><c>cvc 123</c></a>", f"<a><b>{MASKED}</b><c>cvc 123</c></a>"),
        ("json", f'["{PAN}", "cvc 123"]', f'["{MASKED}", "cvc 123"]'),
        ("json", f"[{PAN}, 1225, 123]", f'["{MASKED}", 1225, 123]'),
        ("form", f"a={PAN}&b=cvc+123", f"a={MASKED}&b=cvc+123"),
    ],
)
def test_what_stands_in_another_field_is_the_rules_business(format, body, left):
    assert guarded(body, format) == left


@pytest.mark.parametrize("code", ["&#49;&#50;&#51;", "&#x31;23", "1&#50;3"])
def test_p11_a_code_in_character_references(code):
    assert guarded(f"<a>{PAN}&#160;cvc&#32;{code}</a>", "xml") == (
        f"<a>{MASKED}&#160;cvc&#32;***</a>"
    )


def test_p11_a_code_in_json_escapes():
    assert guarded(rf'{{"a": "{PAN}\ncvc\u00a0\u0031\u0032\u0033"}}', "json") == (
        rf'{{"a": "{MASKED}\ncvc\u00a0***"}}'
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_p11_a_code_in_a_wide_encoding(encoding):
    body = guard_body(f"{GROUPED} cvc 123".encode(encoding), None, {}).body
    assert body.decode(encoding) == f"{GROUPED_MASKED} cvc ***"


def test_p03_a_code_behind_an_echoed_number_and_in_a_header():
    assert guarded("4444444444444444 cvc 123", put_in={"4444444444444444": "tok_1_a"}) == (
        "tok_1_a cvc ***"
    )
    assert guard_text(f"/pay/{PAN}/cvc/123", {}) == (f"/pay/{MASKED}/cvc/***", 1)


def test_a_number_that_follows_at_once_is_no_code():
    both = f"{GROUPED} {GROUPED}"
    assert guarded(both) == f"{GROUPED_MASKED} {GROUPED_MASKED}"


@pytest.mark.parametrize(
    "filler",
    ["x " * 20, " " * 40, "12/25 " + "- " * 20, "%20" * 40, "cvc " + ": " * 20, "exp " * 20,
     "12/25 " * 10, "&#160;" * 40, "\\n" * 40],
)  # fmt: skip
def test_p11_many_numbers_take_no_longer_each(filler):
    """However much of what may stand before a code is there without one."""

    def seconds(count):
        body = (f"{PAN} {filler}" * count).encode()
        best = math.inf
        for _ in range(3):  # of this thread alone, and the best: others use the machine too
            started = time.thread_time()
            guard_body(body, None, {})
            best = min(best, time.thread_time() - started)
        return best

    seconds(10)
    assert seconds(2000) < 40 * max(seconds(200), 0.005)
