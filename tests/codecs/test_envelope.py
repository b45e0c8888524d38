from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs import open_document
from gateway.codecs.document import Add, Element, Insert, Members, Remove, Set
from gateway.codecs.edits import Spliced, apply_edits
from gateway.codecs.embedded import difference
from gateway.codecs.envelope import Envelope, Layout, contents_of, open_layout
from gateway.codecs.paths import parse_path
from gateway.errors import MessageForbidden, MessageMalformed, MessageUnfit
from tests.codecs.test_json_properties import check_edits
from tests.codecs.wrapping import CODINGS, KINDS, envelope, unwrap, wrap

LAYERS = st.lists(
    st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from(sorted(CODINGS))),
    min_size=1,
    max_size=3,
)
# What XML can hold. A carriage return alone is read as a line end, which no inner document minds.
TEXTS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x1F9FF, exclude_characters="\ufffe\uffff",
                  exclude_categories=["Cs"]),
    max_size=12,
)  # fmt: skip
XML = Layout("xml")
NUMBER = "4111111111111111"


def path(text, form="xml"):
    return parse_path(text, form)


def wrapped(inner, layers, source):
    """The message, and its envelopes, the outermost first."""
    for place, (kind, coding) in reversed(list(enumerate(layers))):
        inner = wrap(inner, kind, coding, source, is_text=is_text(layers, place))
    return inner, tuple(envelope(kind, coding) for kind, coding in layers)


def unwrapped(body, layers):
    for place, (kind, coding) in enumerate(layers):
        body = unwrap(body, kind, coding, is_text=is_text(layers, place))
    return body


def is_text(layers, place):
    return place > 0 and layers[place - 1][1] == "text"


def escaped(text):
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    )


@settings(deadline=None, max_examples=300)
@given(LAYERS, TEXTS, st.randoms(use_true_random=True))
def test_p15_xml_in_envelopes_changes_where_it_changes(layers, text, source):
    before = f"<r>\n <c n='{NUMBER}' code=\"123\"><h>{escaped(text)}</h></c ><!-- {NUMBER} --></r>"
    body, envelopes = wrapped(before.encode(), layers, source)
    document = open_layout(Layout("xml", envelopes), body)
    [card] = document.select(path(".//c"))
    [holder] = document.select(path("h"), card)
    assert document.text(holder) == text
    [number] = document.select(path("@n"), card)
    [code] = document.select(path("@code"), card)
    assert document.splice([]) == Spliced(body, [])
    spliced = document.splice(
        [
            Set(number, "411111******1111"),
            Remove(code),
            Add(card, path("@token"), number, "a<b"),
            Insert(card, Element("t", text="{alias}"), {"alias": "tok&1"}),
        ]
    )
    after = (
        before.replace(NUMBER, "411111******1111", 1)
        .replace(' code="123"', "")
        .replace("1111' ", "1111' ", 1)
        .replace("******1111'", '******1111\' token="a&lt;b"')
        .replace("</h>", "</h><t>tok&amp;1</t>")
    )
    assert unwrapped(spliced.body, layers) == after.encode()
    check_edits(body, spliced) if not body.startswith((b"\xff\xfe", b"\xfe\xff")) else None
    document.close()


@settings(deadline=None, max_examples=200)
@given(LAYERS, TEXTS, st.randoms(use_true_random=True))
def test_p15_json_in_envelopes_changes_where_it_changes(layers, text, source):
    before = f'{{"h": {json.dumps(text)}, "pay": {{ "n": {NUMBER}, "cvc": "123" }}, "z": 1.50 }}'
    body, envelopes = wrapped(before.encode(), layers, source)
    document = open_layout(Layout("json", envelopes), body)
    [card] = document.select(path("$.pay", "json"))
    [number] = document.select(path("n", "json"), card)
    [code] = document.select(path("cvc", "json"), card)
    spliced = document.splice(
        [
            Set(number, "411111******1111"),
            Remove(code),
            Insert(card, Members((("token", "{alias}"),)), {"alias": 'tok"1'}),
        ]
    )
    after = before.replace(NUMBER, '"411111******1111"').replace(', "cvc": "123"', "")
    after = after.replace('1111" }', '1111", "token": "tok\\"1" }')
    assert unwrapped(spliced.body, layers) == after.encode()


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_difference_makes_one_of_the_other(old, new):
    assert apply_edits(old, difference(old, new)).body == new
    assert len(difference(old, new)) == (old != new)


