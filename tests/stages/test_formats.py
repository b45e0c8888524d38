"""Which of its rule's formats a message has: each outcome of the corpus, and no reader who finds more than we."""

from __future__ import annotations

import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.codecs.first_sign import first_sign
from gateway.errors import GatewayError, MessageUnfit
from gateway.headers import Headers
from gateway.rules.by_sign import by_first_sign, format_of, formats_of
from gateway.rules.load import load_pack_text
from gateway.stages import gate
from gateway.stages.formats import chosen, for_answer, for_request
from gateway.stages.messages import layout_of
from gateway.stages.without_codes import without_codes

CORPUS = pathlib.Path(__file__).parent.parent / "corpus" / "formats" / "told.tsv"
SHAPES = """
shapes:
  xml: { format: xml, card: //card, number: number, cvc: cvc }
  json: { format: json, card: $.card, number: number, cvc: pin }
  form: { format: form, card: $, number: card }
  multipart: { format: multipart, card: $, number: card }
  text: { format: text, card: $, number: "Card number: {}" }
"""


def route(verb, *formats, way="request", more=""):
    text = f"""
system: test
about: test
source: test
{SHAPES}
routes:
  - name: one
    to: https://example.com/**
    methods: [POST]
    {way}: {{ {verb}: [{", ".join(formats)}] {more} }}
"""
    return load_pack_text(text, "test.yaml").routes[0]


def rows():
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def headers(label):
    return Headers([(b"Content-Type", label.encode())] if label != "-" else [])


@pytest.mark.parametrize(("said", "label", "body", "outcome"), rows())
def test_p09_p13_each_message_is_read_as_its_format_or_refused(said, label, body, outcome):
    verb, *formats = said.split()
    raw = body.encode("latin-1").decode("unicode_escape").encode("latin-1")
    try:
        found = format_of(for_request(route(verb, *formats), headers(label), raw).request)
    except GatewayError as error:
        found = error.code
    assert found == outcome


def test_the_corpus_is_there():
    assert len(rows()) > 45


def test_an_answers_rule_is_that_of_its_format_alone():
    whole = route("tokenize", "json", "xml", way="response", more=", show: alias")
    assert formats_of(whole.response) == ("json", "xml")
    for body, name in ((b"<a/>", "xml"), (b"[]", "json")):
        one = for_answer(whole, headers("text/html"), body)
        assert [shape.name for shape in one.response.shapes] == [name]
        assert one.response.by_format == ()
        assert gate.gates_of(one.response)
        assert one.request is whole.request
    assert not gate.gates_of(whole.response), "of no format nobody can say that nothing is there"


def test_a_rule_of_one_format_is_left_as_it_is():
    one = route("tokenize", "json")
    assert for_request(one, headers("-"), b"<a/>") is one
    assert for_answer(one, headers("-"), b"<a/>") is one
    assert chosen(one.request, headers("-"), b"<a/>") is one.request
    assert by_first_sign(one.request, b"<a/>") is one.request


def test_no_message_is_read_by_shapes_of_two_formats():
    with pytest.raises(MessageUnfit):
        layout_of(route("tokenize", "xml", "json").request.shapes)


def test_without_a_label_a_form_is_told_by_what_it_is_not():
    rule = route("tokenize", "json", "form", "multipart").request
    told = {b"a=1": "form", b"--b\r\n": "multipart", b" {}": "json", b"<a/>": "form", b"": "form"}
    assert {body: format_of(by_first_sign(rule, body)) for body in told} == told


def _reads_as_xml(body):
    try:
        etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return False
    return True


def _reads_as_json(body):
    try:
        return isinstance(json.loads(body), dict | list)
    except (ValueError, RecursionError):
        return False


PIECES = st.sampled_from(
    [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0", b" ", b"\n", b"\x0b", b"<", b"<a/>", b"<a>", b"</a>", b"{", b"}",
     b"[", b"]", b'"', b":", b"1", b"<!--", b"-->", b"&", b"="]
)  # fmt: skip
WHOLE = st.sampled_from([
    text.encode(codec) for text in ("<a/>", '<?xml version="1.0"?><a/>', "{}", '{"a": "<b/>"}', "[1]", "\n {}")
    for codec in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
])  # fmt: skip


@given(st.one_of(st.lists(PIECES, max_size=6).map(b"".join), WHOLE))
def test_p13_no_reader_reads_what_begins_as_another_format(body):
    """Whatever lxml or Python's json take, in whatever encoding they guess, begins as what it is."""
    sign = first_sign(body)
    assert not _reads_as_xml(body) or sign == "xml"
    assert not _reads_as_json(body) or sign == "json"


CODES = [
    (b"<a><card><cvc>987</cvc></card></a>", True),
    (b'{"card": {"pin": "987"}}', True),
    (b'{"card": {"pin": 987}, ', True),  # can not be read: by the name
    (b"<card><cvc>987</cvc>", True),
    (b'x {"pin": "987"} <cvc>987</cvc>', True),
]


@pytest.mark.parametrize(("body", "gone"), CODES)
def test_p21_what_is_kept_has_no_code_in_whichever_format_it_is(body, gone):
    left = without_codes(body, route("tokenize", "xml", "json").request.shapes)
    assert left is not None
    assert (b"987" not in left) is gone


def test_p21_what_can_not_be_looked_into_is_not_kept_though_another_format_needs_nothing():
    coded = SHAPES.replace("json: { format: json,", "json: { format: json, envelope: { format: json, at: $.jwt, as: base64 },")  # fmt: skip
    shapes = load_pack_text(
        "system: test\nabout: test\nsource: test\n" + coded
        + "routes: [{ name: one, to: 'https://example.com/**', methods: [POST], request: { tokenize: [xml, json] } }]",
        "test.yaml",
    ).routes[0].request.shapes  # fmt: skip
    assert without_codes(b'{"jwt": "eyJjYXJkIjog', shapes) is None
    assert without_codes(b"what is this", shapes) is None
    assert without_codes(b"<card><cvc>987</cvc></card>", shapes) == b"<card></card>"
