"""Bad HTTP, and what is none, at both listeners: a problem answer, and nothing goes anywhere.

The big corpus of smuggling shapes is in tests/engine; here are the few that show the whole gateway
at work.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from contextlib import contextmanager

import pytest

from tests.e2e.strict import CANARY, SLOW_SECONDS
from tests.e2e.test_bad_input import GOOD, form

pytestmark = pytest.mark.usefixtures("quiet")


class Raw:
    """A TLS connection to one of the listeners; on the proxy through a CONNECT to Stripe's."""

    def __init__(self, gateway, listener):
        address = getattr(gateway.addresses, listener)
        self.plain = socket.create_connection(address, timeout=10)
        name = "localhost"
        if listener == "proxy":
            name = "stripe.sandbox.test"
            target = f"{name}:{gateway.sandbox.ports['stripe']}".encode()
            self.plain.sendall(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, target))
            assert self.plain.recv(1000).startswith(b"HTTP/1.1 200")
        context = ssl.create_default_context(cafile=gateway.ca)
        self.tls = context.wrap_socket(self.plain, server_hostname=name)

    def send(self, *parts):
        for part in parts:
            self.tls.sendall(part)

    def read(self):
        """All that comes until the gateway closes."""
        got = b""
        while True:
            try:
                more = self.tls.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError, BrokenPipeError):
                return got
            if not more:
                return got
            got += more


@contextmanager
def connected(gateway, listener):
    raw = Raw(gateway, listener)
    try:
        yield raw
    finally:
        raw.tls.close()
        raw.plain.close()


def head(gateway, listener, *fields, line=None):
    """A request's head that would be taken, but for `fields`."""
    if listener == "proxy":
        start = b"POST /v1/payment_intents HTTP/1.1"
        own = (
            f"Host: stripe.sandbox.test:{gateway.sandbox.ports['stripe']}",
            f"X-Api-Key: {gateway.the_key}",
            "Content-Type: application/x-www-form-urlencoded",
        )
    else:
        start = b"POST /push/channex HTTP/1.1"
        own = (
            "Host: localhost",
            f"X-Push-Key: {gateway.secret('push-key')}",
            "Content-Type: application/json",
        )
    lines = [line or start, *(field.encode() for field in own), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def body(gateway, listener):
    return form(gateway).encode() if listener == "proxy" else GOOD


def check_raw(got, status, code):
    """One answer and no more; a problem; nothing in it that came in."""
    top, _, rest = got.partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(rest) in top.lower() + b"\r\n"
    assert top.startswith(b"HTTP/1.1 %d " % status), got[:300]
    assert json.loads(rest)["code"] == code
    assert b"connection: close" in top.lower()
    assert CANARY.encode() not in got


LISTENERS = pytest.mark.parametrize("listener", ["proxy", "endpoints"])
HTTP = (400, "http_invalid")


@LISTENERS
@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ((b"Content-Length: %d", b"Content-Length: 0"), *HTTP),
        ((b"Content-Length: %d", b"Content-Length: %d"), *HTTP),
        ((b"Content-Length: %d", b"Transfer-Encoding: chunked"), *HTTP),
        ((b"Content-Length: +%d",), *HTTP),
        ((b"Content-Length: -1",), *HTTP),
        ((b"Content-Length : %d",), *HTTP),
        ((b"Content-Length: %d", b"X-A: a\r\n b"), *HTTP),
        ((b"Content-Length: %d", b"X-A: a\nX-B: b"), *HTTP),
        ((b"Content-Length: %d", b"X-A: a\x00b"), *HTTP),
        ((b"Content-Length: %d", b"Host: other.test"), *HTTP),
        ((b"Content-Length: %d", b"Upgrade: websocket", b"Connection: Upgrade"), *HTTP),
        ((b"Content-Length: %d", b"Expect: 200-maybe"), *HTTP),
        ((b"Content-Length: %d", b"Connection: X-Api-Key"), *HTTP),
        ((b"Transfer-Encoding: gzip, chunked",), *HTTP),
        ((b"Transfer-Encoding: chunked, chunked",), *HTTP),
        ((b"Transfer-Encoding: xchunked",), *HTTP),
        ((b"Transfer-Encoding: chunked", b"Trailer: X-Card"), *HTTP),
        ((b"no colon " + CANARY.encode(),), *HTTP),
        ((b"X " + CANARY.encode() + b": a",), *HTTP),
    ],
    ids=[
        "two-lengths", "same-length-twice", "length-and-chunked", "plus", "negative", "blank-before-colon",
        "folded", "bare-lf", "nul", "two-hosts", "upgrade", "expect", "connection-lists-a-field",
        "gzip-chunked", "chunked-twice", "xchunked", "trailer", "no-colon", "bad-name",
    ],
)  # fmt: skip
def test_p34_smuggling_shapes(strict, listener, fields, status, code):
    content = body(strict, listener)
    fields = [field % len(content) if b"%d" in field else field for field in fields]
    hidden = (
        b"POST /v1/payment_intents HTTP/1.1\r\nHost: a\r\nX-Card: " + CANARY.encode() + b"\r\n\r\n"
    )
    with connected(strict, listener) as raw:
        raw.send(head(strict, listener, *fields) + content + hidden)
        check_raw(raw.read(), status, code)