def test_p15_what_no_change_names_keeps_its_spelling():
    body = b"a=%3c&xml=%3cc+n%3d%224111111111111111%22%20x%3D%27%c3%a9%27/%3e&b=%3c"
    document = open_layout(Layout("xml", (Envelope("form", path("xml", "form")),)), body)
    [number] = document.select(path("/c/@n"))
    spliced = document.splice([Set(number, "tok_1_a")])
    assert spliced.body == body.replace(NUMBER.encode(), b"tok_1_a")
    assert [(edit.start, edit.end) for edit in spliced.edits] == [
        (body.index(b"4111"), body.index(b"4111") + 16)
    ]


def test_p15_an_envelope_without_a_change_keeps_its_base64():
    inner = b"eyJuIjogIjQxMTExMTExMTExMTExMTEifQ=="  # {"n": "4111111111111111"}
    body = b'[{"d": "' + inner + b'"}, {"d": "' + inner + b'"}, {"d": ""}, {"d": null}]'
    layout = Layout("json", (Envelope("json", path("$[*].d", "json"), "base64"),))
    document = open_layout(layout, body)
    numbers = document.select(path("$.n", "json"))
    assert [document.text(node) for node in numbers] == [NUMBER] * 2
    spliced = document.splice([Set(numbers[1], "x")])
    assert spliced.body.count(inner) == 1
    assert spliced.body.index(inner) < 20


@pytest.mark.parametrize("declared", ["utf-16", "ISO-8859-1", "shift_jis"])
def test_text_in_text_is_signs_whatever_it_declares(declared):
    inner = f'<?xml version="1.0" encoding="{declared}"?><c h="Zoë" n="1"/>'
    body = json.dumps({"x": inner}, ensure_ascii=False).encode()
    document = open_layout(Layout("xml", (Envelope("json", path("$.x", "json")),)), body)
    [holder] = document.select(path("/c/@h"))
    assert document.text(holder) == "Zoë"
    assert document.splice([Set(holder, "Chloë")]).body == body.replace(
        "Zoë".encode(), b"Chlo&#235;"
    ) or (
        json.loads(document.splice([Set(holder, "Chloë")]).body)["x"]
        == inner.replace("Zoë", "Chloë")
    )


def test_bytes_in_base64_are_what_they_declare():
    inner = '<?xml version="1.0" encoding="ISO-8859-1"?><c h="Zoë"/>'.encode("latin-1")
    body = b"x=" + base64.b64encode(inner).replace(b"=", b"%3D")
    layout = Layout("xml", (Envelope("form", path("x", "form"), "base64"),))
    document = open_layout(layout, body)
    assert document.text(document.select(path("/c/@h"))[0]) == "Zoë"


LAYOUT_JSON = Layout("xml", (Envelope("json", path("$.x", "json")),))
LAYOUT_64 = Layout("json", (Envelope("json", path("$.x", "json"), "base64"),))
LAYOUT_URL = Layout("json", (Envelope("json", path("$.x", "json"), "base64url"),))
LAYOUT_FORM = Layout("xml", (Envelope("form", path("x", "form")),))
LAYOUT_XML = Layout("xml", (Envelope("xml", path("//x")),))


