"""Security codes that no rule finds, in messages that nobody could read."""

from __future__ import annotations

import base64

import pytest

from gateway.rules.load import load_pack_text
from gateway.stages.without_codes import USUAL_NAMES, blank_codes, code_names, without_codes
from tests.running import ROOT


def shapes(system, route):
    text = (ROOT / f"rules/{system}.yaml").read_text(encoding="utf-8")
    pack = load_pack_text(text, system)
    (found,) = [one for one in pack.routes if one.name == route]
    return found.shapes


BOOKING = shapes("booking-com", "reservations")
SITEMINDER = shapes("siteminder", "pull")


@pytest.mark.parametrize(
    ("which", "body"),
    [
        (BOOKING, "<reservations><customer><cc_cvc>987</cc_cvc></customer></reservations>"),
        (BOOKING, "<a><cc_cvc>987</cc_cvc>"),
        (BOOKING, '<a><cc_cvc v="1">987</cc_cvc>'),
        (BOOKING, "<a><cc_cvc>&#57;&#56;&#55;</cc_cvc>"),
        (BOOKING, "<a><cc_cvc>&#x39;8&#x37;</cc_cvc>"),
        (BOOKING, "<a><cc_cvc><![CDATA[987]]></cc_cvc>"),
        (BOOKING, "<a><CC_CVC   >" + " " * 100 + "987</CC_CVC>"),
        (BOOKING, "<a><x:cc_cvc>987</x:cc_cvc>"),
        (SITEMINDER, "<PaymentCard><SeriesCode>987</SeriesCode></PaymentCard>"),
        (SITEMINDER, "<a><PaymentCard SeriesCode = '987' ExpireDate=\"1130\"/>"),
        (SITEMINDER, "<a><SeriesCode><PlainText>9876</PlainText></SeriesCode>"),
    ],
)
def test_p21_no_code_is_left(which, body):
    left = without_codes(body.encode(), which)
    for code in (b"987", b"&#57;", b"&#x39;"):
        assert code not in left


OTA = 'xmlns="http://www.opentravel.org/OTA/2003/05"'


@pytest.mark.parametrize(
    "body",
    [
        f"<a><CardSecurityCode {OTA}>737</CardSecurityCode>",
        '<a><SeriesCode len="004">737</SeriesCode>',
        '{"cardCvv2": "737", ',
        '{"card_verification_value": 737, ',
        "<a><CardVerificationValue>737",
        "<a><ccCvv>737",
        "creditCardCvv=737&a",
    ],
)
def test_p21_of_a_push_no_code_is_left_by_its_usual_names(body):
    assert b"737" not in without_codes(body.encode(), SITEMINDER, USUAL_NAMES)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["CVV", "Cvc", "seriescode"])
def test_p21_in_utf_16_a_name_is_known_in_any_case(name, codec):
    body = f"<a><b/><{name}>737</{name}>".encode(codec)
    assert without_codes(body, SITEMINDER, USUAL_NAMES) is None


def test_what_stands_behind_stays():
    body = b'<a><PaymentCard SeriesCode="737" ExpireDate="1130" CardNumber="4111111111111111"/>'
    assert without_codes(body, SITEMINDER) == body.replace(b"737", b"0")
    closed = b"<a><cc_cvc></cc_cvc><cc_expiration_date>10/2030</cc_expiration_date>"
    assert b"10/" in without_codes(closed, BOOKING)


WRAPPED = """
system: wrapped
about: JSON in base64 in JSON
shapes:
  card:
    envelope: { format: json, at: $.data, as: base64 }
    format: json
    card: $.card
    number: pan
    cvc: cvv
routes:
  - { name: pull, to: "https://a.example/", methods: [GET], response: { tokenize: card } }
"""


def wrapped(inner):
    return b'{"data": "' + base64.b64encode(inner) + b'"}'


def test_p21_no_code_is_left_in_base64():
    (route,) = load_pack_text(WRAPPED, "wrapped").routes
    left = without_codes(
        wrapped(b'{"card": {"pan": "4111111111111111", "cvv": "987"}}'), route.shapes
    )
    assert left == wrapped(b'{"card": {"pan": "4111111111111111"}}')


def test_base64_that_can_not_be_read_is_not_kept():
    (route,) = load_pack_text(WRAPPED, "wrapped").routes
    assert without_codes(wrapped(b'{"card": {"cvv": "987"'), route.shapes) is None
    assert without_codes(b"<h1>Bad gateway</h1>", route.shapes) is None


def test_in_utf_16_nothing_is_kept_where_a_code_may_be():
    assert without_codes("<a><cc_cvc>987</cc_cvc>".encode("utf-16"), BOOKING) is None
    plain = "<a><b>987</b>".encode("utf-16")
    assert without_codes(plain, BOOKING) == plain


def test_names_of_a_form_are_found_in_other_formats():
    names = code_names(shapes("stripe", "charge"))
    assert (
        blank_codes(b'{"cvc": "123", "card[cvc]": 1234}', names) == b'{"cvc": "0", "card[cvc]": 0}'
    )


def text_shape(fields):
    text = f"system: x\nabout: x\nshapes:\n  s: {{ format: text, card: $, {fields} }}\nroutes:\n"
    text += "  - { name: r, to: https://x.example/p, methods: [GET], response: { tokenize: s } }\n"
    return tuple(load_pack_text(text, "x.yaml").shapes.values())


NAMED = text_shape('number: "No: {}", cvc: "Security code: {}"')
COLUMN = text_shape('number: "^{};", cvc: "^{*};{}"')


def test_p21_no_code_is_left_in_a_text():
    assert without_codes(b"No: 1\nSecurity code: 987\nb", NAMED) == b"No: 1\nSecurity code: \nb"
    assert without_codes(b"4111;987\n", COLUMN) == b"4111;\n"
    twice = b"Security code: 987\nSecurity code: 987"
    assert b"987" not in without_codes(twice, NAMED)
    assert code_names(NAMED) == {"Security code"}


def test_p21_a_text_that_can_not_be_read_and_names_no_code_is_not_kept():
    assert without_codes(b"4111;987\0", COLUMN) is None
    assert b"987" not in without_codes(b"a Security code: 987" + b"\n" * (1 << 19), NAMED)
