"""One exchange through the real engine: what arrives, on either side."""

from __future__ import annotations

import asyncio
import gzip
import re
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway.engine.settings import Limits
from gateway.errors import ProxyKeyInvalid
from gateway.exchange import Authority, Blind, Tunnel
from tests.engine.lab import Loop, lab
from tests.engine.upstream import OK, Upstream
from tests.engine.wire import Wire


def _request_line(upstream: Upstream, number: int = -1) -> bytes:
    return upstream.requests[number].partition(b"\r\n")[0]


def test_connect_and_keep_alive_on_both_sides(any_world):
    upstream = any_world.upstream("a.test")
    any_world.start()
    with any_world.tunnel("a.test") as wire:
        for path in ("/one?x=1", "/two"):
            answer = wire.ask(any_world.get("a.test", path))
            assert (answer.status, answer.body) == (200, b"hi")
    assert upstream.connections == 1
    assert upstream.sni == ["a.test"]
    assert _request_line(upstream, 0) == b"GET /one?x=1 HTTP/1.1"
    any_world.wait_ended(2)
    assert [error for _, error in any_world.plan.ended] == [None, None]


def test_absolute_form_http(any_world):
    upstream = any_world.upstream("plain.test", tls=False)
    any_world.start()
    port = upstream.port
    with any_world.proxy() as wire:
        answer = wire.ask(
            f"GET http://plain.test:{port}/p HTTP/1.1\r\nHost: plain.test:{port}\r\n"
            "Proxy-Authorization: Basic eDp5\r\nProxy-Connection: keep-alive\r\n\r\n".encode()
        )
    assert answer.status == 200
    assert _request_line(upstream) == b"GET /p HTTP/1.1"
    assert b"roxy-" not in upstream.requests[0]


def test_endpoints_alternating_routes_keep_their_connections(any_world):
    one, two = any_world.upstream("one.test"), any_world.upstream("two.test")
    any_world.start()
    for name, server in (("one", one), ("two", two)):
        any_world.plan.endpoints[name] = Authority("https", f"{name}.test", server.port)
    with any_world.endpoints() as wire:
        for name in ("one", "two", "one", "two"):
            answer = wire.ask(f"GET /{name}/x HTTP/1.1\r\nHost: gateway.test\r\n\r\n".encode())
            assert answer.status == 200
    assert (one.connections, two.connections) == (1, 1)
    assert (one.sni, two.sni) == (["one.test"], ["two.test"])
    assert f"Host: one.test:{one.port}".encode() in one.requests[0]


def test_tls_proxy(any_world):
    any_world.upstream("a.test")
    any_world.start(proxy_tls=True)
    with any_world.tunnel("a.test", wire=any_world.tls_proxy()) as wire:
        assert wire.ask(any_world.get("a.test")).body == b"hi"
    any_world.wait_ended(1)
    assert any_world.plan.ended[0][0].peer.tls


