"""Keyed hashes: how the vault finds a card, a tokenuser or a booking that it does not store."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Mapping
from typing import Final

from gateway.secret import Secret

_ID_LENGTH: Final = 4
_BLOCK: Final = 64  # SHA-256's
_INNER: Final = bytes(value ^ 0x36 for value in range(256))
_OUTER: Final = bytes(value ^ 0x5C for value in range(256))
# All lengths come first: ("ab", "c") and ("a", "bc") must not meet.
_LENGTHS: Final = [struct.Struct(f">{count}I").pack for count in range(8)]


class KeyedHash:
    """HMAC-SHA-256 under one of several keys; the hash starts with the 4-byte id of its key."""

    def __init__(self, keys: Mapping[int, Secret[bytes]], current: int) -> None:
        """Keys of at most 64 bytes. Raises ValueError for a longer one, KeyError without `current`."""
        # RFC 2104 with both padded keys hashed beforehand: half the cost of `hmac.digest`, and there
        # are three for each card.
        self._prepared = {
            key_id.to_bytes(_ID_LENGTH, "big"): _prepare(key.reveal())
            for key_id, key in keys.items()
        }
        self._current = current.to_bytes(_ID_LENGTH, "big")
        self._prepared[self._current]

    def digest(self, *parts: bytes) -> bytes:
        """36 bytes for up to seven `parts` under the current key; other parts give other bytes."""
        return self._under(self._current, parts)

    def matches(self, stored: bytes, *parts: bytes) -> bool:
        """Whether `stored` is the hash of `parts`, under whichever key it names."""
        key_id = stored[:_ID_LENGTH]
        if key_id not in self._prepared:
            return False
        return hmac.compare_digest(stored, self._under(key_id, parts))

    def _under(self, key_id: bytes, parts: tuple[bytes, ...]) -> bytes:
        inner, outer = self._prepared[key_id]
        first, second = inner.copy(), outer.copy()
        first.update(_LENGTHS[len(parts)](*map(len, parts)) + b"".join(parts))
        second.update(first.digest())
        return key_id + second.digest()


def _prepare(key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    if len(key) > _BLOCK:
        raise ValueError("a key longer than a block")
    padded = key.ljust(_BLOCK, b"\0")
    return hashlib.sha256(padded.translate(_INNER)), hashlib.sha256(padded.translate(_OUTER))