@LISTENERS
@pytest.mark.parametrize(
    "line",
    [
        b"GET /" + CANARY.encode() + b" HTTP/2.0",
        b"POST  /v1/tokens HTTP/1.1",
        b"POST /v1/tokens",
        b"TRACE /v1/tokens HTTP/1.1",
        b"CONNECT stripe.sandbox.test:443 HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"POST /v1/tokens#a HTTP/1.1",
        CANARY.encode(),
        bytes(range(128, 250)),
    ],
)
def test_p34_request_lines(strict, listener, line):
    with connected(strict, listener) as raw:
        raw.send(head(strict, listener, line=line))
        check_raw(raw.read(), *HTTP)


@LISTENERS
@pytest.mark.parametrize(
    "chunks",
    [
        b"%x;card=4539148803436467\r\n%b\r\n0\r\n\r\n",
        b"%x\r\n%bXX0\r\n\r\n",
        b"-%x\r\n%b\r\n0\r\n\r\n",
        b"0x%x\r\n%b\r\n0\r\n\r\n",
        b"%x\n%b\n0\n\n",
        b"%x\r\n%b\r\n0\r\nX-Card: 4539148803436467\r\n\r\n",
        b"zz4539148803436467 %x\r\n%b\r\n0\r\n\r\n",
    ],
    ids=["extension", "no-crlf", "negative", "0x", "bare-lf", "trailers", "garbage"],
)
def test_p34_chunks(strict, listener, chunks):
    content = body(strict, listener)
    with connected(strict, listener) as raw:
        raw.send(
            head(strict, listener, b"Transfer-Encoding: chunked"), chunks % (len(content), content)
        )
        check_raw(raw.read(), *HTTP)


@LISTENERS
def test_a_head_over_the_limit_is_not_waited_for(strict, listener):
    with connected(strict, listener) as raw:
        raw.send(
            head(strict, listener)[:-4] + b"\r\nX-Fill: " + CANARY.encode() * 1500
        )  # and no end
        started = time.monotonic()
        check_raw(raw.read(), 431, "head_too_large")
        assert time.monotonic() - started < SLOW_SECONDS + 20


@LISTENERS
def test_a_body_over_the_limit_is_refused_by_its_length_alone(strict, listener):
    with connected(strict, listener) as raw:
        raw.send(head(strict, listener, b"Content-Length: 5000000", b"Expect: 100-continue"))
        check_raw(raw.read(), 413, "body_too_large")


@LISTENERS
def test_a_body_over_the_limit_is_refused_while_it_comes(strict, listener):
    with connected(strict, listener) as raw:
        raw.send(head(strict, listener, b"Transfer-Encoding: chunked"))
        raw.send(b"1000\r\n" + CANARY.encode() * 256 + b"\r\n")
        for _ in range(70):
            raw.send(b"1000\r\n" + b"a" * 4096 + b"\r\n")
        check_raw(raw.read(), 413, "body_too_large")


@LISTENERS
def test_p33_a_slow_head(strict, listener):
    with connected(strict, listener) as raw:
        started = time.monotonic()
        raw.send(b"POST /" + CANARY.encode())
        check_raw(raw.read(), 408, "request_timeout")
        assert SLOW_SECONDS * 0.8 < time.monotonic() - started < SLOW_SECONDS + 20


@LISTENERS
def test_p33_a_slow_body(strict, listener):
    content = body(strict, listener)
    with connected(strict, listener) as raw:
        started = time.monotonic()
        raw.send(head(strict, listener, b"Content-Length: %d" % len(content)), content[:-1])
        check_raw(raw.read(), 408, "request_timeout")
        assert SLOW_SECONDS * 0.8 < time.monotonic() - started < SLOW_SECONDS + 20


@LISTENERS
def test_a_body_that_ends_early_is_forwarded_to_nobody(strict, listener):
    content = body(strict, listener)
    with connected(strict, listener) as raw:
        raw.send(head(strict, listener, b"Content-Length: %d" % (len(content) + 1)), content)
        raw.tls.shutdown(socket.SHUT_WR)
        raw.read()  # whatever is said to a peer that said it is through; `quiet` looks at the rest


def test_p33_no_tls_at_all_on_the_endpoints(strict):
    with socket.create_connection(strict.addresses.endpoints, timeout=10) as plain:
        plain.sendall(b"POST /push/channex HTTP/1.1\r\nX-Card: " + CANARY.encode() + b"\r\n\r\n")
        got = b""
        while more := plain.recv(1000):
            got += more
    assert CANARY.encode() not in got


def test_p08_something_else_than_http_in_a_tunnel(strict):
    with socket.create_connection(strict.addresses.proxy, timeout=10) as plain:
        target = f"stripe.sandbox.test:{strict.sandbox.ports['stripe']}".encode()
        plain.sendall(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, target))
        assert plain.recv(1000).startswith(b"HTTP/1.1 200")
        plain.sendall(b"SSH-2.0-" + CANARY.encode() + b"\r\n")
        got = b""
        while more := plain.recv(1000):
            got += more
    assert CANARY.encode() not in got
