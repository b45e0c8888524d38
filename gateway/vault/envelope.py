"""Sealing records: AES-256-GCM with key commitment, each bound to the place where it stands.

A sealed record, lengths in bytes, integers big-endian:

    version (1) = 1 | key id (4) | salt (16) | commitment (32) | nonce (12) | ciphertext | tag (16)

    subkey (32) | commitment (32) = HMAC-SHA-512(key, label | key id | salt)
    ciphertext | tag              = AES-256-GCM(subkey, nonce, plaintext, AAD)
    AAD                           = version | key id | salt | commitment | place

1. `place` names product, mode, iduser, field and row: a record that is moved does not open (P17).
2. GCM authenticates all of it before a byte of plaintext is given out (P18).
3. GCM by itself lets a ciphertext be made that opens under two keys. The commitment is a hash of the
   key, so that a record opens under one key only (P19); two keys with one commitment would be a
   collision of SHA-512 truncated to 256 bits, about 2^128 work.
"""

from __future__ import annotations

import hmac
import itertools
import os
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import RecordDamaged
from gateway.secret import Secret

KEY_LENGTH: Final = 32
_VERSION: Final = 1
_LABEL: Final = b"card-gateway envelope 1"
_HEADER: Final = struct.Struct(">BI16s32s")
_SALT_LENGTH: Final = 16
_NONCE_LENGTH: Final = 12
_TAG_LENGTH: Final = 16
_SHORTEST: Final = _HEADER.size + _NONCE_LENGTH + _TAG_LENGTH
_PLACE: Final = struct.Struct(">IIIIB")

# NIST SP 800-38D allows 2^32 records a key with random 96-bit nonces. A subkey is given up long
# before: among 2^20 records two nonces are equal with a chance below 2^-57, and the number of
# records under the data key itself is bounded only by the 128-bit salts. Renewing costs 5 µs.
RECORDS_PER_SUBKEY: Final = 2**20
# Subkeys that were derived for opening and are kept at hand: 1,024 of them hold 2^30 records of one
# process, or the last 1,024 starts. Beyond, they are derived again.
_OPENERS: Final = 1024


