"""A processor's file: every mistake told with its line, and values that stay one value."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.cards.token import Token
from gateway.codecs.xml import parse_fragment
from gateway.errors import ConfigurationError, MessageUnfit, OrderIncomplete
from gateway.processors.currency import EXPONENTS, decimal, rescaled
from gateway.processors.load import load_processor_text, load_processors
from gateway.processors.model import Initiator, Operation
from gateway.processors.schema import json_schema
from gateway.processors.template import (
    FormBody,
    JsonBody,
    XmlBody,
    parse_template,
    write_body,
    write_header,
    write_url,
)
from gateway.processors.values import Merchant, values_of
from gateway.secret import Secret
from tests.processors.orders import order
from tests.running import ROOT

TOKEN = Token(7, "Example000001", test=True)
FILE = """\
processor: simple
about: An example
source: nobody's
credentials: [key]
headers: { Authorization: "Bearer {credential.key}" }
operations:
  debit:
    post: https://api.example.com/v1/pay/{reference}
    json: { amount: "{amount:number}", card: "{token}", note: "{booking}" }
    answer: paid
answers:
  paid:
    id: id
    ends:
      - { http: 200, where: { status: ok }, as: succeeded }
"""


def told(text):
    with pytest.raises(ConfigurationError) as caught:
        load_processor_text(text, "simple.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_it_is_read():
    rules = load_processor_text(FILE, "simple.yaml")
    (request,) = rules.operations[Operation.DEBIT]
    assert (rules.name, rules.credentials, request.method) == ("simple", ("key",), "POST")
    assert str(request.authority) == "https://api.example.com"
    assert str(request.path) == "/v1/pay/{reference}"


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("    answer: paid", "    anwser: paid", "simple.yaml:10:5: unknown key `anwser`; did you mean `answer`?"),
        ("answer: paid", "answer: payed", "simple.yaml:10:13: unknown answer `payed`; did you mean `paid`?"),
        ("{reference}", "{referense}", "simple.yaml:8:11: unknown place `{referense}`; did you mean `reference`?"),
        ("credential.key}", "credential.kye}", "simple.yaml:5:27: unknown place `{credential.kye}`"),
        ('"{booking}"', '"{kept.card}"', "simple.yaml:9:63: unknown place `{kept.card}`"),
        ('"{booking}"', '"{booking"', "simple.yaml:9:63: `{booking`: a place is written"),
        ('"{booking}"', '"no {amount:number}"', "a number is the whole value"),
        ("as: succeeded", "as: success", "simple.yaml:15:49: `as` must be"),
        ("as: succeeded", "as: refunded", "simple.yaml:10:13: `debit` can not end as `refunded`"),
        ("as: succeeded }", "as: absent }", "simple.yaml:10:13: `debit` can not end as `absent`"),
        ("as: succeeded", "as: declined", "nothing in `paid` says that `debit` went well"),
        ("http: 200, where: { status: ok }, ", "", "say when it is so"),
        ("status: ok", "'status[': ok", "is not a path in json"),
        ("https://api", "http://api", "must be a whole URL: https://"),
        ("https://api.example.com", "https://{reference}", "must be a whole URL: https://"),
        ("{reference}", "{token}", "can not stand in a URL"),
        ("{reference}", "{credential.key}", "can not stand in a URL"),
        ("Authorization:", "Host:", "`Host` is written by the gateway"),
        ("Bearer {credential.key}", "{token.tokenuser}", "goes into the body"),
        ("    post:", "    get: https://a.example/\n    post:", "give one of `get`, `post`"),
        ("    answer: paid", "    form: { a: b }\n    answer: paid", "a request has one body"),
        ("    answer: paid", "    also: [{ json: { a: b } }]\n    answer: paid", "say when it is sent"),
        ("    answer: paid", "    also: [{ exemption: moto, form: { a: b } }]\n    answer: paid", "own body is no `form:`"),
        ("    answer: paid", "    needs: [extra]\n    answer: paid", "unknown place `{extra}`"),
        ("    id: id", "    id: id\n    challenge: [{ kind: form, url: a }]", "a challenge of kind `form` has fields and url"),
        ("    id: id", "    id: id\n    challenge: [{ kind: redirect, url: a, back: TermUrl }]", "`back` goes with `form`"),
        ("    id: id", "    id: id\n    challenge: [{ kind: form, url: a, fields: { T: b }, back: T }]", "`back` goes with `form`"),
        ("    id: id", "    id: id\n    amount: 'sum['", "simple.yaml:14:13: `sum[` is not a path in json"),
        ("    id: id", "    id: id\n    amount: { succeeded: 'sum[' }", "simple.yaml:14:26: `sum[` is not a path in json"),
        ("    id: id", "    id: id\n    amount: { refunded: sum }", "simple.yaml:14:25: the answer never ends as `refunded`"),
        ("    id: id", "    id: id\n    amount: { declined: sum }", "simple.yaml:14:15: unknown key `declined`"),
        ("    id: id", "    id: id\n    amount: {}", "say where it stands: `authorized:`"),
        ("    id: id", "    id: id\n    currency: 'sum['", "simple.yaml:14:15: `sum[` is not a path in json"),
        ("as: succeeded }", "as: declined }\n    amount: sum", "simple.yaml:16:13: an answer that moves nothing"),
        ("    id: id", "    like: paid", "`paid` is like itself"),
        ("    id: id", "    like: piad", "unknown answer `piad`; did you mean `paid`?"),
        ("operations:\n", "operations: {}\nother:\n", "unknown key `other`"),
        ("source: nobody's", "source: nobody's\nsource: x", "simple.yaml:4"),
        ("about: An example", "about: yes", "some readers take `yes` for true or false"),
        ("credentials: [key]", "credentials: [key]\nexponents: { euro: 2 }", "a currency of ISO 4217"),
        ("credentials: [key]", "credentials: [key]\nbasic: { user: a, password: b }", "`basic` writes Authorization"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(was, now, says):
    assert was in FILE
    problems = told(FILE.replace(was, now, 1))
    assert any(says in problem for problem in problems), problems


def test_one_name_is_one_file(tmp_path):
    (tmp_path / "processors").mkdir()
    for name in ("a", "b"):
        (tmp_path / "processors" / f"{name}.yaml").write_text(FILE)
    with pytest.raises(ConfigurationError, match=r"stands in .*a\.yaml already"):
        load_processors(tmp_path)


def test_the_shipped_ones_follow_their_schema():
    schema = json_schema()
    assert set(schema["required"]) >= {"processor", "operations", "answers"}
    for path in sorted((ROOT / "rules" / "processors").glob("*.yaml")):
        assert set(yaml.safe_load(path.read_text())) <= set(schema["properties"]), path


# --- values ---------------------------------------------------------------------------------------

NASTY = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
RUDE = [
    '"}',
    "a&b=c",
    "</a><b>",
    "]]>",
    "\r\nX: y",
    "' or 1=1",
    "%2e%2e/",
    "&amp;",
    "\\u0022",
    "\x00",
    "é",
    "=1+1",
]


@given(NASTY)
def test_json_keeps_a_value_one_value(text):
    body = JsonBody({"a": {"b": [parse_template("x{booking}")]}, "c": parse_template("{extra.no}")})
    assert json.loads(write_body(body, {"booking": text})) == {"a": {"b": ["x" + text]}}


@given(NASTY)
def test_a_form_keeps_a_value_one_value(text):
    body = FormBody((("a[b]", parse_template("x{booking}")), ("c", parse_template("{extra.no}"))))
    raw = write_body(body, {"booking": text})
    assert raw.startswith(b"a[b]=")
    assert parse_qsl(raw.decode(), keep_blank_values=True) == [("a[b]", "x" + text)]


@given(NASTY)
def test_xml_keeps_a_value_one_value(text):
    body = XmlBody(parse_fragment('<a b="{booking}"><c>{booking}</c></a>'), "urn:x")
    try:
        root = ET.fromstring(write_body(body, {"booking": text}))
    except MessageUnfit:  # XML can not hold it at all
        assert any(ord(sign) < 32 or ord(sign) > 0xFFFD for sign in text)
        return
    assert (root.tag, root.get("b")) == ("{urn:x}a", text)
    assert (root[0].tag, root[0].text or "") == ("{urn:x}c", text)
    assert len(root) == 1


@pytest.mark.parametrize("text", [*RUDE, "", ".", "..", "a/b", "a b"])
def test_a_url_takes_no_such_thing(text):
    assert write_url(parse_template("/v1/{booking}?a={booking}"), {"booking": text}) is None


@pytest.mark.parametrize("text", ["a\r\nX: y", "é", "", " a", "a\x00", "a\ud800"])
def test_a_header_takes_no_such_thing(text):
    with pytest.raises(OrderIncomplete):
        write_header(parse_template("{booking}"), {"booking": text})


@pytest.mark.parametrize("text", ["1,2", "01", "1e3", "NaN", "", "1}", " 1", "--1", "٣"])
def test_a_number_is_one(text):
    body = JsonBody({"a": parse_template("{extra.id:number}", number_allowed=True)})
    with pytest.raises(OrderIncomplete):
        write_body(body, {"extra.id": text})


@pytest.mark.parametrize("text", ["0", "1050", "-3", "10.50", "123456789012345.67"])
def test_a_number_stands_there_letter_by_letter(text):
    body = JsonBody({"a": parse_template("{amount.decimal:number}", number_allowed=True)})
    assert write_body(body, {"amount.decimal": text}) == b'{"a":%s}' % text.encode()


@pytest.mark.parametrize(
    ("currency", "minor", "shown", "scaled"),
    [
        ("EUR", "1099", "10.99", "1099"),
        ("JPY", "1099", "1099", "1099"),
        ("KWD", "1099", "1.099", "1099"),
        ("CLF", "1099", "0.1099", "1099"),
        ("ISK", "1099", "1099", "109900"),  # counted otherwise by the processor
    ],
)
def test_amounts_have_their_currencys_decimals(currency, minor, shown, scaled):
    values = values_of(
        order(TOKEN, currency=currency, amount=int(minor)),
        Operation.DEBIT,
        "x",
        merchant=Merchant("m", 1),
        exponents={"ISK": 2},
        credentials={},
    )
    assert (values["amount.decimal"], values["amount"]) == (shown, scaled)


def test_what_can_not_be_said_in_a_processors_units():
    assert (rescaled(1050, 2, 1), rescaled(1055, 2, 1), rescaled(5, 0, 2)) == (105, None, 500)
    assert (decimal(5, 2), decimal(0, 3)) == ("0.05", "0.000")
    assert len(EXPONENTS) > 160


def test_what_an_order_lacks_is_no_place():
    values = values_of(
        order(TOKEN, booking=None, initiator=Initiator.DEPOSIT, extra={"zip": "1"}),
        Operation.REFUND,
        "x",
        merchant=Merchant("m", 3),
        exponents={},
        credentials={"key": Secret("s")},
    )
    assert "booking" not in values
    assert values["extra.zip"], values["credential.key"] == ("1", "s")
    assert (values["terminal"], values["initiator"], values["token"]) == (
        "3",
        "deposit",
        TOKEN.alias,
    )
