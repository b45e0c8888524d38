"""Security codes beside a number that is no clear card, or behind its part's end."""

from __future__ import annotations

import pytest

from gateway.cli.trial import example_token, try_tokenize
from gateway.rules.load import load_pack_text

FORMATS = {
    "json": (
        "card: $.c, number: pan, cvc: code",
        '{"c": {"pan": "%s", "code": "%s"}}',
        '{"c": {"pan": "%s"}}',
    ),
    "xml": (
        "card: //C, number: Pan, cvc: Code",
        "<a><C><Pan>%s</Pan><Code>%s</Code></C></a>",
        "<a><C><Pan>%s</Pan></C></a>",
    ),
    "form": ("card: $, number: pan, cvc: code", "pan=%s&code=%s", "pan=%s"),
}
NUMBERS = ("411111******1111", "", example_token(1).alias)


def outcome(format, said, body):
    text = f"system: test\nabout: test\nshapes:\n  card: {{ format: {format}, {said} }}\n"
    text += "routes: [{ name: one, to: 'https://x.example/p', methods: [POST], request: { tokenize: card } }]\n"
    rule = load_pack_text(text, "x.yaml").routes[0].request.tokenize
    return try_tokenize(body.encode(), rule, "test").after.decode()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "code", ["987", "987.0", "-987", "#987", "CVV 987", "9 8 7", "\uff19\uff18\uff17"]
)
def test_p03_a_code_that_is_more_than_digits_goes_too(format, number, code):
    said, before, after = FORMATS[format]
    sent = code.replace("#", "%23") if format == "form" else code
    assert outcome(format, said, before % (number, sent)) == after % number


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("code", ["***", "yes", ""])
def test_p15_what_has_no_digit_stays(format, number, code):
    said, before, _ = FORMATS[format]
    assert outcome(format, said, before % (number, code)) == before % (number, code)


@pytest.mark.parametrize(("before", "after"), [
    ('{"c": {"pan": null, "code": 987.0}}', '{"c": {"pan": null}}'),
    ('{"c": {"code": -987}}', '{"c": {}}'),
])  # fmt: skip
def test_p03_a_code_that_is_a_number_of_json_goes_too(before, after):
    assert outcome("json", FORMATS["json"][0], before) == after


def test_p03_a_code_that_the_end_of_its_booking_ends_is_found():
    """The card's part ends where the booking does, and so does its last value."""
    said = 'booking: "B:{...};", card: "C:{...}", number: "N={},", cvc: "V={};"'
    after = outcome("text", said, "B:C:N=4111111111111111,V=123;B:C:N=,V=987;")
    assert after == "B:C:N=411111******1111,V=;B:C:N=,V=;"
