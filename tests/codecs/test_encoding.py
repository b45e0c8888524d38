from __future__ import annotations

import gzip
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs.encoding import decode_body
from gateway.errors import BodyTooLarge, CodingNotSupported

LIMIT = 48 * 1024 * 1024


@pytest.mark.parametrize("codings", [[], ["identity"], [" Identity\t"]])
def test_p10_a_body_without_coding_is_the_very_body(codings: list[str]) -> None:
    body = b"4111"
    assert decode_body(body, codings, 4) is body
    with pytest.raises(BodyTooLarge):
        decode_body(body, codings, 3)


@pytest.mark.parametrize("coding", ["gzip", "GZip", " x-gzip "])
def test_p10_gzip_is_undone(coding: str) -> None:
    assert decode_body(gzip.compress(b"<a/>"), [coding], LIMIT) == b"<a/>"
    assert decode_body(gzip.compress(b""), [coding], LIMIT) == b""
    assert decode_body(b"", [coding], LIMIT) == b""


@pytest.mark.parametrize(
    "codings",
    [
        ["deflate"], ["br"], ["zstd"], ["compress"], ["hex"], ["base64"], ["bz2"], ["rot13"],
        ["*"], [""], ["gzip;q=1"], ["gzip,"], ["gzip, gzip"], ["gzip, identity"], ["identity, gzip"],
        ["gzip", "gzip"], ["gzip", "identity"], ["identity", "identity"], ["gz ip"], ["gz\u0131p"],
    ],
)  # fmt: skip
def test_p10_other_codings_are_refused(codings: list[str]) -> None:
    with pytest.raises(CodingNotSupported):
        decode_body(gzip.compress(b"<a/>"), codings, LIMIT)


def _damaged() -> dict[str, bytes]:
    whole = gzip.compress(b"<a>" + bytes(1000) + b"</a>")
    return {
        "not gzip": b"<a/>",
        "zlib": zlib.compress(b"<a/>"),
        "header only": whole[:10],
        "cut in data": whole[:-12],
        "cut in checksum": whole[:-1],
        "wrong checksum": whole[:-8] + bytes(4) + whole[-4:],
        "wrong length": whole[:-4] + bytes(4),
        "garbage behind": whole + b"x",
        "zeros behind": whole + bytes(8),
        "second member": whole + gzip.compress(b"<b/>"),
        "garbage a piece behind": gzip.compress(random.Random(1).randbytes(262_121))
        + bytes(400_000),
    }


@pytest.mark.parametrize("body", _damaged().values(), ids=_damaged().keys())
def test_p10_damaged_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(CodingNotSupported) as caught:
        decode_body(body, ["gzip"], LIMIT)
    assert caught.value.__cause__ is None


def test_p10_a_bomb_is_refused_without_being_held(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024), 9)
    assert len(bomb) < 256 * 1024
    given_out: list[int] = []
    real = zlib.decompressobj

    class Counting:
        def __init__(self, wbits: int) -> None:
            self._inner = real(wbits)

        def decompress(self, data: bytes, most: int) -> bytes:
            assert most > 0
            part = self._inner.decompress(data, most)
            given_out.append(len(part))
            return part

        def __getattr__(self, name: str):
            return getattr(self._inner, name)

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    with pytest.raises(BodyTooLarge):
        decode_body(bomb, ["gzip"], 1_000_000)
    assert sum(given_out) == 1_000_001


@pytest.mark.parametrize("length", [262_143, 262_144, 262_145, 524_288])
def test_p10_the_limit_is_exact(length: int) -> None:
    for data in (bytes(length), random.Random(length).randbytes(length)):
        body = gzip.compress(data)
        assert decode_body(body, ["gzip"], length) == data
        with pytest.raises(BodyTooLarge):
            decode_body(body, ["gzip"], length - 1)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=4000), st.integers(0, 200), st.integers(0, 9))
def test_p10_what_was_compressed_comes_out(data: bytes, times: int, level: int) -> None:
    data *= times
    assert decode_body(gzip.compress(data, level), ["gzip"], len(data)) == data


PAN = b"4111111111111111"


def _with_header(flags: int, more: bytes) -> bytes:
    """A gzip member whose header says `more`."""
    member = gzip.compress(b"<a/>")
    return member[:3] + bytes([flags]) + member[4:10] + more + member[10:]


@pytest.mark.parametrize(
    ("flags", "more"),
    [
        (8, b"answer-" + PAN + b".xml\0"),
        (16, PAN + b"\0"),
        (16, b"%34111-1111-1111-1111\0"),
        (4, b"\x14\0id\x10\0" + PAN),
        (4 + 8 + 16, b"\x01\0xname\0" + PAN + b"\0"),
    ],
    ids=["name", "comment", "spelled", "extra", "behind others"],
)  # fmt: skip
def test_p10_a_number_in_the_header_of_gzip_is_refused(flags: int, more: bytes) -> None:
    """It is in nothing that is decoded, and a body that is not changed leaves as it came."""
    body = _with_header(flags, more)
    assert gzip.decompress(body) == b"<a/>"  # another reader takes it
    with pytest.raises(CodingNotSupported):
        decode_body(body, ["gzip"], LIMIT)


@pytest.mark.parametrize(
    ("flags", "more"),
    [(0, b""), (8, b"20261123-answer.xml\0"), (8, b"\0"), (4, b"\0\0"), (4 + 8 + 16, b"\x01\0xn\0c\0")],
)  # fmt: skip
def test_p10_another_header_of_gzip_is_taken(flags: int, more: bytes) -> None:
    assert decode_body(_with_header(flags, more), ["gzip"], LIMIT) == b"<a/>"
