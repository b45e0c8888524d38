"""Security codes that no rule finds, in messages that nobody could read."""

from __future__ import annotations

import base64
import time

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
        "p=%7B%22cvc%22%3A%22737%22%7D",
        "p=%3Ccvc%3E737%3C%2Fcvc%3E",
        "p=%7b%22n%22:1%2c%22cvc%22:%20737%7d",
        '{"p":"{\\u0022cvc\\u0022:\\u0022737\\u0022}"',
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


# How a partner may echo a code: the whole text, and what it should be.
ECHOES = [
    ('{"cvc": "737"}', '{"cvc": "0"}'),
    ('{"cvc": 7371, "n": "7"}', '{"cvc": 0, "n": "7"}'),
    ('{"cvc": "\\u00373\\u0037"}', '{"cvc": "0"}'),
    ("<a><CVC>&#55;&#51;&#55;</CVC></a>", "<a><CVC>0</CVC></a>"),
    ("<a><x:cvc>&#x37;&#x033;7</x:cvc></a>", "<a><x:cvc>0</x:cvc></a>"),
    ("<a cvc = '737'/>", "<a cvc = '0'/>"),
    ('<cvc len="004"><![CDATA[737]]></cvc>', '<cvc len="0"><![CDATA[0]]></cvc>'),
    ("<e>cvc 737 ist falsch: Gr\u00fc\u00dfe \u4e2d\u6587 \U0001f600</e>", None),
    ("\u4e2d" * 300 + " cvc: 737\u3030", None),
    ('{"cvc": "737\\u003c"}', '{"cvc": "0\\u003c"}'),
    ('{"cvc": "", "a": "\\u003c\\u1234 %2012", "b": "12345&#1234;"}', None),
    ("cvc=%20737&a=412", "cvc=%200&a=412"),
    ("cvc=737%3D&cvc=737&#160;", "cvc=0%3D&cvc=0&#160;"),
    ("a=1&card%5Bcvc%5D=737&b=%37", "a=1&card%5Bcvc%5D=0&b=%37"),
]
CODECS = ["utf-8", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("text", "left"), ECHOES)
@pytest.mark.parametrize("declared", ["", '<?xml version="1.0" encoding="UTF-16"?>'])
def test_p03_a_code_is_blanked_in_every_encoding(codec, text, left, declared):
    text = declared + text
    left = text.replace("737", "0") if left is None else declared + left
    if codec == "latin-1":
        body, blank = (one.encode(codec, "xmlcharrefreplace") for one in (text, left))
    elif codec == "utf-32-be":
        body, blank = (f"\ufeff{one}".encode(codec) for one in (text, left))
    else:
        body, blank = text.encode(codec), left.encode(codec)
    assert blank_codes(body, {"cvc"}) == blank


@pytest.mark.parametrize("before", [b"--b\r\n\r\n", b"\0", b"a", b"\xff\xfe\0\0\xff\xff\xff\xff"])
@pytest.mark.parametrize("after", [b"", b"\0", b"z"])
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_p03_a_code_is_blanked_wherever_its_text_begins(before, after, codec):
    """In a part of another document, behind an odd number of bytes, before a half of a sign."""
    body = before + "cvc=737;\ud800 7".encode(codec, "surrogatepass") + after
    left = before + "cvc=0;\ud800 7".encode(codec, "surrogatepass") + after
    assert blank_codes(body, {"cvc"}) == left


def test_p15_what_is_no_code_keeps_its_bytes():
    for body in (b"\0\xd8 cvc \0\xdc7", b"\xff\xfe\0\0\0\0\x11\0\0\0\x12\0", bytes(range(256)) * 3):
        assert blank_codes(body, {"cvc"}) == body


def test_p21_a_zero_byte_hides_no_code():
    assert b"737" not in without_codes(
        b"<a>\0<SeriesCode>737</SeriesCode>", SITEMINDER, USUAL_NAMES
    )
    late = ("\u4e2d" * 300 + " cvv 737").encode("utf-16-be")
    assert without_codes(late, SITEMINDER, USUAL_NAMES) is None


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


