"""Stubs, contracts, collections, sessions and events of other tools, read as the exchanges that they hold."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.cards.scan import find_cards
from gateway.cli import rules as command
from gateway.cli.transcript import files_of, read_stream
from gateway.cli.wrapped import reader
from gateway.errors import ConfigurationError
from tests.cli import wraps
from tests.cli.cassettes import ALL as CASSETTES
from tests.cli.wraps import (
    ALL,
    ANSWER,
    BODY,
    CARD,
    FIELDS,
    FORM,
    FORM_KIND,
    HOST,
    NUMBER,
    PATH,
    SOAPUI,
    URL,
    XML,
)

_ASKS_ALONE = (
    "Lambda",
    "Thunder",
    "Hoppscotch",
    "Insomnia",
    "Bruno",
    "Sentry",
    "SoapUI",
    "Mountebank, requests",
)
_PATH_ALONE = ("WireMock, e", "WireMock, a", "WireMock, b", "WireMock, m", "Pact", "Mountebank")


def recorded(text, name="a.json"):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(read_stream(BytesIO(raw), Path(name)))


def charge(tool):
    """The request with the card, of the messages in a tool's file."""
    return next(one for one in recorded(ALL[tool]) if one.way == "request" and one.body)


@pytest.mark.parametrize("tool", ALL)
def test_a_request_is_read_as_it_was_sent(tool):
    asked = charge(tool)
    assert (asked.method, asked.path.partition("?")[0], asked.complete) == ("POST", PATH, True)
    assert json.loads(asked.body) == CARD
    if tool.startswith(_PATH_ALONE) and tool != "Mountebank, requests":
        assert asked.authority is None
    else:
        assert str(asked.authority) == f"https://{HOST}"


@pytest.mark.parametrize("tool", [one for one in ALL if not one.startswith(_ASKS_ALONE)])
def test_and_so_is_its_answer(tool):
    asked = charge(tool)
    (answer,) = (one for one in recorded(ALL[tool]) if one.way == "response")
    assert (answer.exchange, answer.method, answer.path) == (asked.exchange, asked.method, asked.path)  # fmt: skip
    assert (answer.status, json.loads(answer.body), answer.complete) == (201, ANSWER, True)


@pytest.mark.parametrize("tool", [*ALL, "SoapUI"])
def test_p15_a_pack_is_proposed_for_the_partners_format_not_the_tools(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.json").write_text({**ALL, "SoapUI": SOAPUI}[tool])
    app = typer.Typer()
    command.register(app)
    result = CliRunner().invoke(app, ["rules", "new", "one.json"])
    assert result.exit_code == 0, result.stderr
    assert f"{PATH}" in result.stdout
    assert "detokenize: card" in result.stdout
    paths = ("number: Number", "cvc: Cvv") if tool == "SoapUI" else ("number: pan", "cvc: cvv")
    assert all(one in result.stdout for one in paths), result.stdout
    assert "1 card found and taken out, or put in; nothing else changed." in result.stderr
    assert not find_cards(result.stderr.encode())
    assert all(one not in result.stdout for one in ("LOVELACE", "917", "payvale corp"))


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        (wraps.wiremock(formParameters={k: {"equalTo": v} for k, v in FIELDS.items()}), "WireMock"),
        (wraps.mockserver({"type": "PARAMETERS", "parameters": {k: [v] for k, v in FIELDS.items()}}), "MockServer"),
        (wraps.mountebank([{"equals": {"method": "POST", "path": PATH, "form": FIELDS}}]), "Mountebank"),
        (json.dumps(wraps.insomnia({"mimeType": FORM_KIND, "params": [*({"name": k, "value": v} for k, v in FIELDS.items()), {"name": "off", "value": "1", "disabled": True}]})), "Insomnia"),
        (wraps.sentry(FIELDS, FORM_KIND), "Sentry"),
        (json.dumps({"client": "Thunder Client", "requests": [{"url": URL, "method": "POST", "body": {"type": "formencoded", "form": [{"name": k, "value": v} for k, v in FIELDS.items()]}}]}), "Thunder Client"),
        (json.dumps({"requests": [{"endpoint": "<<host>>/pay", "method": "POST", "body": {"contentType": FORM_KIND, "body": "\n".join(f"{k}: {v}" for k, v in FIELDS.items())}}]}), "Hoppscotch"),
        (wraps.bruno("formUrlEncoded", "\n".join(f"{k}: {v}" for k, v in FIELDS.items()) + "\n~off: 1"), "Bruno"),
    ],
)  # fmt: skip
def test_a_form_that_is_kept_in_pieces_is_written_as_it_would_be_sent(text, tool):
    asked = recorded(text)[0]
    assert (asked.body.decode(), dict(parse_qsl(asked.body.decode()))) == (FORM, FIELDS), tool


