"""Cassettes of test tools, and collections of Postman, read as recordings."""

from __future__ import annotations

import email
import email.policy
import gzip
import json
from io import BytesIO
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.cards.scan import find_cards
from gateway.cli import rules as command
from gateway.cli import transcript_cassettes
from gateway.cli.transcript import files_of, read_stream
from gateway.errors import ConfigurationError
from tests.cli.cassettes import ALL, BETAMAX, FORM, JSON, NOCK, NUMBER, POSTMAN, VCR, VCRPY


def recorded(text, name="a.yml"):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(read_stream(BytesIO(raw), Path(name)))


@pytest.mark.parametrize("tool", ["VCR", "VCR 1", "vcrpy", "betamax"])
def test_an_exchange_is_read_as_it_was(tool):
    asked, answer, *_ = recorded(ALL[tool])
    assert (asked.way, asked.exchange, asked.method) == ("request", 1, "POST")
    assert (str(asked.authority), asked.path) == ("https://pay.payvale.example", "/v1/charges?x=1")  # fmt: skip
    assert asked.headers.get("Content-Type") == "application/x-www-form-urlencoded"
    assert asked.body == FORM.encode()
    assert (answer.way, answer.exchange, answer.method) == ("response", 1, "POST")
    assert answer.status in {200, 201}


def test_vcr_of_ruby():
    asked, answer, second, other = recorded(VCR)
    assert [one.line for one in (asked, answer, second, other)] == [3, 3, 27, 27]
    assert asked.headers.get_all("Accept") == ["*/*", "text/*"]
    assert answer.body == b'{"id": 4012888888881881, "on": yes}'
    assert (second.method, second.exchange, second.body) == ("GET", 2, b"")
    assert other.body == b"\x00\x01\x02\xff"


def test_bodies_that_are_no_text():
    assert gzip.decompress(recorded(VCRPY)[1].body) == b'{"ok": true}'
    assert recorded(VCRPY)[1].headers.get("Content-Encoding") == "gzip"
    assert gzip.decompress(recorded(NOCK)[1].body) == b"{}"


def test_nock():
    asked, answer = recorded(NOCK, "a.json")
    assert (str(asked.authority), asked.path) == ("https://pay.payvale.example", "/v1/charges?x=1")  # fmt: skip
    assert json.loads(asked.body) == json.loads(JSON)
    assert (answer.status, answer.headers.get("Content-Type")) == (201, "application/json")


def test_postman():
    form, answer, variable, lost, alone = recorded(POSTMAN, "a.postman_collection.json")
    assert form.body == f"pan={NUMBER}&exp=09%2F29".encode()
    assert form.headers.get("X-Off") is None
    assert (answer.status, answer.body) == (200, b'{"id": 1}')
    assert (variable.authority, variable.path, variable.body) == (None, "/v2/charges", JSON.encode())  # fmt: skip
    assert not lost.complete
    assert (alone.method, alone.path, alone.exchange) == ("GET", "/ping", 4)


