"""HARs, read as recordings, and what is told of a wrong one."""

from __future__ import annotations

import base64
import io
import json
import warnings

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from gateway.cli import har_entries
from gateway.cli.har_entries import entries
from gateway.cli.transcript import read, read_all
from gateway.errors import ConfigurationError
from tests.cli.recordings import CARDS, CHARGE, heads
from tests.cli.rules_command import NUMBER

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mitmproxy calls its parser by names that are old
    from mitmproxy.addons.savehar import SaveHar


def entry(**changes):
    made = {
        "request": {
            "method": "POST",
            "url": "https://api.acme.example:8443/x",
            "headers": [{"name": ":method", "value": "POST"}, {"name": "a", "value": "b"}],
            "postData": {"mimeType": "application/json", "text": CHARGE.decode()},
        },
        "response": {
            "status": 200,
            "headers": [{"name": "content-encoding", "value": "gzip"}],
            "content": {"mimeType": "application/json", "text": CARDS.decode(), "size": 70},
        },
    }
    for name, values in changes.items():
        made[name] = {**made[name], **values}
    return made


def har(tmp_path, *listed, indent=None):
    file = tmp_path / "day.har"
    log = {"version": "1.2", "pages": [{"entries": [{}]}], "entries": list(listed)}
    file.write_text(json.dumps({"log": log}, indent=indent))
    return file


def test_a_har(tmp_path):
    file = har(tmp_path, entry(), entry(), indent=1)
    first, answer, *second = read_all(file)
    where = ("POST", "https://api.acme.example:8443", "/x")
    assert heads([first, answer]) == [(1, "request", *where, 0), (1, "response", *where, 200)]
    assert [one.exchange for one in second] == [2, 2]
    assert (first.body, answer.body) == (CHARGE, CARDS)
    assert [name for name, _ in first.headers] == [b"a"]
    assert "Content-Encoding" not in answer.headers
    lines = file.read_text().splitlines()
    assert lines[first.line - 1] == lines[second[0].line - 1] == "   {"
    assert '"request"' in lines[first.line]