PATTERNS = {
    "WireMock": wraps.wiremock(bodyPatterns=[{"matchesJsonPath": "$.card.pan"}]),
    "WireMock, a part": wraps.wiremock(bodyPatterns=[{"contains": NUMBER}]),
    "WireMock, none": wraps.wiremock(),
    "MockServer": wraps.mockserver({"type": "JSON_SCHEMA", "jsonSchema": "{}"}),
    "Mountebank": wraps.mountebank([{"contains": {"body": NUMBER}, "equals": {"method": "POST"}}]),
    "Hoverfly": wraps.hoverfly([{"matcher": "glob", "value": "*"}]),
    "Insomnia": json.dumps(wraps.insomnia({"mimeType": "application/octet-stream", "fileName": "/tmp/a"})),
    "Charles": wraps.charles({}),
    "Bruno": wraps.bruno("multipartForm", "pan: 4"),
    "Thunder Client": json.dumps({"client": "Thunder Client", "requests": [{"url": URL, "method": "POST", "body": {"type": "formdata", "raw": ""}}]}),
    "nock": f"nock('https://{HOST}').post('{PATH}', body => body.pan).reply(200, () => 1)",
}  # fmt: skip


@pytest.mark.parametrize("tool", PATTERNS)
def test_what_only_matches_a_body_is_none(tool):
    asked = next(one for one in recorded(PATTERNS[tool]) if one.way == "request")
    assert (asked.complete, asked.body) == (False, b"")


def test_an_answer_in_a_file_of_its_own_is_said_to_be_missing():
    stub = json.loads(wraps.wiremock())
    stub["response"] = {"status": 200, "bodyFileName": "charge.json"}
    _, answer = recorded(json.dumps(stub))
    assert not answer.complete
    stub["response"] = {"status": 200, "base64Body": wraps.based(BODY)}
    assert recorded(json.dumps(stub))[1].body == BODY.encode()


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("^/v1/shops/[0-9]+/charges\\?x=1$", "/v1/shops/100/charges?x=1"),
        ("/orders/([^/]+)/items", "/orders/100/items"),
        ("/a/(?<id>[^/]+)/b\\.json", "/a/100/b.json"),
        ("/v1/(charges|tokens)/.*", "/v1/charges/100"),
        ("/v1/(?:charges|tokens)(\\?.*)?", "/v1/charges"),
        ("/pay/?$", "/pay"),
        ("/x/{id}/c", "/x/100/c"),
        ("/soap?wsdl", "/soap?wsdl"),
        ("/a(bc", "/100"),
    ],
)
def test_of_a_pattern_of_paths_a_path_is_made_that_can_be_asked_for(pattern, path):
    stub = json.loads(wraps.wiremock(bodyPatterns=[{"equalToJson": BODY}]))
    del stub["request"]["urlPath"]
    stub["request"]["urlPattern"] = pattern
    assert recorded(json.dumps(stub))[0].path == path


def test_soapui_keeps_bodies_of_requests_and_of_mocks():
    said, _, mocked = recorded(SOAPUI, "a.xml")
    assert (str(said.authority), said.path, said.body.decode()) == (f"https://{HOST}", PATH, XML)
    assert (mocked.way, mocked.status, mocked.body) == ("response", 200, b"<Paid>yes</Paid>")