@pytest.mark.parametrize("tool", ALL)
def test_p15_a_pack_is_proposed_from_a_cassette(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yml").write_text(ALL[tool])
    app = typer.Typer()
    command.register(app)
    result = CliRunner().invoke(app, ["rules", "new", "one.yml"])
    assert result.exit_code == 0, result.stderr
    assert "detokenize: card" in result.stdout
    assert "https://pay.payvale.example/v1/charges" in result.stdout
    assert "found and taken out, or put in; nothing else changed." in result.stderr
    assert not find_cards(result.stderr.encode())


def test_cassettes_in_folders_are_found_and_other_yaml_is_not(tmp_path):
    (tmp_path / "one.yml").write_text(VCR)
    (tmp_path / "pack.yaml").write_text("system: a\nabout: interactions\n")
    (tmp_path / "body.json").write_text(JSON)
    (tmp_path / "nock.json").write_text(NOCK)
    assert [one.name for one in files_of([tmp_path])] == ["nock.json", "one.yml"]


@pytest.mark.parametrize("text", [JSON, "interactionsx: 1", "a=1&interactions:=2", "[1]", FORM])
def test_other_files_are_no_cassettes(text):
    assert recorded(text, "a.txt")[0].way is None


WRONG = {
    "YAML": ("---\nhttp_interactions:\n- request: {\n", 4, "not well-formed YAML"),
    "JSON": (BETAMAX[:-9], 1, "not well-formed"),
    "no URL": ("interactions:\n- request:\n    method: GET\n", 2, "an entry of the cassette is none"),
    "no method": ("interactions:\n- request:\n    uri: https://a.example/\n", 2, "an entry of the"),
    "a text": ("interactions:\n- 4111111111111111\n", 2, "an entry of the cassette is none"),
    "no status": (VCR.replace("code: 201", f"code: {NUMBER}x"), 3, "an entry of the cassette"),
    "a list as body": (VCR.replace(f"string: {FORM}", "string: [1, 2]"), 3, "an entry of the"),
    "base64": (VCR.replace("AAEC/w==", "AAE"), 1, "not well-formed"),
    "a tag": (f"interactions:\n- !!python/object/apply:os.system [{NUMBER}]\n", 2, "an entry of"),
    "deep": ("interactions: " + "[" * 5000, 1, "not well-formed"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_p16_a_wrong_cassette_is_told_with_its_line_and_no_card(what):
    text, line, message = WRONG[what]
    with pytest.raises(ConfigurationError) as raised:
        recorded(text)
    (problem,) = raised.value.problems
    assert (problem.line, message in problem.message) == (line, True)
    assert not find_cards(str(raised.value).encode())


def test_a_large_cassette_is_told(monkeypatch):
    monkeypatch.setattr(transcript_cassettes, "LARGEST", 100)
    with pytest.raises(ConfigurationError, match="larger than"):
        recorded(VCR)


def test_names_that_stand_for_others_cost_no_more_than_they_say():
    """The billion laughs: what is an alias is read once, and is no text."""
    bomb = "&a [x, x]\n" + "".join(f"  {chr(97 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9))  # fmt: skip
    with pytest.raises(ConfigurationError):
        recorded(f"---\nhttp_interactions:\n- request: {bomb}")


@settings(max_examples=200)
@given(st.data())
def test_p16_whatever_a_cassette_holds_it_is_read_or_told(data):
    text = data.draw(st.sampled_from(sorted(ALL.values())))
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    new = data.draw(st.text(max_size=8) | st.sampled_from(["{", "[", "&a", "*a", "!x", "\t", ": "]))
    said, messages = "", []
    try:
        messages = recorded((text[:start] + new + text[end:]).encode("utf-8", "replace"))
    except ConfigurationError as error:
        said = str(error)
    assert not find_cards(said.encode())
    assert all(isinstance(one.body, bytes) for one in messages)


def test_p15_what_looks_like_a_number_or_a_date_is_a_text():
    """A body of digits alone, as a lookup by number has it: YAML would make another text of it."""
    for body in (NUMBER, "0x1F", "1_000", "12:30:45", "2027-06-18", "yes", "1e3", "null_"):
        text = VCR.replace(f"string: {FORM}", f"string: {body}")
        assert recorded(text)[0].body == body.encode()


# --- forms and queries that a collection keeps in pieces, and answers alone -------------------------


def postman(body):
    request = {"method": "POST", "url": "https://pay.payvale.example/x", "header": [], "body": body}
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    (message,) = recorded(json.dumps({"info": {"schema": schema}, "item": [{"request": request}]}))
    return message


def test_a_form_of_postmans_is_written_as_it_would_be_sent():
    """Read by the standard library's reader of mails."""
    fields = [
        {"key": "number", "value": NUMBER, "type": "text"},
        {"key": 'a"b', "value": "----form-of-the-recording"},
        {"key": "off", "value": "x", "disabled": True},
        {"key": "scan", "type": "file", "src": "/tmp/a.png"},
        {"key": "none"},
    ]
    message = postman({"mode": "formdata", "formdata": fields})
    assert message.complete
    head = f"Content-Type: {message.headers.get('Content-Type')}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + message.body, policy=email.policy.HTTP).get_payload()
    said = [
        (one.get_param("name", header="content-disposition"), one.get_payload()) for one in parts
    ]
    assert said == [
        ("number", NUMBER),
        ("a%22b", "----form-of-the-recording"),
        ("scan", ""),
        ("none", ""),
    ]
    assert b"/tmp/a.png" not in message.body


@pytest.mark.parametrize("variables", ['{"c": {"pan": "1"}}', {"c": {"pan": "1"}}])
def test_a_query_is_sent_with_its_variables(variables):
    message = postman({"mode": "graphql", "graphql": {"query": "q", "variables": variables}})
    assert json.loads(message.body) == {"query": "q", "variables": {"c": {"pan": "1"}}}
    assert message.headers.get("Content-Type") == "application/json"
    with pytest.raises(ConfigurationError, match="an entry of the cassette is none"):
        postman({"mode": "graphql", "graphql": {"query": "q", "variables": "{"}})


@pytest.mark.parametrize("body", [{"mode": "file", "file": {"src": "a"}}, {"mode": "formdata"}])
def test_what_a_collection_does_not_hold_is_said_to_be_missing(body):
    assert not postman(body).complete


RESPONSES = """responses:
- response:
    body: '{"card": {"number": "4111111111111111"}}'
    content_type: application/json
    method: GET
    status: 201
    url: https://api.payvale.example/v1/cards?x=1
- response:
    body: ok
    headers: {X-A: '1'}
    method: POST
    status: 200
    url: https://api.payvale.example/v1/pay
"""


def test_what_pythons_responses_records():
    asked, answer, posted, said = recorded(RESPONSES, "a.yaml")
    assert (asked.method, asked.path, asked.complete, asked.body) == (
        "GET",
        "/v1/cards?x=1",
        True,
        b"",
    )
    assert (answer.status, answer.headers.get("Content-Type")) == (201, "application/json")
    assert answer.body == b'{"card": {"number": "4111111111111111"}}'
    assert not posted.complete  # what was sent it does not record
    assert (said.body, said.headers.get("X-A")) == (b"ok", "1")


def test_a_description_of_an_interface_is_no_cassette():
    text = b"openapi: 3.0.0\nresponses:\n  Ok:\n    description: fine\n"
    assert not transcript_cassettes.looks_like_cassette(text)