def test_a_har_of_a_proxy_that_we_did_not_write(tmp_path):
    """mitmproxy's own export: HTTP/2, gzip, base64, ISO-8859-1, forms, an exchange that failed."""
    gzipped = tflow.tflow(resp=True)
    gzipped.request = http.Request.make(
        "POST", "https://api.acme.example:8443/x?a=1", CHARGE, {"Content-Type": "application/json"}
    )
    gzipped.response = http.Response.make(
        200, CARDS, {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )
    latin = tflow.tflow(resp=True)
    xml = "<?xml version='1.0' encoding='iso-8859-1'?><a>Zoë</a>".encode("iso-8859-1")
    latin.request.http_version = "HTTP/2.0"
    latin.response = http.Response.make(200, xml, {"Content-Type": "text/xml; charset=iso-8859-1"})
    binary = tflow.tflow(resp=True)
    binary.request = http.Request.make(
        "POST", "https://a.example/", b"a=1%202&b=%C3%AB",
        {"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    binary.response = http.Response.make(
        200, bytes(range(128, 256)) * 4, {"Content-Type": "image/png"}
    )
    failed = tflow.tflow(err=True)
    tunnel = tflow.tflow()
    tunnel.request.method = "CONNECT"
    file = tmp_path / "flows.har"
    SaveHar().export_har([gzipped, latin, binary, failed, tunnel], str(file))
    found = read_all(file)
    assert [one.way for one in found] == ["request", "response"] * 3 + ["request"]
    assert found[0].path == "/x?a=1"
    assert [one.body for one in found[:2]] == [CHARGE, CARDS]
    assert found[3].body == xml
    assert found[4].body == b"a=1%202&b=%C3%AB"
    assert found[5].body == bytes(range(128, 256)) * 4
    # The GETs of its example have a body, which it leaves out.
    assert [one.complete for one in found] == [True, True, False, True, True, True, False]


def test_forms_and_bodies_that_were_not_recorded(tmp_path):
    fields = [{"name": "card[number]", "value": "tok 1"}, {"name": "ä", "value": ""}]
    form = {"mimeType": "application/x-www-form-urlencoded; charset=UTF-8", "params": fields}
    parts = {"mimeType": "multipart/form-data", "params": fields}
    found = read_all(
        har(
            tmp_path,
            entry(request={"postData": form}, response={"content": {"size": 0}}),
            entry(request={"postData": parts}, response={"content": {"size": 9}, "status": 302}),
            entry(request={"postData": None, "bodySize": 5}, response={"status": 0}),
            entry(request={"postData": None, "bodySize": -1}, response={"status": 101}),
        )
    )
    assert found[0].body == b"card%5Bnumber%5D=tok+1&%C3%A4="
    assert [one.complete for one in found] == [True, True, False, False, False, True]
    assert "without their text" in found[2].notes[0]


def test_what_is_no_exchange_is_left_out(tmp_path):
    for url in ("wss://a.example/", "chrome-extension://abc/x"):
        assert read_all(har(tmp_path, entry(request={"url": url}))) == []
    assert read_all(har(tmp_path, entry(request={"method": "CONNECT"}))) == []
    with pytest.raises(ConfigurationError, match="no method or no URL"):
        read_all(har(tmp_path, entry(request={"url": "a.example"})))


def test_a_charset_that_is_none_is_written_as_utf_8(tmp_path):
    content = {"mimeType": "text/plain; charset=hex", "text": "ë\ud83d"}
    (_, answer) = read_all(har(tmp_path, entry(response={"content": content, "headers": []})))
    assert answer.body == "ë\ud83d".encode("utf-8", "surrogatepass")
    content = {"mimeType": "text/plain; charset=iso-8859-1", "text": "ë€"}
    (_, answer) = read_all(har(tmp_path, entry(response={"content": content, "headers": []})))
    assert answer.body == "ë€".encode()
    assert "UTF-8" in answer.notes[-1]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f'{{"log": {{"entries": [\n{{"request": "{NUMBER}', 2, "ends in the middle"),
        (f'{{"log": {{"pages": ["{NUMBER}"]}}}}', 1, "no `log.entries`"),
        (f'{{"log": {{"entries": [\n{{"a":\n {NUMBER} {NUMBER}}}]}}}}', 3, "not well-formed JSON"),
        (f'{{"log": {{"entries": [\n{{"a": "{NUMBER}"}}]}}}}', 2, "no `request`"),
        (f'{{"log": {{"entries": [{{"request": {{"url": "{NUMBER}"}}}}]}}}}', 1, "no method"),
        ('{"log": {"entries": [{"request": ' + "9" * 5000 + "}]}}", 1, "what no HAR has"),
        ('{"log": {"entries": [{"a": ' + "[" * 200_000 + "]" * 200_000 + "}]}}", 1, "too deeply"),
    ],
)
def test_p16_a_wrong_har_is_told_with_its_line_and_no_card(tmp_path, text, line, message):
    file = tmp_path / "wrong.har"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_all(file)
    (problem,) = caught.value.problems
    assert (problem.line, message in problem.message) == (line, True), problem.message
    assert NUMBER not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"text": NUMBER + "!", "encoding": "base64"}, "base64 and is not"),
        ({"text": NUMBER, "encoding": "rot13"}, "that is not base64"),
    ],
)
def test_p16_a_body_in_a_wrong_coding_is_told(tmp_path, content, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_all(har(tmp_path, entry(response={"content": content})))
    assert NUMBER not in str(caught.value)


def test_a_har_that_is_not_utf_8_is_told(tmp_path):
    file = tmp_path / "latin.har"
    file.write_bytes(b'{"log": {"entries": [{"request": "\xff"}]}}')
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        read_all(file)


def test_of_a_large_har_only_one_entry_is_held(tmp_path, monkeypatch):
    """Its pieces may end anywhere: in a string, in an escape, in a name."""
    listed = [entry(request={"postData": {"text": f'\\"{n}é' * n}}) for n in range(5)]
    text = json.dumps({"other": {"entries": [1]}, "log": {"x": "log", "entries": listed}})
    for piece in (1, 2, 3, 7, 4096):
        monkeypatch.setattr(har_entries, "PIECE", piece)
        told = []
        found = list(entries(io.BytesIO(text.encode()), told.append))
        assert [json.loads(one.raw) for one in found] == listed
        assert sum(told) == len(text.encode())
    monkeypatch.setattr(har_entries, "LARGEST", 100)
    assert [one.raw for one in entries(io.BytesIO(text.encode()), told.append)] == [b""] * 5
    file = tmp_path / "large.har"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="an entry is larger"):
        list(read(file))


def test_base64_may_be_cut_into_lines(tmp_path):
    text = base64.encodebytes(bytes(200)).decode()
    (_, answer) = read_all(
        har(tmp_path, entry(response={"content": {"text": text, "encoding": "base64"}}))
    )
    assert answer.body == bytes(200)