def test_a_message_of_a_queue_is_what_would_be_posted():
    for more in (
        {"messages": [{"contents": CARD}]},
        {
            "interactions": [
                {"type": "Asynchronous/Messages", "contents": {"content": CARD, "encoded": False}}
            ]
        },
    ):
        text = json.dumps({"consumer": {"name": "a"}, "provider": {"name": "b"}, **more})
        (message,) = recorded(text)
        assert (message.way, json.loads(message.body)) == ("request", CARD)


def test_numbers_stay_as_they_were_written():
    """A number of 19 digits is one, and no float."""
    (asked, _) = recorded(wraps.pact({"body": {"pan": 6304000000000000000}}, {}, "2.0.0"))
    assert asked.body == b'{"pan":6304000000000000000}'


# --- what is none -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        XML,
        FORM,
        json.dumps({"request": CARD, "response": ANSWER}),
        json.dumps({"request": {"method": "card", "card": CARD}, "response": {"status": "ok"}}),
        json.dumps({"consumer": {"name": "ADA"}, "provider": "booking", "card": CARD}),
        json.dumps([{"scheme": "visa", "method": "card", "host": "a", "path": "b", **CARD}]),
        json.dumps({"data": {"pairs": 2, **CARD}}),
        json.dumps({"event_id": "ev-1", "card": CARD}),
        json.dumps({"requests": [{"request": CARD, "response": ANSWER}]}),
        json.dumps({"httpRequest": "https://a.example", **CARD}),
        json.dumps({"protocol": "https", "stubs": "none", **CARD}),
        json.dumps({"collection": [CARD], "type": "card", "_type": "export"}),
        "meta {",
        json.dumps({"requestContext": {}, "headers": {}, "isBase64Encoded": "no", **CARD}),
        json.dumps({"requests": [CARD], "client": "Hotel", "endpoint": "x"}),
        f"nock {BODY}",
        '{"consumer": {}, "provider": {}, "interactions": [',
        '{"response": ' + "[" * 9000,
        '{"response": ' + "9" * 5000 + "}",
    ],
)
def test_a_message_with_names_alike_is_the_message_itself(text):
    (alone,) = recorded(text, "a.txt")
    assert (alone.way, alone.body) == (None, text.encode())


def test_cassettes_and_collections_are_still_read_as_such():
    for tool, text in CASSETTES.items():
        assert not reader.is_wrapped(text.encode()), tool


def test_folders_hold_them(tmp_path):
    for number, (tool, text) in enumerate({**ALL, "SoapUI": SOAPUI}.items()):
        ending = "xml" if tool.startswith(("SoapUI", "Burp")) else "yaml" if "5" in tool or "YAML" in tool else "bru" if tool == "Bruno" else "json"  # fmt: skip
        (tmp_path / f"{number:02}.{ending}").write_text(text)
    (tmp_path / "body.json").write_text(BODY)
    (tmp_path / "body.xml").write_text(XML)
    assert len(list(files_of([tmp_path]))) == len(ALL) + 1


WRONG = {
    "no method": json.dumps([{"httpRequest": {"path": "/"}}, {"other": NUMBER}]),
    "base64": wraps.pact({"body": {"content": NUMBER + "!", "encoded": "base64"}}, {}, "4.0"),
    "a host": wraps.hoverfly([]).replace(f'"{HOST}"', f'"a b {NUMBER}"'),
    "a status": wraps.charles({"text": BODY}).replace('"status": 201', f'"status": "x{NUMBER}"'),
    "an entity": wraps.burp(coded=False).replace("<!ELEMENT", f'<!ENTITY a "{NUMBER}"><!ELEMENT'),
    "cut off": SOAPUI[:-40],
    "no URL": wraps.bruno("json", BODY).replace("  url:", "  other:"),
}


@pytest.mark.parametrize("what", WRONG)
def test_p16_what_can_not_be_read_is_told_with_the_tool_and_no_card(what):
    with pytest.raises(ConfigurationError) as raised:
        recorded(WRONG[what])
    (problem,) = raised.value.problems
    assert problem.line == 1
    assert not find_cards(str(raised.value).encode())
    assert problem.hint


