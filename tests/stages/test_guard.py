"""What leaves towards a side that may not see cards: the matrix of disguises and places (P11)."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cards.scan import find_cards
from gateway.codecs import open_document
from gateway.codecs.edits import apply_edits
from gateway.errors import CardDisguised
from gateway.headers import Headers
from gateway.stages import guard
from gateway.stages.guard import guard_body, guard_headers, guard_text, is_text, may_pass_unparsed

PLAUSIBLE = "4111111111111111"
KNOWN = "4444444444444444"  # fails Luhn: only this exchange knows it for a card
ALIAS = "tok_77_AbCdEfGhIjKlM"
PUT_IN = {KNOWN: ALIAS}
MASKED = "411111******1111"


def all_of(spelling):
    return lambda number: "".join(spelling(digit) for digit in number).encode()


def grouped(separator):
    return lambda number: separator.join(number[i : i + 4] for i in range(0, 16, 4)).encode()


VIEWS = {
    "plain": str.encode,
    "spaces": grouped(" "),
    "dashes": grouped("-"),
    "dots": grouped("."),
    "nbsp": grouped("\u00a0"),
    "thin": grouped("\u2009"),
    "decimal": all_of(lambda d: f"&#{ord(d)};"),
    "hex": all_of(lambda d: f"&#x{ord(d):X};"),
    "escape": all_of(lambda d: f"\\u{ord(d):04x}"),
    "escape_twice": all_of(lambda d: f"\\\\u{ord(d):04x}"),
    "percent": all_of(lambda d: f"%{ord(d):02X}"),
    "percent_space": grouped("%20"),
    "plus": grouped("+"),
    "wide": all_of(lambda d: chr(0xFF10 + int(d))),
    "wide_reference": all_of(lambda d: f"&#{0xFF10 + int(d)};"),
    "base64": lambda number: base64.b64encode(number.encode()),
    "base64url": lambda number: base64.urlsafe_b64encode(b"??>" + number.encode()).rstrip(b"="),
    "mixture": lambda n: (
        f"&#{ord(n[0])};{n[1:4]}-%{ord(n[4]):x}{n[5:8]}-{n[8:12]}-{n[12:]}".encode()
    ),
}
SPLITS = {
    "comment": lambda n: f"{n[:4]}<!-- x -->{n[4:]}".encode(),
    "cdata": lambda n: f"{n[:4]}<![CDATA[{n[4:8]}]]>{n[8:]}".encode(),
    "instruction": lambda n: f"{n[:4]}<?x y?>{n[4:]}".encode(),
}

# place: (format, before, after, views that make sense there, the outcome)
EVERY = set(VIEWS)
IN_JSON = EVERY - {"mixture"} | {"mixture"}
PLACES = {
    "xml attribute": ("xml", b'<a b="', b'"/>', EVERY, "replaced"),
    "xml text": ("xml", b"<a>", b"</a>", EVERY | set(SPLITS), "replaced"),
    "cdata": ("xml", b"<a><![CDATA[", b"]]></a>", EVERY, "replaced"),
    "comment": ("xml", b"<a><!-- ", b" --></a>", EVERY, "replaced"),
    "instruction": ("xml", b"<a><?x ", b" ?></a>", EVERY, "replaced"),
    "attribute name": ("xml", b"<a x", b'="1"/>', {"plain", "dashes", "dots"}, "refused"),
    "tag name": ("xml", b"<x", b"/>", {"plain", "dashes", "dots"}, "refused"),
    "json string": ("json", b'{"a":"', b'"}', EVERY, "replaced"),
    "json key": ("json", b'{"', b'":1}', EVERY, "refused"),
    "json number": ("json", b'{"a": ', b', "b": 1}', {"plain"}, "replaced"),
    "json number in a list": ("json", b"[", b"]", {"plain"}, "replaced"),
    "form value": ("form", b"x=1&a=", b"&b=2", EVERY - {"decimal", "hex", "wide_reference", "mixture"}, "replaced"),
    "form name": ("form", b"x=1&", b"=2", EVERY - {"decimal", "hex", "wide_reference", "mixture"}, "refused"),
    "html": (None, b"<html><p>Paid with ", b"<br></html>", EVERY | set(SPLITS), "replaced"),
    "text": (None, b"Paid with ", b". Bye", EVERY | set(SPLITS), "replaced"),
}  # fmt: skip
MATRIX = [
    pytest.param(place, view, number, id=f"{place}-{view}-{kind}")
    for place, (_, _, _, views, _) in PLACES.items()
    for view in sorted(views)
    for kind, number in (("plausible", PLAUSIBLE), ("known", KNOWN))
]


def outcome(place, view):
    return "refused" if view.startswith("base64") else PLACES[place][4]


@pytest.mark.parametrize(("place", "view", "number"), MATRIX)
def test_p11_matrix(place, view, number):
    format, before, after, _, _ = PLACES[place]
    body = before + {**VIEWS, **SPLITS}[view](number) + after
    if outcome(place, view) == "refused":
        with pytest.raises(CardDisguised):
            guard_body(body, format, PUT_IN)
        return
    guarded = guard_body(body, format, PUT_IN)
    assert find_cards(guarded.body, known=PUT_IN) == []
    assert guarded.body == apply_edits(body, guarded.edits).body
    assert guarded.body.startswith(before.rstrip())
    assert guarded.body.endswith(after)
    if number == KNOWN:
        assert (guarded.masked, guarded.echoed) == (0, 1)
        assert ALIAS.encode() in guarded.body
    else:
        assert (guarded.masked, guarded.echoed) == (1, 0)
        assert guarded.body.count(b"*") == 6
    if view == "plain":
        assert (ALIAS if number == KNOWN else MASKED).encode() in guarded.body
    if format:
        open_document(format, guarded.body)


def test_p11_json_numbers_become_strings():
    body = b'{"a": 4111111111111111, "b":[-4444444444444444 , 4111111111111111.0]}'
    guarded = guard_body(body, "json", PUT_IN)
    assert json.loads(guarded.body) == {"a": MASKED, "b": ["-" + ALIAS, MASKED + ".0"]}
    assert (guarded.masked, guarded.echoed) == (2, 1)


def test_p11_a_string_that_looks_like_json():
    body = b'{"a": "x, 4111111111111111, y \\" : 4111111111111111"}'
    guarded = guard_body(body, "json", {})
    assert json.loads(guarded.body) == {"a": f'x, {MASKED}, y " : {MASKED}'}


def test_p11_two_known_in_one_literal():
    body = b'{"a": 44444444444444444444444444444444}'
    assert json.loads(guard_body(body, "json", PUT_IN).body) == {"a": ALIAS + ALIAS}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("number", "shown"), [(PLAUSIBLE, MASKED), (KNOWN, ALIAS)])
def test_p11_text_and_headers(view, number, shown):
    value = VIEWS[view](number)
    headers = Headers([(b"X-Note", b"a " + value), (b"Server", b"nginx")])
    path = f"/pay/{value.decode()}?card={value.decode()}&x=1"
    if view.startswith("base64"):
        with pytest.raises(CardDisguised):
            guard_headers(headers, PUT_IN)
        with pytest.raises(CardDisguised):
            guard_text(path, PUT_IN)
        return
    assert guard_headers(headers, PUT_IN) == 1
    assert find_cards(headers.fields[0][1], known=PUT_IN) == []
    assert headers.fields[1] == (b"Server", b"nginx")
    guarded, count = guard_text(path, PUT_IN)
    assert count == 2
    assert find_cards(guarded.encode(), known=PUT_IN) == []
    assert guarded.startswith("/pay/")
    assert guarded.endswith("&x=1")
    if view == "plain":
        assert guarded == f"/pay/{shown}?card={shown}&x=1"


def test_p11_header_names():
    with pytest.raises(CardDisguised):
        guard_headers(Headers([(b"X-4111111111111111", b"1")]), {})
    clean = [(b"A", b"4111"), (b"B", b"1111"), (b"C", b"1111"), (b"D", b"1111")]
    headers = Headers(clean)
    assert guard_headers(headers, {}) == 0
    assert list(headers) == clean


def test_p15_clean_text_is_the_same_object():
    text, body = "caf\u00e9 2013-03-12", b'{"a": 1}'
    assert guard_text(text, PUT_IN) == (text, 0)
    assert guard_body(body, "json", PUT_IN).body is body
    assert guard_text("\udce9 4111111111111111", {}) == ("\udce9 " + MASKED, 1)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(
    "spelled", ["4111111111111111", "&#52;111-1111-1111-1111", "4444444444444444"]
)
def test_p11_wide_encodings(encoding, spelled):
    text = (
        f'<?xml version="1.0" encoding="UTF-16"?><a b="{spelled}">\u0413\u043e\u0441\u0442\u044c</a>'
        + "<c/>" * 0
    )
    body = text.encode(encoding)
    guarded = guard_body(body, "xml" if encoding == "utf-16" else None, PUT_IN)
    back = guarded.body.decode(encoding)
    assert find_cards(back.encode(), known=PUT_IN) == []
    assert "\u0413\u043e\u0441\u0442\u044c" in back
    assert back.endswith("</a>")
    assert guarded.masked + guarded.echoed == 1


def test_p11_wide_names_are_refused():
    body = '<?xml version="1.0" encoding="UTF-16"?><x4111111111111111/>'.encode("utf-16")
    with pytest.raises(CardDisguised):
        guard_body(body, "xml", {})
    clean = '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16")
    assert guard_body(clean, "xml", {}).body is clean


def test_p11_what_claims_to_be_wide_and_is_not():
    odd = b"\xff\xfe" + "4111111111111111".encode("utf-16-le") + b"\x00"
    with pytest.raises(CardDisguised):
        guard_body(odd, None, {})
    harmless = b"\xff\xfex"
    assert guard_body(harmless, None, {}).body is harmless
    binary = bytes(range(256)) * 4
    assert guard_body(binary, None, {}).body is binary


def test_what_a_rule_calls_no_card():
    other = "5555555555554444"
    body = f'{{"id": "{PLAUSIBLE}", "echo": "{KNOWN}", "c": "{other}"}}'.encode()
    guarded = guard_body(body, "json", PUT_IN, {PLAUSIBLE})
    assert json.loads(guarded.body) == {"id": PLAUSIBLE, "echo": ALIAS, "c": "555555******4444"}
    # What this exchange put in is a card wherever it stands.
    assert guard_body(body, "json", PUT_IN, {PLAUSIBLE, KNOWN, other}).echoed == 1
    wide = body.decode().encode("utf-16-le")
    guarded = guard_body(wide, "json", PUT_IN, {PLAUSIBLE})
    assert json.loads(guarded.body.decode("utf-16-le"))["id"] == PLAUSIBLE


def test_a_wrong_label_is_text():
    assert (
        guard_body(b"<html><br>4111111111111111", "json", {}).body == f"<html><br>{MASKED}".encode()
    )
    assert guard_body(b"<html><br>4111111111111111", "xml", {}).masked == 1


def test_p11_doctype_is_refused():
    from gateway.errors import GatewayError

    with pytest.raises(GatewayError):
        guard_body(b'<!DOCTYPE a SYSTEM "4111111111111111"><a/>', "xml", {})


def test_p11_what_is_still_there_is_refused(monkeypatch):
    monkeypatch.setattr(guard, "_masked", lambda one: [])
    with pytest.raises(CardDisguised):
        guard_body(b"4111111111111111", None, {})


def test_p11_what_breaks_the_format_is_refused():
    with pytest.raises(CardDisguised):
        guard_body(b'<a b="4444444444444444"/>', "xml", {KNOWN: 'tok"'})


def test_interleaved_numbers():
    body = b"<a>4111<!-- 4444444444444444 -->1111 11111111</a>"
    guarded = guard_body(body, "xml", PUT_IN)
    assert (guarded.masked, guarded.echoed) == (1, 1)
    assert ALIAS.encode() + b" -->" in guarded.body


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        (b"<html><body>Bad gateway</body></html>", True),
        (b"", True),
        ("Ungültig".encode("latin-1"), True),
        ("error".encode("utf-16"), True),
        (b"\xff\xfex", False),
        (b"\x00\x01binary", False),
        (b"x" * (64 * 1024 + 1), False),
        (b"<PaymentCard", False),
        (b"<payment_card", False),
        (b"PAYMENTCARD", False),
        (b"<Payment&#67;ard", False),
        (b"\\u0050aymentCard", False),
        (b"%50aymentCard", False),
        (b"&lt;PaymentCard", False),
        ("PaymentCard".encode("utf-16"), False),
        (b"your payment card was declined", True),
        (b"id 123456789012", False),
        (b"id 1234 5678 9012", False),
        (b"id 12345678901", True),
        (base64.b64encode(b"123456789012345"), False),
    ],
)
def test_p11_may_pass_unparsed(body, passes):
    assert may_pass_unparsed(body, {"PaymentCard"}) is passes


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        (b'{"gcode":"987", ', False),
        (b'{"G-Code" : 9871, ', False),
        (b'{"g\\u0063ode":"987", ', False),
        (b"<a>&nbsp;<gcode>987</gcode></a>", False),
        (b"<a>&nbsp;<gcode v='x'><![CDATA[987]]></gcode>", False),
        ('{"gcode":"987"'.encode("utf-16"), False),
        (b"<h1>Error code</h1>&nbsp;<p>Try gcode again", True),
        (b"<h1>gcode 12</h1>", True),
        (b"<h1>gcode 98765</h1>", True),
        (b'{"gcode":"9 8 7", ', False),
        (b'{"gcode":"9-8-7", ', False),
        (b"gcode: 9 / 8 / 7 / 1", False),
        (b"gcode 9&nbsp;8&nbsp;7", False),
        (b"gcode of 1 of 2 of 3", True),
        (b"gcode 1 2", True),
    ],
)
def test_p11_what_has_a_code_behind_its_name_may_not_pass_unparsed(body, passes):
    assert may_pass_unparsed(body, {"PaymentCard"}, {"gcode"}) is passes


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=200).filter(
        lambda text: not find_cards(text.encode("utf-8", "replace"), known=PUT_IN)
    )
)
def test_p15_without_a_card_nothing_changes(text):
    body = text.encode("utf-8", "replace")
    for format in ("xml", "json", "form", None):
        assert guard_body(body, format, PUT_IN).body is body or KNOWN.encode() in body


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(set(VIEWS) - {"base64", "base64url"})),
    st.text(st.characters(exclude_categories=["N", "Cs", "Z", "P", "C", "S"]), max_size=20),
    st.sampled_from([PLAUSIBLE, KNOWN]),
)
def test_p03_p15_only_the_card_changes(view, around, number):
    value = VIEWS[view](number)
    body = json.dumps({"a": around}, ensure_ascii=False).encode()[:-2] + b" " + value + b' "}'
    guarded = guard_body(body, "json", PUT_IN)
    assert guarded.masked + guarded.echoed == 1
    begin = body.index(value)
    assert guarded.body[:begin] == body[:begin]
    assert guarded.body.endswith(b' "}')
    assert all(begin <= edit.start and edit.end <= begin + len(value) for edit in guarded.edits)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", True),
        (b"<html>\r\n\t\x0c</html>", True),
        ("Reserva de Núñez".encode("latin-1"), True),
        ("<a>中</a>".encode("utf-16"), True),
        (b"%PDF-1.7\n\x00\x01stream", False),
        (b"PK\x03\x04" + b"a" * 3_000_000, False),
        (b"a" * 3_000_000 + b"\x00", False),
    ],
)
def test_p11_a_picture_or_an_archive_is_no_text(body, text):
    assert is_text(body) is text
