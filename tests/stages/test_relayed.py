"""What of a processor's refusal goes to the caller: its words, and when to come again."""

from __future__ import annotations

import pytest

from gateway.errors import CardRefused, TokenNotIssued
from gateway.headers import Headers
from gateway.stages.relayed import Relayed, retry_after

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


def said(*values):
    return retry_after(Headers([(b"Retry-After", value.encode("latin-1")) for value in values]))


@pytest.mark.parametrize("value", ["0", "60", "86400", DATE])
def test_seconds_or_a_date_pass_as_they_are(value):
    assert said(value) == value


@pytest.mark.parametrize(
    "values",
    [(), ("60", "60"), ("",), ("soon",), ("-1",), ("1.5",), ("4111111111111111",), ("6\n0",),
     (f"{DATE} 4111111111111111",), ("\u00b2",), ("Wednesday, 21-Oct-26 07:28:00 GMT",)],
)  # fmt: skip
def test_p03_nothing_else_passes(values):
    assert said(*values) is None


def test_only_the_processors_own_refusal_has_its_words():
    relayed = Relayed("e", 429, b'{"errorCode": 1332}')
    assert relayed.refusal(CardRefused("7"), "request") == (
        429, "application/json", b'{"errorCode": 1332}',
    )  # fmt: skip
    status, media_type, body = relayed.refusal(TokenNotIssued(), "request")
    assert (status, media_type) == (502, "application/problem+json")
    assert b"1332" not in body
