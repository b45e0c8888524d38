"""Recorded messages: what is read from transcripts, and what is told of a wrong one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli import transcript
from gateway.cli.transcript import files_of, read_all
from gateway.errors import ConfigurationError
from tests.cli.recordings import CARDS, CHARGE, heads
from tests.cli.rules_command import NUMBER

RECORDINGS = Path(__file__).parent.parent / "corpus" / "recordings"


# --- transcripts ------------------------------------------------------------------------------------


def test_messages_as_they_were_on_the_line():
    first, zipped, second, chunked = read_all(RECORDINGS / "two_exchanges.http")
    where = ("POST", "https://api.acme.example:8443", "/x")
    assert heads([first, zipped, second, chunked]) == [
        (1, "request", *where, 0), (1, "response", *where, 200),
        (2, "request", *where, 0), (2, "response", *where, 200),
    ]  # fmt: skip
    assert first.body == second.body == CHARGE
    assert gzip.decompress(zipped.body) == CARDS
    assert zipped.headers.get("content-encoding") == "gzip"
    assert chunked.body == CARDS
    assert (first.line, zipped.line) == (1, 8)  # the 100 before the answer is none
    assert not any(one.notes for one in (first, zipped, second, chunked))


def test_the_file_of_an_http_client():
    charge, listed, newest = read_all(RECORDINGS / "http_client.http")
    assert charge.body == CHARGE
    assert heads([charge, listed, newest]) == [
        (1, "request", "POST", "https://api.acme.example:8443", "/x", 0),
        (2, "request", "GET", "https://api.acme.example", f"/y?card={NUMBER}", 0),
        (3, "request", "GET", "https://api.acme.example", "/y", 0),
    ]
    assert [name for name, _ in newest.headers] == [b"accept"]
    assert [one.line for one in (charge, listed, newest)] == [6, 12, 15]


def test_lengths_and_codings_that_no_longer_fit_are_noted():
    asked, answer = read_all(RECORDINGS / "edited.http")
    assert asked.body == b'{"payment": {"pan": "tok_1_Abcdefghijklm"}}'
    assert "Content-Length does not fit" in asked.notes[0]
    assert len(json.loads(answer.body)["cards"]) == 2
    assert "Content-Encoding" not in answer.headers
    assert [note.partition(" ")[2].partition(" ")[0] for note in answer.notes] == [
        "chunks",
        "Content-Encoding",
    ]


@pytest.mark.parametrize("name", ["answer_in_its_place.curl", "answer_behind_the_end.curl"])
def test_what_curl_told(name):
    asked, answer = read_all(RECORDINGS / name)
    assert heads([asked, answer]) == [
        (1, "request", "POST", "https://api.acme.example:8443", "/x?key=1", 0),
        (1, "response", "POST", "https://api.acme.example:8443", "/x?key=1", 200),
    ]
    assert (asked.body, asked.complete) == (b"", False)
    assert (answer.body, answer.complete) == (CARDS, True)


@pytest.mark.parametrize("name", ["net_http.txt", "net_http_unescaped.txt"])
def test_what_ruby_told(name):
    asked, answer = read_all(RECORDINGS / name)
    assert heads([asked, answer]) == [
        (1, "request", "POST", "https://api.acme.example:8443", "/x", 0),
        (1, "response", "POST", "https://api.acme.example:8443", "/x", 200),
    ]
    assert (asked.body, answer.body) == (CHARGE, CARDS)
    assert asked.notes == answer.notes == ()
    assert asked.complete


def test_ruby_writes_bytes_as_it_writes_strings(tmp_path):
    file = tmp_path / "zipped.txt"
    body = gzip.compress("ë\n\x1b{".encode())
    written = "".join(f"\\x{byte:02X}" for byte in body)
    file.write_text(
        'opening connection to a.example:80...\n<- "GET /a HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n"\n'
        f'-> "HTTP/1.1 200 OK\\r\\nContent-Encoding: gzip\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"\n'
        f'-> "{written}"\nread 2 bytes\n<- "PUT /b HTTP/1.1\\r\\n\\r\\n\\u00eb\\u{{1F600}}\\e\\\\"\n'
    )  # fmt: skip
    first, answer, second = read_all(file)
    assert str(first.authority) == "http://a.example"
    assert gzip.decompress(answer.body) == "ë\n\x1b{".encode()
    assert second.body == "ë\U0001f600\x1b\\".encode()
    assert (second.exchange, second.line) == (2, 6)


def test_a_body_alone_is_no_transcript(tmp_path):
    for text in (b"<a/>", b"a=b", b"POST something", b"", b'{"log": 1}'):
        file = tmp_path / "message"
        file.write_bytes(text)
        (one,) = read_all(file)
        assert (one.way, one.body) == (None, text)


def test_an_answer_without_its_request(tmp_path):
    file = tmp_path / "answers.txt"
    file.write_bytes(b"HTTP/1.1 200 OK\n\n<a/>\nHTTP/1.1 204\n\nHTTP/2 200 \n\n<b/>")
    found = read_all(file)
    assert heads(found) == [
        (n, "response", "", "None", "", s) for n, s in ((1, 200), (2, 204), (3, 200))
    ]
    assert [one.body for one in found] == [b"<a/>", b"", b"<b/>"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f"POST /x HTTP/1.1\nHost: a.example\n{NUMBER}\n\n", 3, "this is no header"),
        (f"\n\n{NUMBER}\n", 3, "this is no request line"),
        (f"GET https://a.example:{NUMBER}/ HTTP/1.1\n\n", 1, "where the request went"),
        (f"GET https://{{{{host}}}}/{NUMBER} HTTP/1.1\n\n", 1, "a variable of an HTTP client"),
        (
            f"POST https://a.example/ HTTP/1.1\n\n< ./{NUMBER}.json\n",
            1,
            "a reference to another file",
        ),
        (
            f"### one\nGET https://a.example/\n### two\nGET\t{NUMBER}\n",
            4,
            "this is no request line",
        ),
    ],
)
def test_p16_a_wrong_transcript_is_told_with_its_line_and_no_card(tmp_path, text, line, message):
    file = tmp_path / "wrong.http"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_all(file)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(file), line)
    assert message in problem.message
    assert NUMBER not in str(caught.value)


def test_a_transcript_in_utf_16_or_too_large_is_told(tmp_path, monkeypatch):
    file = tmp_path / "wide.http"
    file.write_text("GET https://a.example/\n", encoding="utf-16")
    with pytest.raises(ConfigurationError, match="Save it as UTF-8"):
        read_all(file)
    monkeypatch.setattr(transcript, "_LARGEST", 1 << 20)
    file.write_bytes(b"a" * ((1 << 20) + 1))
    with pytest.raises(ConfigurationError, match="larger than 1 MB"):
        read_all(file)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), min_size=1, max_size=4))
def test_what_was_on_the_line_comes_back_byte_for_byte(tmp_path_factory, messages):
    """Whatever the bodies hold: lengths and chunks say where they end."""
    written = b""
    for chunked, body in messages:
        written += b"POST /x HTTP/1.1\r\nHost: a.example\r\n"
        if chunked:
            pieces = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:7], body[7:]) if p)
            written += b"Transfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"
        else:
            written += b"Content-Length: %d\r\n\r\n" % len(body) + body
    file = tmp_path_factory.mktemp("line") / "some.http"
    file.write_bytes(written)
    assert [one.body for one in read_all(file)] == [body for _, body in messages]


WORDS = [
    b"POST https://a.example/x HTTP/1.1", b"HTTP/1.1 200 OK", b"Content-Length: 5", b"a: b", b"\r\n",
    b"\n\n", b"Transfer-Encoding: chunked", b"5\r\n", b"0\r\n\r\n", b"###", b"> ", b"< ", b'<- "', b'-> "',
    b'"\n', b"\\x1F", b'{"log": {"entries": [', b'{"request": {"method": "GET", "url": "https://a/"}', b"}]",
    b"* Connection #0 to host a left intact", b"opening connection to a:1...", b"\xff\x00", b"4444333322221111",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=6)), max_size=14),
    st.sampled_from([".http", ".har", ".txt", ".xml"]),
)
def test_p16_whatever_a_file_holds_it_is_read_or_told(tmp_path_factory, words, suffix):
    file = tmp_path_factory.mktemp("any") / f"some{suffix}"
    file.write_bytes(b"".join(words))
    told, messages = None, []
    try:
        messages = read_all(file)
    except ConfigurationError as error:
        told = error
    assert told is None or told.problems[0].line > 0
    assert all("4444333322221111" not in str(one) for one in (told, *messages))


# --- files ------------------------------------------------------------------------------------------


def test_the_recordings_of_a_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("b.har", "a.http", "notes.md", "sub/c.REST"):
        (tmp_path / name).write_text("")
    found = files_of([tmp_path, tmp_path / "notes.md"])
    assert [one.name for one in found] == ["a.http", "b.har", "c.REST", "notes.md"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="no recording in this folder"):
        files_of([tmp_path / "empty"])


def test_a_string_whose_end_was_scrubbed_away_ends_before_the_next(tmp_path):
    """Payment libraries scrub with expressions that take the closing quotes along."""
    file = tmp_path / "scrubbed.txt"
    file.write_text(
        '<- "POST /pay HTTP/1.1\\r\\nHost: a.example\\r\\nAuthorization: Bearer [FILTERED]\n'
        '<- "{\\"card\\":{\\"number\\":\\"[FILTERED]\n'
        '-> "HTTP/1.1 200 OK\\r\\n"\n'
        '-> "Set-Cookie: [FILTERED]\n'
        '-> "\\r\\n"\n'
        "reading 2 bytes...\n"
        '-> "{}"\n'
    )
    request, response = read_all(file)
    assert (request.path, request.body) == ("/pay", b'{"card":{"number":"[FILTERED]')
    assert request.headers.get("Authorization") == "Bearer [FILTERED]"
    assert (response.status, response.body) == (200, b"{}")
    assert response.headers.get("Set-Cookie") == "[FILTERED]"


def test_bodies_of_a_log_whose_heads_were_cut(tmp_path):
    file = tmp_path / "cut.txt"
    file.write_text(
        '<- "<a/>"\n<- "POST /b HTTP/1.1\\r\\nHost: b.example\\r\\n\\r\\n"\n<- "<b/>"\n-> "<c/>"\n'
    )
    bodies = [(one.way, one.path, one.body) for one in read_all(file)]
    assert bodies == [
        ("request", "/", b"<a/>"),
        ("request", "/b", b"<b/>"),
        ("response", "/b", b"<c/>"),
    ]
