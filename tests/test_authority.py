"""P32: hosts and ports have one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authority import normalize_host, parse_authority
from gateway.errors import GatewayError, HttpInvalid, TargetAmbiguous


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("API.Stripe.com", "api.stripe.com"),
        ("api.stripe.com.", "api.stripe.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example.", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("full\uff0ewidth", "full.width"),
        ("my_host.example", "my_host.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
    ],
)
def test_p32_one_spelling(text, wanted):
    assert normalize_host(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        "-a.test",
        "a-.test",
        "a" * 64 + ".test",
        ".".join(["a" * 60] * 5),
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "1.2.3.4.5",
        "256.1.1.1",
        "host.1",
        "[::ffff:10.0.0.1]",
        "[fe80::1%eth0]",
        "stra\u00dfe.example",
        "a\u200db.example",
        "a b.test",
        "a\x00.test",
        "a%2e.test",
        "a/b",
        "user@host",
        "a\ud800.test",
    ],
)
def test_p32_two_meanings_are_refused(text):
    with pytest.raises(TargetAmbiguous):
        normalize_host(text)


def test_p32_authority():
    assert parse_authority("A.test:8443", 443) == ("a.test", 8443)
    assert parse_authority("a.test.", 443) == ("a.test", 443)
    assert parse_authority("[2001:db8::1]:1", None) == ("2001:db8::1", 1)


@pytest.mark.parametrize(
    "text",
    ["", ":80", "a.test:", "a.test:0", "a.test:080", "a.test:65536", "a.test:+80", "a:b:80", "[::1",
     "u@a.test", "u:p@a.test:1", "a.test/x", "a.test?x", "a.test#x", "a.test\\x", "a.test:٣", "a b:1"],
)  # fmt: skip
def test_p32_authority_of_a_wrong_form(text):
    with pytest.raises((HttpInvalid, TargetAmbiguous)):
        parse_authority(text, 443)
    with pytest.raises(GatewayError):
        parse_authority("a.test", None)


@given(st.text(max_size=80))
def test_p32_normalising_twice_changes_nothing(text):
    try:
        once = normalize_host(text)
    except TargetAmbiguous:
        return
    assert normalize_host(once) == once
    assert once.isascii()
    assert once == once.lower()
