from __future__ import annotations

import hmac
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault import envelope
from gateway.vault.envelope import Sealer, place
from gateway.vault.hashes import KeyedHash

KEY, OTHER = Secret(bytes(range(32))), Secret(bytes(range(1, 33)))
SEALER = Sealer({7: KEY}, 7)
HERE = place("card", "seaside", 4711, test=False)

names = st.text(max_size=12)
idusers = st.integers(0, 2**31 - 1)
places = st.tuples(names, names, idusers, st.booleans(), st.binary(max_size=12))


def where(parts: tuple[str, str, int, bool, bytes]) -> bytes:
    field, product, iduser, test, row = parts
    return place(field, product, iduser, test=test, row=row)


@given(st.binary(max_size=200), places)
def test_what_was_sealed_opens_in_its_place(plaintext: bytes, parts) -> None:
    assert SEALER.open(SEALER.seal(plaintext, where(parts)), where(parts)) == plaintext


@given(places, places)
def test_p17_no_two_places_share_an_encoding(one, other) -> None:
    assert (where(one) == where(other)) == (one == other)


@given(places, places, st.binary(max_size=40))
def test_p17_a_record_opens_in_no_other_place(one, other, plaintext: bytes) -> None:
    assume(one != other)
    sealed = SEALER.seal(plaintext, where(one))
    with pytest.raises(RecordDamaged):
        SEALER.open(sealed, where(other))


@pytest.mark.parametrize(
    "other",
    [
        place("link", "seaside", 4711, test=False),
        place("card", "city", 4711, test=False),
        place("card", "seaside", 4712, test=False),
        place("card", "seaside", 4711, test=True),
        place("card", "seaside", 4711, test=False, row=b"1"),
        place("cards", "easide", 4711, test=False),
        place("car", "dseaside", 4711, test=False),
        b"",
    ],
)
def test_p17_field_product_token_mode_row_are_each_bound(other: bytes) -> None:
    with pytest.raises(RecordDamaged):
        SEALER.open(SEALER.seal(b"secret", HERE), other)


def test_p18_every_flipped_bit_is_noticed() -> None:
    sealed = SEALER.seal(b"4929000000000006", HERE)
    for bit in range(len(sealed) * 8):
        damaged = bytearray(sealed)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RecordDamaged):
            SEALER.open(bytes(damaged), HERE)


def test_p18_every_truncation_and_any_tail_is_noticed() -> None:
    sealed = SEALER.seal(b"4929000000000006", HERE)
    for length in range(len(sealed)):
        with pytest.raises(RecordDamaged):
            SEALER.open(sealed[:length], HERE)
        with pytest.raises(RecordDamaged):
            Sealer({7: KEY}, 7).open(sealed[:length], HERE)
    with pytest.raises(RecordDamaged):
        SEALER.open(sealed + b"\0", HERE)


@given(st.binary(max_size=200))
def test_p18_noise_does_not_open(noise: bytes) -> None:
    with pytest.raises(RecordDamaged) as refused:
        SEALER.open(noise, HERE)
    assert refused.value.__context__ is None


@given(st.data())
def test_p18_parts_of_two_records_do_not_open(data: st.DataObject) -> None:
    one, other = SEALER.seal(b"1" * 16, HERE), Sealer({7: KEY}, 7).seal(b"2" * 16, HERE)
    cut = data.draw(st.integers(1, len(one) - 1))
    joined = one[:cut] + other[cut:]
    assume(joined != other)
    with pytest.raises(RecordDamaged):
        SEALER.open(joined, HERE)


def test_p18_another_key_under_the_same_id_does_not_open() -> None:
    with pytest.raises(RecordDamaged):
        Sealer({7: OTHER}, 7).open(SEALER.seal(b"secret", HERE), HERE)


def test_p18_the_same_key_under_another_id_does_not_open() -> None:
    with pytest.raises(RecordDamaged):
        Sealer({8: KEY}, 8).open(SEALER.seal(b"secret", HERE), HERE)


def test_p19_the_commitment_is_checked_not_only_the_tag() -> None:
    """GCM lets a ciphertext be made whose tag is right under two keys. Here the tag is made right for
    a commitment that is not the key's: only the commitment itself can tell.
    """
    sealed = SEALER.seal(b"secret", HERE)
    subkey, commitment = SEALER._derive(7, sealed[5:21])
    assert commitment == sealed[21:53]
    header = sealed[:21] + bytes(32)
    nonce = os.urandom(12)
    forged = header + nonce + AESGCM(subkey).encrypt(nonce, b"secret", header + HERE)
    with pytest.raises(RecordDamaged):
        Sealer({7: KEY}, 7).open(forged, HERE)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_p19_two_keys_have_two_commitments(one: bytes, other: bytes) -> None:
    assume(one != other)
    salt = bytes(16)
    assert (
        Sealer({1: Secret(one)}, 1)._derive(1, salt)[1]
        != Sealer({1: Secret(other)}, 1)._derive(1, salt)[1]
    )