def padded(plain: bytes, step: int) -> bytes:
    """JSON with spaces behind it, up to the next multiple of `step` bytes: how long what is sealed is tells
    little of what it holds.
    """
    return plain.ljust(-(-len(plain) // step) * step)


def place(field: str, product: str, iduser: int, *, test: bool, row: bytes = b"") -> bytes:
    """The one place where a record may stand, as bytes that no other place has.

    All lengths come first, so that no two places share an encoding. `iduser` has 32 bits. `row`
    tells rows of one card apart, where there are several.
    """
    name, tenant = field.encode(), product.encode()
    lengths = _PLACE.pack(len(name), len(tenant), len(row), iduser, test)
    return lengths + name + tenant + row


def sealed_under(sealed: bytes) -> int:
    """The id of the key that a record says it is sealed under. Raises RecordDamaged."""
    if len(sealed) < _SHORTEST:
        raise RecordDamaged
    key_id: int = _HEADER.unpack_from(sealed)[1]
    return key_id


@dataclass(frozen=True, slots=True)
class _Subkey:
    header: bytes
    cipher: AESGCM
    uses: Iterator[int]


class Sealer:
    """Seals under the key `current`, opens under each of `keys` (id → 32 bytes). Thread-safe."""

    def __init__(self, keys: Mapping[int, Secret[bytes]], current: int) -> None:
        """Raises ValueError when a key has not 32 bytes, or `current` is not among them."""
        if current not in keys or any(len(key.reveal()) != KEY_LENGTH for key in keys.values()):
            raise ValueError("a sealer needs its current key, and keys of 32 bytes")
        self._keys = dict(keys)
        self._ids = frozenset(keys)
        self._current = current
        self._openers: dict[bytes, AESGCM] = {}
        self._renewing = threading.Lock()
        self._missed: Callable[[], None] | None = None
        self._sealing = self._new_subkey()

    @property
    def ids(self) -> frozenset[int]:
        """The ids of the keys that it opens under."""
        return self._ids

    @property
    def current(self) -> int:
        """The id of the key that it seals under."""
        return self._current

    def when_missed(self, missed: Callable[[], None]) -> None:
        """`missed` is called by whoever opens a record under a key that is not known, before that is
        refused: it may `take_over` from a sealer that knows it.
        """
        self._missed = missed

    def take_over(self, other: Sealer) -> None:
        """Has the keys of `other` from now on. Those that it has not any more still open, until the
        next change: a record that was read just before it was sealed anew is not damaged.
        """
        with self._renewing:
            going = {id: key for id, key in self._keys.items() if id in self._ids}
            self._keys = {**going, **other._keys}
            self._ids = other._ids
            self._current = other._current
            self._openers = {}
            self._sealing = self._new_subkey()

    def seal(self, plaintext: bytes, where: bytes) -> bytes:
        """The sealed record of `plaintext` for the place `where`; different each time."""
        return self._seal(plaintext, where, os.urandom(_NONCE_LENGTH))

    def seal_all(self, plaintexts: Sequence[bytes], places: Sequence[bytes]) -> list[bytes]:
        """The same for many, each for its place. The system is asked for all nonces at once: one call
        for each is a third of what sealing costs.
        """
        drawn = os.urandom(_NONCE_LENGTH * len(plaintexts))
        nonces = [drawn[at : at + _NONCE_LENGTH] for at in range(0, len(drawn), _NONCE_LENGTH)]
        return list(map(self._seal, plaintexts, places, nonces))

    def _seal(self, plaintext: bytes, where: bytes, nonce: bytes) -> bytes:
        subkey = self._sealing
        # Two threads may both renew: one subkey more, and neither goes over the bound by more than
        # the number of threads.
        if next(subkey.uses) >= RECORDS_PER_SUBKEY:
            with self._renewing:  # never one of a key that was just given up
                subkey = self._sealing = self._new_subkey()
            next(subkey.uses)
        ciphertext = subkey.cipher.encrypt(nonce, plaintext, subkey.header + where)
        return subkey.header + nonce + ciphertext

    def open(self, sealed: bytes, where: bytes) -> bytes:
        """The plaintext that was sealed for `where`. Raises RecordDamaged for anything else."""
        header = sealed[: _HEADER.size]
        # The header is a record's public part; one that is found here was checked in full before.
        cipher = self._openers.get(header) or self._opener(header)
        if cipher is None or len(sealed) < _SHORTEST:
            raise RecordDamaged
        nonce = sealed[_HEADER.size : _HEADER.size + _NONCE_LENGTH]
        try:
            return cipher.decrypt(nonce, sealed[_HEADER.size + _NONCE_LENGTH :], header + where)
        except InvalidTag:
            pass
        raise RecordDamaged

    def _opener(self, header: bytes) -> AESGCM | None:
        if len(header) != _HEADER.size:
            return None
        version, key_id, salt, commitment = _HEADER.unpack(header)
        if version != _VERSION:
            return None
        if key_id not in self._keys and self._missed is not None:
            self._missed()
        if key_id not in self._keys:
            return None
        subkey, expected = self._derive(key_id, salt)
        if not hmac.compare_digest(commitment, expected):
            return None
        if len(self._openers) >= _OPENERS:
            self._openers.clear()
        cipher = self._openers[header] = AESGCM(subkey)
        return cipher

    def _new_subkey(self) -> _Subkey:
        salt = os.urandom(_SALT_LENGTH)
        subkey, commitment = self._derive(self._current, salt)
        header = _HEADER.pack(_VERSION, self._current, salt, commitment)
        return _Subkey(header, AESGCM(subkey), itertools.count())

    def _derive(self, key_id: int, salt: bytes) -> tuple[bytes, bytes]:
        message = _LABEL + key_id.to_bytes(4, "big") + salt
        output = hmac.digest(self._keys[key_id].reveal(), message, "sha512")
        return output[:KEY_LENGTH], output[KEY_LENGTH:]