TOLD = {
    "OpenAPI": (f'{{"openapi": "3.0.1", "info": {{}}, "paths": {{"x": "{NUMBER}"}}}}', "OpenAPI"),
    "OpenAPI, YAML": (f"# {NUMBER}\nopenapi: 3.1.0\ninfo:\n  title: a\n", "OpenAPI"),
    "Swagger": ("swagger: '2.0'\ninfo:\n  title: a\n", "OpenAPI"),
    "JMeter": (f'<?xml version="1.0"?>\n<jmeterTestPlan version="1.2">{NUMBER}', "JMeter"),
    "WSDL": ('<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/">', "WSDL"),
    "flows": (b"2345:7:version;2:20#8:response;", "mitmproxy"),
    "pcap": (b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "pcap"),
    "pcapng": (b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00", "pcap"),
    "Fiddler": (b"PK\x03\x04\x14\x00" + b"\x00" * 24 + b"raw/01_c.txt", "Fiddler"),
    "Karate": (f"Feature: charges\n\nScenario: one\nGiven url 'https://a'\nAnd request {NUMBER}\n", "Karate"),
}  # fmt: skip


@pytest.mark.parametrize("what", TOLD)
def test_p16_a_file_that_holds_no_message_is_told_by_its_name_and_what_to_do(what):
    text, name = TOLD[what]
    with pytest.raises(ConfigurationError) as raised:
        recorded(text, "a.txt")
    (problem,) = raised.value.problems
    assert name in problem.message
    assert problem.hint
    assert not find_cards(str(raised.value).encode())


# --- whatever it holds ------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.data())
def test_p16_whatever_such_a_file_holds_it_is_read_or_told(data):
    text = data.draw(st.sampled_from([*ALL.values(), SOAPUI]))
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    new = data.draw(st.text(max_size=8) | st.sampled_from(["{", "[]", "null", "&a", "*a", "{}", '""', "1", ": "]))  # fmt: skip
    said, messages = "", []
    try:
        messages = recorded((text[:start] + new + text[end:]).encode("utf-8", "replace"))
    except ConfigurationError as error:
        said = str(error)
    assert not find_cards(said.encode())
    assert all(isinstance(one.body, bytes) for one in messages)


def places(tree, *above):
    """The way to each value of a tree."""
    for key in range(len(tree)) if isinstance(tree, list) else tree:
        yield (*above, key)
        if isinstance(tree[key], dict | list):
            yield from places(tree[key], *above, key)


@pytest.mark.parametrize("tool", [tool for tool, text in ALL.items() if text[0] in "[{"])
def test_p16_whatever_stands_in_a_values_place_it_is_read_or_told(tool):
    """Each value of a tool's file once as something of another type."""
    for *above, last in places(json.loads(ALL[tool])):
        for other in (None, 1, True, "x", "", [], {}, [[]], [None], {"a": None}):
            tree = json.loads(ALL[tool])
            at = tree
            for key in above:
                at = at[key]
            at[last] = other
            said, messages = "", []
            try:
                messages = recorded(json.dumps(tree))
            except ConfigurationError as error:
                said = str(error)
            assert not find_cards(said.encode())
            assert all(isinstance(one.body, bytes) for one in messages)


def test_names_that_stand_for_others_are_not_followed():
    """Insomnia writes none; followed, a few lines would be a billion."""
    bomb = "collection:\n- &a {url: 'https://a.example/', method: GET}\n" + "".join(
        f"- &{chr(98 + n)} {{children: [{', '.join(['*' + chr(97 + n)] * 9)}]}}\n" for n in range(4)
    )
    (alone,) = recorded(f"type: collection.insomnia.rest/5.0\n{bomb}", "a.yaml")
    assert alone.way is None


def test_a_large_file_is_not_looked_into(monkeypatch):
    monkeypatch.setattr(reader, "LARGEST", 10)
    (alone,) = recorded(wraps.charles({"text": BODY}))
    assert alone.way is None
