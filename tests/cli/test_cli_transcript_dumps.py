"""Recorded messages in hex dumps, and in go-vcr's cassettes."""

from __future__ import annotations

import json

import pytest

from gateway.cli.hex_dumps import undumped
from gateway.cli.transcript import read_all

CARD = "4111111111111111"
BODY = json.dumps({"card": {"number": CARD, "exp": "12/30"}})
HTTP = f"POST /v1/charge HTTP/1.1\r\nHost: api.pay.example\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"


def dump(data, form, before=b""):
    whole = before + data
    rows = [(at, whole[at : at + 16]) for at in range(0, len(whole), 16)]
    return "".join(
        form.format(at=at, hex=row.hex(" ", 2 if "4" in form else 1)) for at, row in rows
    )


@pytest.mark.parametrize(
    "form", ["{at:08x}  {hex}  |x|\n", "{at:06x} {hex}\n", "{at:04x}   {hex}\n"]
)
def test_p15_a_dump_is_what_it_shows(tmp_path, form):
    (tmp_path / "a.txt").write_text(dump(HTTP.encode(), form))
    (one,) = read_all(tmp_path / "a.txt")
    assert (one.method, one.path, one.authority.host) == ("POST", "/v1/charge", "api.pay.example")
    assert one.body == BODY.encode()


@pytest.mark.parametrize("options", [0, 12])
def test_of_a_packet_what_it_carries(tmp_path, options):
    tcp = bytes(12) + bytes([(20 + options) // 4 << 4]) + bytes(7 + options)
    packet = b"\x45" + bytes(19) + tcp
    half = len(HTTP) // 2
    text = "".join(
        "10:00:00.1 IP a.1 > b.443: Flags [P.]\n" + dump(piece.encode(), "\t0x{at:04x}:  {hex}  x\n", packet)
        for piece in (HTTP[:half], HTTP[half:])
    )  # fmt: skip
    (tmp_path / "a.txt").write_text(text)
    (one,) = read_all(tmp_path / "a.txt")
    assert one.body == BODY.encode()


@pytest.mark.parametrize(
    "text",
    [b"", b"a text\n", HTTP.encode(), b"1234 12 34\n", b"10001 4111 1111 1111 1111\n10002 5555 5555 5555 4444\n", b"2026 11 01 10 00 00 12 a log\n" + b"words\n" * 3],
)  # fmt: skip
def test_what_is_no_dump_stays(text):
    assert undumped(text) is None


GO_VCR = """---
version: {version}
interactions:
- request:
    body: '{body}'
    form: {{}}
    headers:
      Content-Type:
      - application/json
    url: https://api.pay.example/v1/charge
    method: POST
  response:
    body: '{{"ok": true}}'
    headers: {{}}
    status: {status}
    code: {code}
"""


@pytest.mark.parametrize(("version", "status"), [(1, "201 Created"), (2, "''")])
def test_p15_a_cassette_of_go_vcr(tmp_path, version, status):
    text = GO_VCR.format(version=version, body=BODY, status=status, code=201)
    (tmp_path / "a.yaml").write_text(text)
    request, response = read_all(tmp_path / "a.yaml")
    assert (request.method, request.path, request.body) == ("POST", "/v1/charge", BODY.encode())
    assert request.authority.host == "api.pay.example"
    assert (response.way, response.status) == ("response", 201)


def test_one_whose_answer_was_not_recorded(tmp_path):
    text = GO_VCR.format(version=1, body=BODY, status="''", code=0).partition("  response:")[0]
    (tmp_path / "a.yaml").write_text(text)
    assert [one.way for one in read_all(tmp_path / "a.yaml")] == ["request"]