def test_p33_a_long_word_is_gone_through_once():
    """A prefix that was looked for from each of its own letters took ten seconds for a tenth of it."""
    begun = time.process_time()
    for word in (b"a.", b"a-", b"ab"):
        assert blank_codes(word * 200_000 + b":cvc=123", {"cvc"}).endswith(b":cvc=0")
    assert time.process_time() - begun < 4


def test_p03_no_code_is_hidden_by_where_it_stands_in_a_long_body():
    """Long ones are gone through in pieces; name and code may lie across the end of one."""
    for code in (b"987", b"&#0057;&#0056;&#0055;"):
        for before in range((1 << 14) - 130, (1 << 14) + 10):
            body = b" " * before + b"<ns:cvc>" + code + b"</ns:cvc> cvc=" + code
            assert blank_codes(body, {"cvc"}) == body.replace(code, b"0")


def test_p33_many_names_without_a_code_are_gone_through_once():
    """Each looked for a code of its own: 12 s for two megabytes."""
    seconds = []
    for body in (b"cvv " * 100_000, b'"a",' * 100_000):
        began = time.thread_time()
        assert blank_codes(body, USUAL_NAMES) == body
        seconds.append(time.thread_time() - began)
    assert seconds[0] < 3 * seconds[1]


FLAT = load_pack_text("""
system: flat
about: a card of any name
shapes: { card: { format: json, card: ., number: gnum, cvc: gcode } }
routes: [{ name: pull, to: "https://a.example/", methods: [GET], response: { tokenize: card } }]
""", "flat").routes[0].shapes  # fmt: skip


@pytest.mark.parametrize("name", [r"g\u0063ode", r"\u0047CODE", r"x\"g\u0063ode", r"gcod\u0065"])
def test_p21_a_name_in_escapes_is_a_codes_all_the_same(name):
    known = '"' in name
    for blanks in (" ", "\n" + " " * 40):
        cut = f'{{"a": 1, "{name}"{blanks}: "987", '.encode()
        assert without_codes(cut, FLAT) == (cut if known else None)


def test_p21_so_is_one_in_json_within_a_text():
    inner = rb'{"p": "{\u0022%b\u0022: \u0022987\u0022}"'
    assert without_codes(inner % rb"g\u0063ode", FLAT) is None
    assert without_codes(inner % b"gcode", FLAT) == (inner % b"gcode").replace(b"987", b"0")


def test_p33_many_quotes_take_no_long_search():
    """Whoever pushes what can not be read would stop all others meanwhile: 4 s for a megabyte, once."""
    body = rb"\u" + rb"\"" * 500_000
    began = time.process_time()
    assert without_codes(body, FLAT) == body
    assert time.process_time() - began < 2


FORM_OR_XML = load_pack_text("""
system: either
about: JSON in base64 in a form, or XML
shapes:
  form: { envelope: { format: form, at: x, as: base64 }, format: json, card: $, number: gnum, cvc: gcode }
  xml: { format: xml, card: //C, number: Num, cvc: Zed }
routes: [{ name: push, at: /x, forward: "{pms}/x", methods: [POST], request: { tokenize: [form, xml] } }]
""", "either").routes[0].shapes  # fmt: skip


@pytest.mark.parametrize(
    ("inner", "left"),
    [
        (b'{"gnum": "4111111111111111", "gcode": "987"}', b'{"gnum": "4111111111111111"}'),
        (b'{"gcode": "987"', None),
    ],
)
def test_p21_a_form_that_begins_as_xml_is_looked_into(inner, left):
    def form(text):
        return b"<a=1&x=" + base64.b64encode(text).replace(b"=", b"%3D")

    assert without_codes(form(inner), FORM_OR_XML) == (None if left is None else form(left))
