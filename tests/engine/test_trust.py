"""P04 and P05: one target in all places, and upstream TLS that is verified."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from ipaddress import ip_address

import pytest
from cryptography.hazmat.primitives import serialization

from gateway.engine.settings import Limits
from gateway.exchange import Authority
from tests.engine.upstream import Upstream
from tests.pki import Authority as Ca


def _old_tls(context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def _speaking_plain_text() -> Upstream:
    async def serve(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    upstream = Upstream()
    upstream._serve = serve
    return upstream


def _refusing_the_version(context: ssl.SSLContext) -> Upstream:
    """As OpenSSL's own servers do, with an alert; asyncio's hangs up without a word."""

    async def serve(reader, writer):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        incoming.write(await reader.read(1 << 16))
        with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
            context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
        writer.write(outgoing.read())
        await writer.drain()
        writer.close()

    upstream = Upstream()
    upstream._serve = serve
    return upstream


UNTRUSTED = {
    "self_signed": lambda _, aside: Upstream(tls=_self_signed(aside)),
    "unknown_authority": lambda _, aside: Upstream(tls=Ca(aside).server_context("a.test")),
    "expired": lambda ca, _: Upstream(tls=ca.server_context("a.test", expired=True)),
    "wrong_name": lambda ca, _: Upstream(tls=ca.server_context("b.test")),
    "tls_1_1": lambda ca, _: _refusing_the_version(_old_tls(ca.server_context("a.test"))),
    "not_tls": lambda *_: _speaking_plain_text(),
}


def _self_signed(directory) -> ssl.SSLContext:
    made = Ca(directory, name="a.test")
    secret = directory / "self-signed.key"
    secret.write_bytes(
        made.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, secret)
    return context


@pytest.mark.parametrize("kind", UNTRUSTED)
def test_p05_upstream_that_is_not_verified_gets_nothing(any_world, kind, ca, tmp_path):
    world, upstream = any_world, UNTRUSTED[kind](ca, tmp_path)
    world.upstream("a.test", upstream, tls=upstream.tls is not None)
    world.start(limits=Limits(upstream_connect_seconds=1))
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.post("a.test", b"card"))
        assert (answer.status, answer.code) == (502, "upstream_untrusted")
        assert wire.rest() == b""
    assert not upstream.requests
    assert b"card" not in upstream.received
    world.wait_ended(1)
    assert world.plan.ended[0][1].code == "upstream_untrusted"


def test_p05_a_private_authority_vouches_for_its_host_alone(world):
    upstream = world.upstream("a.test")
    world.start(trusted=False)  # resolved as any host: the system's authorities apply
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.get("a.test")).code == "upstream_untrusted"
    assert not upstream.requests


def test_p05_the_certificate_is_verified_against_the_host_not_the_clients_server_name(world, ca):
    upstream = world.upstream("a.test", Upstream(tls=ca.server_context("evil.test")))
    world.start()
    world.plan.endpoints["a"] = Authority("https", "a.test", upstream.port)
    context = ca.client_context()
    context.check_hostname = False
    wire = world.endpoints()
    with wire:
        answer = wire.ask(b"GET /a/ HTTP/1.1\r\nHost: evil.test\r\n\r\n")
    assert answer.code == "upstream_untrusted"
    assert upstream.sni == ["a.test"]


def test_p05_nothing_listens(world):
    upstream = world.upstream("a.test")
    world.start()
    world.loop.do(upstream.stop())
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test"))
    assert (answer.status, answer.code) == (502, "upstream_unreachable")


async def _close_at_once(reader, writer):
    writer.close()


async def _close_after_the_hello(reader, writer):
    await reader.read(1 << 16)
    writer.close()


async def _close_in_its_own_hello(reader, writer):
    await reader.read(1 << 16)
    writer.write(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")
    await writer.drain()
    writer.close()


async def _reset_at_once(reader, writer):
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    writer.transport.abort()


async def _reset_after_the_hello(reader, writer):
    await reader.read(1 << 16)
    await _reset_at_once(reader, writer)


@pytest.mark.parametrize(
    "serve",
    [
        _close_at_once, _close_after_the_hello, _close_in_its_own_hello,
        _reset_at_once, _reset_after_the_hello,
    ],
)  # fmt: skip
def test_p05_who_hangs_up_in_the_handshake_can_not_be_reached(any_world, serve):
    """Nothing was learned of its certificate: a firewall or a restart, not an attack."""
    upstream = Upstream()
    upstream._serve = serve
    any_world.upstream("a.test", upstream, tls=False)
    any_world.start(limits=Limits(upstream_connect_seconds=2))
    with any_world.tunnel("a.test") as wire:
        answer = wire.ask(any_world.post("a.test", b"card"))
    assert (answer.status, answer.code) == (502, "upstream_unreachable")
    any_world.wait_ended(1)
    assert not any_world.plan.ended[0][0].sent


def test_p05_one_address_that_is_not_trusted_says_more_than_one_that_hangs_up(world, ca):
    """Of several addresses the worst is told: it is what somebody has to look at."""
    bad = world.upstream("x.test", Upstream(tls=ca.server_context("b.test")))

    async def listen():
        return await asyncio.start_server(_close_after_the_hello, "127.0.0.2", bad.port)

    other = world.loop.do(listen())
    world.start(resolve=_both)
    with world.connect("several.test", bad.port) as wire:
        wire.start_tls(world.client_context(), "several.test")
        answer = wire.ask(f"GET / HTTP/1.1\r\nHost: several.test:{bad.port}\r\n\r\n".encode())
    other.close()
    assert (answer.status, answer.code) == (502, "upstream_untrusted")


async def _both(host, port):
    return [ip_address("127.0.0.1"), ip_address("127.0.0.2")]


def test_p05_a_handshake_that_never_ends_times_out(world):
    async def mute(reader, writer):
        await reader.read()
        writer.close()

    upstream = Upstream()
    upstream._serve = mute
    world.upstream("a.test", upstream, tls=False)
    world.start(limits=Limits(upstream_connect_seconds=0.3))
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test"))
    assert (answer.status, answer.code) == (504, "upstream_timeout")


def test_p04_connect_target_server_name_host_and_url_must_agree(world):
    upstream = world.upstream("a.test")
    world.upstream("b.test")
    world.start()
    port = upstream.port
    mismatches = [
        ("a.test", f"b.test:{port}"),
        ("a.test", "a.test"),  # another port: 443
        ("a.test", f"a.test:{port + 1}"),
        ("b.test", f"a.test:{port}"),  # another server name
    ]
    for sni, host in mismatches:
        with world.tunnel("a.test", sni=sni) as wire:
            answer = wire.ask(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert (answer.status, answer.code) == (400, "target_ambiguous"), (sni, host)
    for url, host in (("a.test", "b.test"), ("a.test:81", "a.test"), ("a.test", "a.test:443")):
        with world.proxy() as wire:
            answer = wire.ask(f"GET http://{url}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert (answer.status, answer.code) == (400, "target_ambiguous"), (url, host)
    with world.proxy() as wire:
        connect = wire.ask(b"CONNECT a.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\n")
        assert connect.code == "target_ambiguous"
    assert upstream.connections == 0
    assert "send" not in world.plan.seen
    assert "admit" not in world.plan.seen


def test_p04_one_spelling_matches_another(world):
    upstream = world.upstream("a.test")
    world.start()
    with world.tunnel("a.test") as wire:
        host = f"A.Test.:{upstream.port}"
        assert wire.ask(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).status == 200
    assert f"Host: a.test:{upstream.port}\r\n".encode() in upstream.requests[0]


def test_p04_a_url_without_a_path_means_the_root(world):
    upstream = world.upstream("plain.test", tls=False)
    world.start()
    host = f"plain.test:{upstream.port}"
    with world.proxy() as wire:
        assert (
            wire.ask(f"GET HTTP://{host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).status == 200
        )
    assert upstream.requests[0].startswith(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "target",
    [
        "http://a.test/",
        "https://a.test/",
        "*",
        "a.test:443",
        "//a.test",
        "/x#y",
        "http://u@a.test/",
    ],
)
def test_p04_inside_a_tunnel_only_a_path_is_a_target(world, target):
    upstream = world.upstream("a.test")
    world.start()
    with world.tunnel("a.test") as wire:
        host = f"a.test:{upstream.port}"
        answer = wire.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).response()
        if target == "//a.test":  # a path, however odd: the rules decide
            assert answer.status == 200
            assert upstream.requests[0].startswith(b"GET //a.test HTTP/1.1\r\n")
            return
        assert (answer.status, answer.code) == (400, "http_invalid")
    assert not upstream.requests