def test_p19_a_record_opens_under_the_key_that_it_names_only() -> None:
    both = Sealer({1: KEY, 2: OTHER}, 2)
    assert both.open(Sealer({1: KEY}, 1).seal(b"old", HERE), HERE) == b"old"
    sealed = bytearray(both.seal(b"new", HERE))
    sealed[4] = 1  # the id of the other key
    with pytest.raises(RecordDamaged):
        both.open(bytes(sealed), HERE)


def test_the_format_stays_as_it_is() -> None:
    """A record that this version wrote once; a change that can not read it needs a new version."""
    vector = bytes.fromhex(
        "0100000007000102030405060708090a0b0c0d0e0fac7f55aeaa9ec8e1744bfb3db040de973c"
        "eecc7a26bf66265072cf5056489a846465666768696a6b6c6d6e6f215818a03c1c96f9a741ae"
        "5afce9b10c2fb8b4a774d77d702f33f368b5b365d1"
    )
    assert SEALER.open(vector, HERE) == b"4929000000000006"


def test_no_two_records_are_alike() -> None:
    assert len({SEALER.seal(b"same", HERE) for _ in range(1000)}) == 1000


def test_a_subkey_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "RECORDS_PER_SUBKEY", 10)
    monkeypatch.setattr(envelope, "_OPENERS", 3)
    sealer = Sealer({7: KEY}, 7)
    sealed = [sealer.seal(b"%d" % number, HERE) for number in range(95)]
    assert len({record[5:21] for record in sealed}) == 10
    assert [sealer.open(record, HERE) for record in sealed] == [b"%d" % n for n in range(95)]
    assert len(sealer._openers) <= 3


@pytest.mark.parametrize(
    "keys, current",
    [({}, 1), ({1: KEY}, 2), ({1: Secret(b"short")}, 1), ({1: KEY, 2: Secret(b"x" * 33)}, 1)],
)
def test_keys_that_are_not_256_bits_are_refused(keys, current: int) -> None:
    with pytest.raises(ValueError):
        Sealer(keys, current)


# --- hashes ---------------------------------------------------------------------------------------

parts = st.lists(st.binary(max_size=20), max_size=5)
# the number of parts is fixed for each use
three = st.lists(st.binary(max_size=3), min_size=3, max_size=3)


@given(st.binary(max_size=64), parts)
def test_p20_a_hash_is_hmac_sha_256(key: bytes, said: list[bytes]) -> None:
    message = b"".join(len(part).to_bytes(4, "big") for part in said) + b"".join(said)
    expected = bytes.fromhex("00000009") + hmac.digest(key, message, "sha256")
    assert KeyedHash({9: Secret(key)}, 9).digest(*said) == expected


@given(three, three)
def test_p20_other_parts_give_another_hash(one: list[bytes], other: list[bytes]) -> None:
    hashing = KeyedHash({9: KEY}, 9)
    assert (hashing.digest(*one) == hashing.digest(*other)) == (one == other)


def test_a_hash_under_an_older_key_still_matches() -> None:
    old, both = KeyedHash({1: KEY}, 1), KeyedHash({1: KEY, 2: OTHER}, 2)
    assert both.matches(old.digest(b"a"), b"a")
    assert both.matches(both.digest(b"a"), b"a")
    assert not both.matches(old.digest(b"a"), b"b")
    assert not old.matches(both.digest(b"a"), b"a")
    assert not both.matches(b"", b"a")


@given(st.lists(three, max_size=4))
def test_p20_many_have_the_hashes_that_each_has(many: list[list[bytes]]) -> None:
    hashing = KeyedHash({1: KEY, 2: OTHER, 3: KEY}, 2)
    each = [tuple(said) for said in many]
    assert hashing.digest_all(each) == [hashing.digest(*said) for said in each]
    keys = hashing.digests_all(each)
    assert len(keys) == 3
    assert [list(one) for one in zip(*keys, strict=True)] == [
        hashing.digests(*said) for said in each
    ]


@given(st.binary(max_size=40), st.lists(st.binary(max_size=9), max_size=4))
def test_p36_a_chained_hash_has_the_one_before_it(before: bytes, texts: list[bytes]) -> None:
    hashing = KeyedHash({1: KEY, 2: OTHER}, 2)
    expected = []
    for text in texts:
        expected.append(hashing.digest(b"entry", expected[-1] if expected else before, text))
    assert hashing.chained(b"entry", before, texts) == expected


def test_hash_keys_are_checked() -> None:
    with pytest.raises(ValueError):
        KeyedHash({1: Secret(b"x" * 65)}, 1)
    with pytest.raises(KeyError):
        KeyedHash({1: KEY}, 2)
