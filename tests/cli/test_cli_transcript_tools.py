"""What clients of other languages tell of their traffic, and commands for curl, read as transcripts."""

from __future__ import annotations

import email
import email.policy
import json
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cards.scan import find_cards
from gateway.cli.transcript import read_stream
from gateway.errors import ConfigurationError

NUMBER = "4111111111111111"
FORM = f"card%5Bnumber%5D={NUMBER}&card%5Bexp%5D=0929&card%5Bcvc%5D=917"
BODY = json.dumps({"card": {"number": NUMBER, "exp": "09/29", "cvc": "917"}, "note": 'a "b" [\\r]'})
URL = "https://pay.payvale.example/v1/charges"


def apache(*told):
    head = "2026-09-01 10:00:00,123 DEBUG [org.apache.http.wire] http-outgoing-0"
    return "\n".join(f'{head} {way} "{text}"' for way, text in told) + "\n"


APACHE = apache(
    (">>", r"POST /v1/charges HTTP/1.1[\r][\n]"),
    (">>", r"Host: pay.payvale.example[\r][\n]"),
    (">>", r"Content-Type: application/json[\r][\n]"),
    (">>", r"[\r][\n]"),
    (">>", BODY),
    ("<<", r"HTTP/1.1 200 OK[\r][\n]"),
    ("<<", r"Content-Type: application/octet-stream[\r][\n]"),
    ("<<", r"[\r][\n]"),
    ("<<", r"[0x1f][0xff]ok"),
    (">>", r"GET /v1/ping HTTP/1.1[\r][\n]"),
    (">>", r"Host: pay.payvale.example[\r][\n]"),
    (">>", r"[\r][\n]"),
)
PYTHON = rf"""send: b'POST /v1/charges HTTP/1.1\r\nHost: pay.payvale.example\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n'
send: b'{FORM}'
reply: 'HTTP/1.1 201 Created\r\n'
header: Server: nginx
header: Content-Type: application/json
send: b"GET /v1/it's HTTP/1.1\r\nHost: pay.payvale.example\r\n\r\n"
"""


def recorded(text, name="a.txt"):
    return list(read_stream(BytesIO(text.encode()), Path(name)))


def test_the_wire_log_of_apaches_client():
    asked, answer, second = recorded(APACHE)
    assert (asked.method, str(asked.authority), asked.path) == ("POST", "https://pay.payvale.example", "/v1/charges")  # fmt: skip
    assert asked.body == BODY.replace("[\\r]", "\r").encode()  # it can not be told apart
    assert (answer.status, answer.body, answer.line) == (200, b"\x1f\xffok", 6)
    assert (second.method, second.path, second.exchange, second.line) == ("GET", "/v1/ping", 2, 10)


def test_what_pythons_http_client_tells():
    asked, answer, second = recorded(PYTHON)
    assert (asked.method, asked.body) == ("POST", FORM.encode())
    assert (answer.status, answer.headers.get("Server"), answer.line) == (201, "nginx", 3)
    assert (second.path, second.exchange) == ("/v1/it's", 2)


@pytest.mark.parametrize(
    ("command", "method", "body", "kind"),
    [
        (f"curl {URL}", "GET", "", None),
        (f"$ curl -s {URL} -d a=1 --data 'b=2 3'", "POST", "a=1&b=2 3", "application/x-www-form-urlencoded"),
        (f"curl -XPUT --json '{{\"a\": 1}}' {URL}", "PUT", '{"a": 1}', "application/json"),
        (f"curl --request=PATCH --data-urlencode 'a=ü &' {URL}", "PATCH", "a=%C3%BC+%26", "application/x-www-form-urlencoded"),
        (f"curl -H 'content-type: text/xml' -H 'Content-Length: 99' --data-raw '<a/>' --url {URL}", "POST", "<a/>", "text/xml"),
        (f"# a comment\n\ncurl '{URL}' \\\n  -H \"X-A: b\" \\\n  --data-binary 'a=1'\n", "POST", "a=1", "application/x-www-form-urlencoded"),
        (f"curl -u sk_x: -o /dev/null -k {URL} -d @/etc/passwd", "GET", "", None),
        ("curl pay.payvale.example/v1/charges", "GET", "", None),
    ],
)  # fmt: skip
def test_a_command_for_curl(command, method, body, kind):
    (asked,) = recorded(command)
    assert (asked.way, asked.method) == ("request", method)
    assert (str(asked.authority), asked.path) == ("https://pay.payvale.example", "/v1/charges")
    assert asked.body.decode() == body
    assert asked.headers.get("Content-Type") == kind


def test_several_commands_and_what_is_none():
    text = f"curl {URL}\ncurl 'unclosed\ncurl -X GET\n\ncurl -d a=1 {URL}/2\n"
    assert [(one.line, one.method, one.path) for one in recorded(text)] == [
        (1, "GET", "/v1/charges"),
        (5, "POST", "/v1/charges/2"),
    ]


def test_a_header_of_a_command_ends_with_its_line():
    (asked,) = recorded(f"curl -H 'X-A: b\n\nGET /evil HTTP/1.1' {URL}")
    assert (asked.method, asked.path) == ("GET", "/v1/charges")


@pytest.mark.parametrize("text", ["curly=1&b=2", f"a=curl {URL}", 'x >> "text"', "send: b'text'", "header: a: b"])  # fmt: skip
def test_other_files_are_bodies(text):
    assert [one.way for one in recorded(text)] == [None]


@settings(max_examples=150)
@given(st.data())
def test_p16_whatever_such_a_file_holds_it_is_read_or_told(data):
    text = data.draw(st.sampled_from([APACHE, PYTHON, f"curl -d '{FORM}' \\\n -H 'a: b' {URL}\n"]))
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    new = data.draw(st.text(max_size=6) | st.sampled_from(["'", '"', "\\", "[0x", "\n", ">> "]))
    said = ""
    try:
        recorded((text[:start] + new + text[end:]).encode("utf-8", "replace").decode())
    except ConfigurationError as error:
        said = str(error)
    assert not find_cards(said.encode())


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ("-F a=1 -F 'b=2 3'", [("a", "1"), ("b", "2 3")]),
        ("-Fa=1 --form b=2 --form=c=3", [("a", "1"), ("b", "2"), ("c", "3")]),
        ("-F 'a=1;type=text/plain'", [("a", "1")]),
        ("-F 'a=\"1;2\"' -F a=x", [("a", "1;2"), ("a", "x")]),
        ("--form-string 'a=@b;type=c'", [("a", "@b;type=c")]),
        ("-F a=@/etc/passwd -F 'b=<c'", [("a", ""), ("b", "")]),
        ("-F novalue -F a=1 -H 'Content-Type: multipart/form-data'", [("a", "1")]),
    ],
)
def test_a_form_that_curl_would_send(options, fields):
    """Read by the standard library's reader of mails. No file is opened."""
    (message,) = recorded(f"curl {URL} {options}\n")
    assert message.method == "POST"
    assert message.complete
    head = f"Content-Type: {message.headers.get('Content-Type')}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + message.body, policy=email.policy.HTTP).get_payload()
    said = [
        (one.get_param("name", header="content-disposition"), one.get_payload()) for one in parts
    ]
    assert said == fields
