"""What the list of refusals keeps of a stranger's request."""

from __future__ import annotations

import base64

import pytest

from gateway.refused import cleaned

PAN = "4539578763621486"


def wrapped(text):
    return base64.b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"/v1/{PAN}", f"/v*/{'*' * 16}"),
        ("/v1/4539-5787/6362-1486", "/v*/****-****/****-****"),
        (f"/v1/{wrapped(PAN)}/x", "*" * 28),  # a slash is one of base64's signs
        (f"/v1/a.{wrapped('4539 5787 6362 1486')}", f"/v1/a.{'*' * 26}"),
        (f"/{'x.' * 95}/{wrapped(PAN)}", f"/{'x.' * 95}/{'*' * 8}"),  # it is cut off behind that
    ],
)
def test_p16_nothing_like_a_card_number_is_kept(text, kept):
    assert cleaned(text) == kept


@pytest.mark.parametrize("text", ["/v1/charges", "/v72/payments", "/api/NTU1NTU/x", "/a%20b"])
def test_what_says_where_a_request_went_stays(text):
    assert cleaned(text) == text


def test_what_can_not_be_printed_does_not_stand_there():
    assert cleaned("/a\n\x1b[31m\u20ac") == "/a??[31m?"