@pytest.mark.parametrize(
    ("layout", "body", "refusal"),
    [
        (LAYOUT_JSON, b'{"x": "<c>"}', MessageMalformed),
        (LAYOUT_JSON, b'{"x": {"y": 1}}', MessageForbidden),
        (LAYOUT_JSON, b'{"x": 4111111111111111}', MessageForbidden),
        (LAYOUT_JSON, b'{"x": "<c/>", "x": "<c/>"}', MessageForbidden),
        (LAYOUT_JSON, b'{"x": "<!DOCTYPE c [<!ENTITY e \'4111\'>]><c>&e;</c>"}', MessageForbidden),
        (LAYOUT_64, b'{"x": "eyJh*"}', MessageMalformed),
        (LAYOUT_64, b'{"x": "eyJhI"}', MessageMalformed),
        (LAYOUT_64, b'{"x": "e30_"}', MessageMalformed),
        (LAYOUT_URL, b'{"x": "e30+"}', MessageMalformed),
        (LAYOUT_64, b'{"x": "e31="}', MessageForbidden),  # a bit behind the end
        (LAYOUT_64, b'{"x": "e3\\n0\\n="}', MessageForbidden),  # a line end where no line ends
        (LAYOUT_FORM, b"x=%3cc/%3", MessageMalformed),
        (LAYOUT_FORM, b"x=%3cc/%3e&x=%3cc/%3e", MessageForbidden),
        (LAYOUT_XML, b"<r><x>&lt;c/><!-- --></x></r>", MessageForbidden),
        (LAYOUT_XML, b"<r><x><c/></x></r>", MessageForbidden),
    ],
)
def test_p12_p13_what_could_be_read_in_two_ways_is_refused(layout, body, refusal):
    with pytest.raises(refusal):
        open_layout(layout, body)


@pytest.mark.parametrize(
    "body", [b'{"x": ""}', b'{"x": null}', b'{"x": " \\n"}', b"{}", b'{"y": "<c/>"}']
)
def test_an_envelope_may_be_empty(body):
    document = open_layout(LAYOUT_JSON, body)
    assert document.select(path("//c")) == []
    assert document.select(path("."), document.root) == []
    assert document.instead(document.root) == ()
    assert document.splice([]) == Spliced(body, [])
    with pytest.raises(MessageForbidden):
        document.text(document.root)


def test_p15_a_cdata_section_can_not_be_ended():
    body = b'<r><x><![CDATA[{"n": "1]]", "m": "2"}]]></x></r>'
    layout = Layout("json", (Envelope("xml", path("//x")),))
    document = open_layout(layout, body)
    [number] = document.select(path("$.n", "json"))
    [other] = document.select(path("$.m", "json"))
    with pytest.raises(MessageUnfit):
        document.splice([Set(number, "]]>")])
    assert document.splice([Set(other, "tok")]).body == body.replace(b'"2"', b'"tok"')


def test_p16_nothing_that_holds_a_card_shows_it():
    body = b'{"x": "<c n=\'4111111111111111\'/>"}'
    outer = open_document("json", body)
    [content] = contents_of(outer, LAYOUT_JSON.envelopes[0])
    document = open_layout(LAYOUT_JSON, body)
    nodes = document.select(path("/c/@n"))
    shown = repr(
        [content, content.embedded, document, nodes, document.splice([Set(nodes[0], "x")])]
    )
    assert "4111" not in shown


def test_several_messages_in_one_envelope_are_bookings_of_their_own():
    inner = "<b><c n='1'/></b>"
    body = json.dumps({"list": [inner, inner]}).encode()
    layout = Layout("xml", (Envelope("json", path("$.list[*]", "json")),))
    document = open_layout(layout, body)
    assert len(document.select(path("."))) == 2
    bookings = document.select(path("/b"))
    [second] = document.select(path("//c"), bookings[1])
    spliced = document.splice([Set(document.select(path("@n"), second)[0], "9")])
    assert json.loads(spliced.body)["list"] == [inner, inner.replace("1", "9")]
    [first] = document.select(path("c"), bookings[0])
    with pytest.raises(MessageUnfit):
        document.splice([Add(first, path("@x"), second, "1")])
