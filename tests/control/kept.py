"""Answers in a vault, and a stand-in for the rules: what the tests of `/v1/exchanges` share."""

from __future__ import annotations

import socket

from tests.vault.makers import answer, keep, listed

CANARY = "4539578763621486"
BODY = b'<?xml version="1.0"?>\r\n<a>\xc3\xa9\x00</a>\n'
HEAD = (
    b"Content-Type: text/xml; charset=utf-8\r\nX-Odd: \xe9 b\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
    b"Content-Length: 999\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nDate: then\r\n"
    b"X-Gateway-Exchange: other\r\nX-Gateway-Cards: found=1 tokenized=1 failed=0"
)


class Replay:
    """Stands in for the rules: what it was asked, and what it shall answer."""

    def __init__(self):
        self.asked, self.kept_as = [], []
        self.outcome = self.before = None

    async def __call__(self, client, exchange, key, kept_as):
        self.asked.append((client, exchange))
        self.kept_as.append(kept_as)
        if self.before is not None:
            await self.before()
        if isinstance(self.outcome, type):
            raise self.outcome
        return self.outcome


def spool(vault, exchange, **more):
    more = {"headers": HEAD, "body": BODY} | more
    keep(vault, answer=lambda kept: answer(exchange, **more))


def states(vault):
    return {row.exchange: row.state.value for row in listed(vault)}


def ids(response):
    assert response.status_code == 200, response.text
    return [row["exchange"] for row in response.json()]


def raw(control, path, key):
    with socket.create_connection(control.address, 5) as plain:
        head = f"GET {path} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nConnection: close\r\n\r\n"
        plain.sendall(head.encode())
        got = b""
        while piece := plain.recv(65536):
            got += piece
    return got
