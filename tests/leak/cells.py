"""The cells of the leak matrix: where a canary card number stands, and who sent it.

A cell is played against the gateway and against stock mitmproxy alike.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy.exceptions import AddonHalt

CANARY = b"4929000000006"
_BIG = b"a" * 100_000


class Odd(BaseException):
    """An exception that `except Exception` does not see."""


FAULTS: dict[str, type[BaseException]] = {
    "error": RuntimeError,
    "memory": MemoryError,
    "recursion": RecursionError,
    "halt": AddonHalt,
    "odd": Odd,
}

# What upstream answers, and nobody may see. None of it is an acceptable answer.
REFUSED_ANSWERS: dict[str, bytes] = {
    "status_line": b"HTTP/1.1 " + CANARY + b" OK\r\nContent-Length: 0\r\n\r\n",
    "status_version": b"HTTP/" + CANARY + b" 200 OK\r\n\r\n",
    "garbage": b"card " + CANARY + b"\r\n\r\n",
    "garbage_binary": b"\x00\x01" + CANARY + b"\xff\r\n\r\n",
    "http_0_9": b"<html>" + CANARY + b"</html>",
    "header_without_colon": b"HTTP/1.1 200 OK\r\nX " + CANARY + b"\r\nContent-Length: 0\r\n\r\n",
    "header_name": b"HTTP/1.1 200 OK\r\nX(" + CANARY + b"): 1\r\nContent-Length: 0\r\n\r\n",
    "header_folded": b"HTTP/1.1 200 OK\r\nX: 1\r\n " + CANARY + b"\r\nContent-Length: 0\r\n\r\n",
    "header_nul": b"HTTP/1.1 200 OK\r\nX: \x00" + CANARY + b"\r\nContent-Length: 0\r\n\r\n",
    "header_bare_lf": b"HTTP/1.1 200 OK\nX: " + CANARY + b"\n\n",
    "head_too_large": b"HTTP/1.1 200 OK\r\nX: " + CANARY + _BIG + b"\r\n\r\n",
    "length_garbage": b"HTTP/1.1 200 OK\r\nContent-Length: x" + CANARY + b"\r\n\r\n",
    "length_twice": b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Length: 1\r\n\r\n" + CANARY,
    "length_and_chunked": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n" + CANARY
    ),
    "coding_garbage": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: x" + CANARY + b"\r\n\r\n",
    "coding_gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n" + CANARY,
    "interim_100": b"HTTP/1.1 100 Continue\r\nX: " + CANARY + b"\r\n\r\n",
    "interim_103": (
        b"HTTP/1.1 103 Early Hints\r\nX: " + CANARY + b"\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    ),
    "switch_101": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + CANARY
    ),
    "chunk_extension": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;c="
        + CANARY
        + b"\r\nhi\r\n0\r\n\r\n"
    ),
    "chunk_size": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx" + CANARY + b"\r\nhi\r\n0\r\n\r\n"
    ),
    "chunk_end": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n" + CANARY + b"XX0\r\n\r\n"
    ),
    "trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: "
        + CANARY
        + b"\r\n\r\n"
    ),
    "truncated": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + CANARY,
    "truncated_chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n" + CANARY + b"\r\n"
    ),
    "truncated_head": b"HTTP/1.1 200 OK\r\nX: " + CANARY,
}
# What upstream answers well, and a fault in `answer` keeps from the client.
ANSWERS: dict[str, bytes] = {
    "reason": b"HTTP/1.1 200 " + CANARY + b"\r\nContent-Length: 0\r\n\r\n",
    "header_value": b"HTTP/1.1 200 OK\r\nX: " + CANARY + b"\r\nContent-Length: 0\r\n\r\n",
    "header_name": b"HTTP/1.1 200 OK\r\nX-" + CANARY + b": 1\r\nContent-Length: 0\r\n\r\n",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + CANARY,
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n"
    + CANARY
    + b"\r\n0\r\n\r\n",
    "until_close": b"HTTP/1.1 200 OK\r\n\r\n" + CANARY,
    "error_page": b"HTTP/1.1 500 Oops\r\nContent-Length: 13\r\n\r\n" + CANARY,
}


def _gzip_answer() -> bytes:
    body = gzip.compress(CANARY, 0)  # stored: the canary stands in it as it is
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


ANSWERS["gzip"] = _gzip_answer()


@dataclass(frozen=True)
class Place:
    """How a request to `target` (what stands in its first line) at `host` looks."""

    make: Callable[[bytes, bytes], bytes]

    def request(self, target: bytes, host: bytes) -> bytes:
        return self.make(target, host)


def _with(extra: bytes, body: bytes = b"", method: bytes = b"POST") -> Place:
    return Place(
        lambda target, host: (
            method
            + b" "
            + target
            + b" HTTP/1.1\r\nHost: "
            + host
            + b"\r\n"
            + extra
            + b"\r\n"
            + body
        )
    )


# What a client may not send, however the pipeline thinks of it.
REFUSED_REQUESTS: dict[str, Place] = {
    "first_line": Place(lambda target, host: b"GET " + target + b" " + CANARY + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"),
    "first_line_version": Place(lambda target, host: b"GET " + target + b" HTTP/" + CANARY + b"\r\nHost: " + host + b"\r\n\r\n"),
    "method": _with(b"", method=b"G(" + CANARY + b")"),
    "header_without_colon": _with(b"X " + CANARY + b"\r\n"),
    "header_name": _with(b"X(" + CANARY + b"): 1\r\n"),
    "header_blank_before_colon": _with(b"X-Card : " + CANARY + b"\r\n"),
    "header_folded": _with(b"X: 1\r\n\t" + CANARY + b"\r\n"),
    "header_nul": _with(b"X: \x00" + CANARY + b"\r\n"),
    "header_bare_lf": _with(b"X: 1\nY: " + CANARY + b"\r\n"),
    "header_bare_cr": _with(b"X: 1\rY: " + CANARY + b"\r\n"),
    "head_too_large": _with(b"X: " + CANARY + _BIG + b"\r\n"),
    "host_twice": _with(b"Host: " + CANARY + b".test\r\n"),
    "host_other": Place(lambda target, host: b"GET " + target + b" HTTP/1.1\r\nHost: @" + CANARY + b"\r\n\r\n"),
    "length_twice": _with(b"Content-Length: 13\r\nContent-Length: 2\r\n", CANARY),
    "length_garbage": _with(b"Content-Length: x" + CANARY + b"\r\n"),
    "length_and_chunked": _with(b"Content-Length: 13\r\nTransfer-Encoding: chunked\r\n", CANARY),
    "coding_x_chunked": _with(b"Transfer-Encoding: xchunked" + CANARY + b"\r\n", CANARY),
    "chunk_extension": _with(b"Transfer-Encoding: chunked\r\n", b"2;c=" + CANARY + b"\r\nhi\r\n0\r\n\r\n"),
    "chunk_size": _with(b"Transfer-Encoding: chunked\r\n", b"x" + CANARY + b"\r\nhi\r\n0\r\n\r\n"),
    "chunk_end": _with(b"Transfer-Encoding: chunked\r\n", b"d\r\n" + CANARY + b"XX0\r\n\r\n"),
    "trailer": _with(b"Transfer-Encoding: chunked\r\n", b"2\r\nhi\r\n0\r\nX: " + CANARY + b"\r\n\r\n"),
    "trailer_announced": _with(b"Trailer: X-" + CANARY + b"\r\nContent-Length: 0\r\n"),
    "upgrade_websocket": _with(
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        + CANARY + b"\r\n", method=b"GET",
    ),
    "upgrade_h2c": _with(
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: " + CANARY + b"\r\n",
        method=b"GET",
    ),
    "http2_preface": Place(lambda *_: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + CANARY),
    "connect_again": Place(lambda *_: b"CONNECT x" + CANARY + b".test:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "trace": _with(b"X: " + CANARY + b"\r\n", method=b"TRACE"),
    "fragment": Place(lambda target, host: b"GET " + target + b"#" + CANARY + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"),
    "expect": _with(b"Expect: " + CANARY + b"\r\nContent-Length: 0\r\n"),
}  # fmt: skip
# What a client may send, and a fault in `admit` or `send` keeps from upstream.
REQUESTS: dict[str, Place] = {
    "path": Place(lambda target, host: b"GET " + target + CANARY + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"),
    "query": Place(lambda target, host: b"GET " + target + b"?c=" + CANARY + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"),
    "header_value": _with(b"X: " + CANARY + b"\r\nContent-Length: 0\r\n"),
    "header_name": _with(b"X-" + CANARY + b": 1\r\nContent-Length: 0\r\n"),
    "body": _with(b"Content-Length: 13\r\n", CANARY),
    "chunk": _with(b"Transfer-Encoding: chunked\r\n", b"d\r\n" + CANARY + b"\r\n0\r\n\r\n"),
}  # fmt: skip
# What a client may not say in place of TLS after a CONNECT.
AFTER_CONNECT: dict[str, tuple[int, bytes]] = {
    "dns_53": (53, b"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x0d" + CANARY + b"\x00\x00\x01\x00\x01"),
    "dns_5353": (5353, b"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x0d" + CANARY + b"\x00\x00\x01\x00\x01"),
    "raw_tcp": (443, b"card\x00" + CANARY),
    "plain_http": (443, b"GET /" + CANARY + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "ssh": (22, b"SSH-2.0-" + CANARY + b"\r\n"),
    "http2": (443, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + CANARY),
}  # fmt: skip