def test_unchanged_answer_keeps_its_bytes_headers_and_coding(world):
    body = gzip.compress(b"reservation" * 50)
    reply = (
        b"HTTP/1.1 201 Made so\r\nContent-Type: text/xml;  charset=utf-8\r\nX-Two: a\r\nx-two: b\r\n"
        b'Content-Encoding: gzip\r\nETag: "v1"\r\nServer-Timing: db;dur=5\r\nX-Gateway-Cards: lie\r\n'
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body
    world.upstream("a.test", Upstream(lambda *_: reply))
    world.start()
    world.plan.on_admit = lambda exchange: setattr(exchange, "id", "my-own-id_01")
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test"))
    assert (answer.status, answer.reason, answer.body) == (201, "Made so", body)
    assert answer.headers[:6] == [
        ("content-type", "text/xml;  charset=utf-8"),
        ("x-two", "a"),
        ("x-two", "b"),
        ("content-encoding", "gzip"),
        ("etag", '"v1"'),
        ("server-timing", "db;dur=5"),
    ]
    assert answer.one("x-gateway-exchange") == "my-own-id_01"
    assert answer.one("x-gateway-cards") == "found=0 tokenized=0 failed=0"
    timing = answer.all("server-timing")[1]
    assert re.fullmatch(r"upstream;dur=[\d.]+, gateway;dur=[\d.]+, vault;dur=0.0", timing)


def test_changed_answer_goes_out_plain_and_without_what_described_the_old_one(world):
    reply = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nETag: x\r\nDigest: sha-256=x\r\n"
        b"Content-MD5: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    world.upstream("a.test", Upstream(lambda *_: reply))

    def change(exchange):
        assert exchange.response.body == b"abc"
        exchange.response.body = b"changed!"

    world.plan.on_answer = change
    world.start()
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test"))
    assert answer.body == b"changed!"
    assert answer.one("content-length") == "8"
    for name in ("content-encoding", "etag", "digest", "content-md5", "transfer-encoding"):
        assert answer.one(name) is None


def test_changed_request_goes_upstream_plain(world):
    upstream = world.upstream("a.test")

    def change(exchange):
        exchange.request.body = b"card=4444333322221111"

    world.plan.on_send = change
    world.start()
    with world.tunnel("a.test") as wire:
        head = (
            f"POST /c HTTP/1.1\r\nHost: a.test:{upstream.port}\r\nContent-Encoding: gzip\r\n"
            "Content-MD5: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        )
        assert wire.send(head.encode()).response().status == 100
        assert wire.ask(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").status == 200
    head, _, body = upstream.requests[0].partition(b"\r\n\r\n")
    assert body == b"card=4444333322221111"
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert names == [b"host", b"content-length"]


def test_head_204_and_304_have_no_body(world):
    replies = {
        b"HEAD": b"HTTP/1.1 200 OK\r\nContent-Length: 4711\r\n\r\n",
        b"PUT ": b"HTTP/1.1 204 No Content\r\n\r\n",
        b"GET ": b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 12\r\n\r\n",
    }
    upstream = world.upstream("a.test", Upstream(lambda request, _: replies[request[:4]]))
    world.start()
    host = f"Host: a.test:{upstream.port}\r\n\r\n"
    with world.tunnel("a.test") as wire:
        head = wire.send(f"HEAD / HTTP/1.1\r\n{host}".encode()).response(head_only=True)
        assert head.one("content-length") == "4711"
        empty = wire.ask(f"PUT / HTTP/1.1\r\nContent-Length: 0\r\n{host}".encode())
        assert (empty.status, empty.one("content-length")) == (204, None)
        same = wire.ask(f"GET / HTTP/1.1\r\n{host}".encode())
        assert (same.status, same.one("content-length")) == (304, "12")
    assert upstream.connections == 1


def test_answer_that_ends_with_its_connection(world):
    reply = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end"
    upstream = world.upstream("a.test", Upstream(lambda *_: reply, close=True))
    world.start()
    with world.tunnel("a.test") as wire:
        for _ in range(2):
            assert wire.ask(world.get("a.test")).body == b"until the end"
    assert upstream.connections == 2


def test_pipelined_requests_are_answered_in_order(world):
    world.upstream("a.test", Upstream(lambda _, n: OK.replace(b"hi", b"%02d" % n)))
    world.start()
    with world.tunnel("a.test") as wire:
        wire.send(world.get("a.test") * 3 + world.get("a.test", extra="Connection: close\r\n"))
        data = wire.rest()
    assert re.findall(rb"\r\n\r\n(\d\d)", data) == [b"01", b"02", b"03", b"04"]


def test_http_1_0_client(world):
    world.upstream("plain.test", tls=False)
    world.start()
    port = world.port("plain.test")
    with world.proxy() as wire:
        data = wire.send(f"GET http://plain.test:{port}/ HTTP/1.0\r\n\r\n".encode()).rest()
    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert data.endswith(b"hi")


def test_upstream_that_is_gone_is_dialled_anew(world):
    upstream = world.upstream("a.test", Upstream(close=True))
    world.start()
    with world.tunnel("a.test") as wire:
        for _ in range(3):
            assert wire.ask(world.get("a.test")).status == 200
            time.sleep(0.05)
    assert upstream.connections == 3


def test_p10_range_is_dropped_and_codings_are_narrowed(world):
    upstream = world.upstream("a.test")
    world.start()
    extra = "Range: bytes=0-9\r\nIf-Range: x\r\nAccept-Encoding: br, zstd, hex;q=0.1\r\n"
    with world.tunnel("a.test") as wire:
        wire.ask(world.get("a.test", extra=extra))
        wire.ask(world.get("a.test"))
    assert b"range" not in upstream.requests[0].lower()
    assert b"Accept-Encoding: gzip, identity\r\n" in upstream.requests[0]
    assert b"accept-encoding" not in upstream.requests[1].lower()


def test_blind_tunnel_passes_bytes_unseen(any_world):
    upstream = any_world.upstream("blind.test")
    any_world.start()
    any_world.plan.on_connect = lambda peer, host, port, headers: Blind(host, port)
    with any_world.connect("blind.test") as wire:
        assert upstream.connections == 0  # nothing is dialled on CONNECT
        wire.start_tls(any_world.ca.client_context(), "blind.test")  # upstream's own certificate
        assert wire.ask(b"GET / HTTP/1.1\r\nX-Seen: no\r\n\r\n").body == b"hi"
    assert b"X-Seen: no" in upstream.requests[0]
    assert any_world.plan.seen == ["connect"]


def test_client_certificate_is_told_by_its_fingerprint(world, ca):
    world.upstream("a.test")
    issued = ca.issue("channel-manager", client=True)
    world.start()
    world.plan.endpoints["a"] = Authority("https", "a.test", world.port("a.test"))
    context = ca.client_context()
    context.load_cert_chain(*issued)
    with Wire(world.engine.addresses["endpoints"]).start_tls(context, "gateway.test") as wire:
        assert wire.ask(b"GET /a/ HTTP/1.1\r\nHost: gateway.test\r\n\r\n").status == 200
    with world.endpoints() as wire:
        assert wire.ask(b"GET /a/ HTTP/1.1\r\nHost: gateway.test\r\n\r\n").status == 200
    world.wait_ended(2)
    pem = issued.certificate.read_bytes()
    wanted = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()
    assert [exchange.peer.certificate for exchange, _ in world.plan.ended] == [wanted, None]


def test_refused_connect_says_its_code_in_the_reason_and_the_connection_stays(world):
    world.upstream("a.test")
    world.start()

    def refuse(peer, host, port, headers):
        if headers.get("Proxy-Authorization") is None:
            raise ProxyKeyInvalid
        return Tunnel(host, port, None)

    world.plan.on_connect = refuse
    port = world.port("a.test")
    head = f"CONNECT a.test:{port} HTTP/1.1\r\nHost: a.test:{port}\r\n"
    with world.proxy() as wire:
        answer = wire.ask(f"{head}\r\n".encode())
        assert (answer.status, answer.reason) == (407, "proxy_key_invalid")
        assert answer.one("proxy-authenticate") == 'Basic realm="card-gateway"'
        assert answer.code == "proxy_key_invalid"
        assert wire.ask(f"{head}Proxy-Authorization: Basic eDp5\r\n\r\n".encode()).status == 200
    assert [(host, error.code) for host, _, error in world.plan.refused] == [
        ("a.test", "proxy_key_invalid")
    ]
    assert world.upstreams["a.test"].connections == 0


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_large_bodies_pass_both_ways(ca, confdir, kind):
    size = 36 * 1024 * 1024
    body = bytes(range(256)) * (size // 256)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body
    server = Upstream(
        lambda _, number: OK if number == 1 else reply, tls=ca.server_context("a.test")
    )
    elsewhere = Loop()  # a thread of its own, as a partner would be
    elsewhere.do(server.start())
    with lab(ca, confdir, kind) as world:
        world.upstreams["a.test"] = server
        world.start(limits=Limits(request_seconds=30))
        with world.tunnel("a.test") as wire:
            wire.ask(world.get("a.test"))
            answer = wire.ask(world.post("a.test", body))
        assert answer.body == body
        assert server.requests[1].endswith(body[-4096:])
        assert len(server.requests[1]) > size
        del world.upstreams["a.test"]
    elsewhere.do(server.stop())
    elsewhere.do(asyncio.sleep(0.05))  # transports that were closed get their last callbacks
    elsewhere.close()
