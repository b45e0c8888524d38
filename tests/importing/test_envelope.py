"""What `openssl cms` encrypts is read; what does not show whether it was changed is refused."""

from __future__ import annotations

import contextlib
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.importing import keys
from gateway.importing.envelope import decrypted
from gateway.importing.refusal import FileRefused, Why
from tests.importing.files import encrypt, key, private
from tests.vault.makers import NOON

CONTENT = b"pan,expiry,token\r\n" + random.Random(1).randbytes(200_000)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return encrypt(tmp_path_factory.mktemp("made"), CONTENT).read_bytes()


def read(data, *keys):
    return b"".join(decrypted(io.BytesIO(data), keys or [private()]))


def why(data, *keys):
    with pytest.raises(FileRefused) as refused:
        read(data, *keys)
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    return refused.value.why


def test_what_openssl_made_is_read(made):
    assert read(made) == CONTENT


@pytest.mark.parametrize("content", [b"x", CONTENT], ids=["one byte", "many portions"])
def test_what_was_written_in_a_stream_is_read(tmp_path, content):
    """Its lengths are indefinite, its content is in portions."""
    assert read(encrypt(tmp_path, content, more=["-stream"]).read_bytes()) == content


def test_one_of_several_recipients_opens_it(tmp_path):
    other = keys.new_key(NOON)
    (tmp_path / "other.pem").write_text(other.certificate)
    oaep = ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"]
    data = encrypt(tmp_path, CONTENT, more=["-recip", "other.pem", *oaep]).read_bytes()
    assert read(data) == read(data, keys.load(other)) == CONTENT
    alone = encrypt(tmp_path, CONTENT, certificate=other.certificate).read_bytes()
    assert why(alone) is Why.NO_KEY


@pytest.mark.parametrize(
    ("without", "more", "said"),
    [
        (["-aes-256-gcm"], ["-aes-256-cbc"], Why.NOT_AUTHENTICATED),
        (["-aes-256-gcm"], ["-aes-128-gcm"], Why.NOT_AUTHENTICATED),
        (["-keyopt", "rsa_padding_mode:oaep", "rsa_oaep_md:sha256"], [], Why.NOT_OAEP),
        (["rsa_oaep_md:sha256"], ["rsa_oaep_md:sha1"], Why.NO_KEY),
        (["-outform", "DER"], ["-outform", "PEM"], Why.NOT_CMS),
        (["-outform", "DER"], [], Why.NOT_CMS),
    ],
    ids=["cbc", "128 bit", "PKCS 1", "SHA-1", "PEM", "S/MIME"],
)
def test_p18_what_is_encrypted_otherwise_is_refused(tmp_path, without, more, said):
    assert why(encrypt(tmp_path, CONTENT, without=without, more=more).read_bytes()) is said


def test_p18_a_flipped_bit_or_a_cut_is_refused(made):
    for at in (len(made) - len(CONTENT) // 2, len(made) - 20, len(made) - 1):
        flipped = bytearray(made)
        flipped[at] ^= 1
        assert why(bytes(flipped)) in {Why.NOT_CMS, Why.DAMAGED}
    flipped = bytearray(made)
    flipped[len(made) // 2] ^= 1
    assert why(bytes(flipped)) is Why.DAMAGED
    for end in (0, 1, 100, len(made) - 20, len(made) - 1):
        assert why(made[:end]) is Why.NOT_CMS


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(data):
    with pytest.raises(FileRefused):
        read(data)


@given(st.integers(0, 900), st.integers(0, 255))
def test_p18_no_byte_of_the_head_makes_it_say_something_else(made, at, value):
    """Those that are not authenticated name the version and whose certificate it was."""
    with contextlib.suppress(FileRefused):
        assert read(made[:at] + bytes([value]) + made[at + 1 :]) == CONTENT


def test_p16_a_refusal_repeats_nothing(made):
    assert key().certificate
    with pytest.raises(FileRefused) as refused:
        read(made[:-1] + b"\0")
    assert "pan" not in repr(refused.value) + refused.value.text
