"""What `curl --trace` and `--trace-ascii` wrote, read as what went over the line."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.cli.curl_trace import looks_like_trace, untraced
from gateway.cli.transcript import read_stream
from tests.cli.wraps import BODY, CARD, HOST, NUMBER, PATH

# curl 7.88.1, as it wrote it.
REAL = """== Info:   Trying 127.0.0.1:42113...
== Info: Connected to 127.0.0.1 (127.0.0.1) port 42113 (#0)
=> Send header, 143 bytes (0x8f)
0000: POST /v1/charges HTTP/1.1
001b: Host: 127.0.0.1:42113
0032: User-Agent: curl/7.88.1
004b: Accept: */*
0058: Content-Type: application/json
0078: Content-Length: 128
008d: 
=> Send data, 128 bytes (0x80)
0000: {"amount": 1000, "card": {"pan": "4111111111111111", "expiry": "
0040: 0929", "cvv": "917", "holder": "ADA LOVELACE"}, "note": ".."}
007f:  
<= Recv header, 22 bytes (0x16)
0000: HTTP/1.1 201 Created
<= Recv header, 20 bytes (0x14)
0000: Content-Length: 28
<= Recv header, 2 bytes (0x2)
0000: 
<= Recv data, 28 bytes (0x1c)
0000: {"id":"ch-1","state":"paid"}
== Info: Connection #0 to host 127.0.0.1 left intact
"""  # noqa: W291 - as it came
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"  # fmt: skip
ANSWER = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n"


def block(mark, content, *, as_text, before=""):
    """As `dump()` of curl's own documentation writes it."""
    lines, at, width = [f"{before}{mark}, {len(content)} bytes (0x{len(content):x})"], 0, 64 if as_text else 16  # fmt: skip
    while at < len(content):
        piece = content[at : at + width]
        step = len(piece)
        if as_text:
            end = content.find(b"\r\n", at, at + width + 2)
            if end >= 0:
                piece, step = content[at:end], end - at + 2
            shown = "".join(chr(one) if 0x20 <= one < 0x7F else "." for one in piece)
        else:
            digits = "".join(f"{one:02x} " for one in piece).ljust(3 * width)
            shown = digits + "".join(chr(one) if 0x20 <= one < 0x7F else "." for one in piece)
        lines.append(f"{at:04x}: {shown}")
        at += step
    return "\n".join(lines) + "\n"


def trace(*, as_text, before=""):
    more = {"as_text": as_text, "before": before}
    return (
        f"{before}== Info: Trying\n"
        + block("=> Send header", HEAD.encode(), **more)
        + block("=> Send data", BODY.encode(), **more)
        + block("<= Recv SSL data", b"\x17\x03\x03", **more)
        + block("<= Recv header", ANSWER[:22].encode(), **more)
        + block("<= Recv header", ANSWER[22:].encode(), **more)
        + block("<= Recv data", b"{}", **more)
        + f"{before}== Info: Closing connection 0\n"
    )


def recorded(text):
    return list(read_stream(BytesIO(text.encode()), Path("a.txt")))


def test_what_curl_wrote_is_read_to_the_byte():
    asked, answer = recorded(REAL)
    assert (asked.method, asked.path, asked.line, asked.complete) == ("POST", PATH, 3, True)
    assert len(asked.body) == 128
    assert json.loads(asked.body)["card"] == CARD["card"]
    assert asked.body.endswith(b"}\r\n ")
    assert (answer.status, answer.body, answer.line) == (201, b'{"id":"ch-1","state":"paid"}', 15)


@pytest.mark.parametrize("before", ["", "10:02:03.123456 ", "10:02:03.123456 [0-0] "])
@pytest.mark.parametrize("as_text", [True, False])
def test_each_way_of_writing_it_says_the_same(as_text, before):
    text = trace(as_text=as_text, before=before)
    for one in (text, text * 2):
        asked, answer, *more = recorded(one)
        assert (asked.body, str(asked.authority)) == (BODY.encode(), f"https://{HOST}")
        assert (answer.status, answer.body) == (201, b"{}")
        assert [m.exchange for m in more] == ([2, 2] if one != text else [])


@settings(max_examples=200)
@given(st.binary(min_size=1, max_size=300), st.sampled_from([b"", b"\r\n", b" ", b"\r\n\r\n"]))
def test_bytes_come_back_whatever_they_are(content, end):
    content += end
    text = block("=> Send header", HEAD.encode(), as_text=False) + block("=> Send data", content, as_text=False)  # fmt: skip
    ((_, read),) = untraced(text.encode())
    assert read == HEAD.encode() + content


@settings(max_examples=200)
@given(st.text(st.sampled_from('a1{}" :.\r\n'), min_size=1, max_size=300))
@example("11 ")
def test_and_of_text_all_but_what_is_a_dot(content):
    raw = content.encode()
    text = block("=> Send header", HEAD.encode(), as_text=True) + block("=> Send data", raw, as_text=True)  # fmt: skip
    ((_, read),) = untraced(text.encode())
    plain = raw.replace(b"\r\n", b"\0\0").replace(b"\r", b".").replace(b"\n", b".").replace(b"\0\0", b"\r\n")  # fmt: skip
    assert read == HEAD.encode() + plain


def test_what_somebody_edited_is_read_with_its_lines():
    edited = REAL.replace(NUMBER, "5555555555554444123").replace("127.0.0.1:42113", "pay.payvale.example")  # fmt: skip
    asked, _ = recorded(edited)
    assert str(asked.authority) == f"https://{HOST}"
    assert b"5555555555554444123" in asked.body


@pytest.mark.parametrize("text", [BODY, "0000: a\n", "=> Send header, a bytes", "> POST / HTTP/1.1"])  # fmt: skip
def test_another_text_is_no_trace(text):
    assert not looks_like_trace(text.encode())
