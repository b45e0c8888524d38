"""Keyed hashes: how the vault finds a card, a tokenuser or a booking that it does not store."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from gateway.secret import Secret

_ID_LENGTH: Final = 4
_BLOCK: Final = 64  # SHA-256's
_INNER: Final = bytes(value ^ 0x36 for value in range(256))
_OUTER: Final = bytes(value ^ 0x5C for value in range(256))
# All lengths come first: ("ab", "c") and ("a", "bc") must not meet.
_LENGTHS: Final = [struct.Struct(f">{count}I").pack for count in range(8)]

# A key, padded and hashed: what both halves of an HMAC begin with.
_Prepared: TypeAlias = "tuple[hashlib._Hash, hashlib._Hash]"  # noqa: SLF001  # its type has no other name


class KeyedHash:
    """HMAC-SHA-256 under one of several keys; the hash starts with the 4-byte id of its key."""

    def __init__(self, keys: Mapping[int, Secret[bytes]], current: int) -> None:
        """Keys of at most 64 bytes. Raises ValueError for a longer one, KeyError without `current`."""
        # RFC 2104 with both padded keys hashed beforehand: half the cost of `hmac.digest`, and there
        # are three for each card.
        prepared = {
            key_id.to_bytes(_ID_LENGTH, "big"): _prepare(key.reveal())
            for key_id, key in keys.items()
        }
        name = current.to_bytes(_ID_LENGTH, "big")
        prepared[name]
        self._state = (prepared, name)  # one attribute: other threads see both, or neither, change
        self._gone: dict[bytes, _Prepared] = {}
        self._missed: Callable[[], None] | None = None

    @property
    def current(self) -> bytes:
        """What the hashes of `digest` start with: the id of the current key."""
        return self._state[1]

    def when_missed(self, missed: Callable[[], None]) -> None:
        """`missed` is called where a hash names a key that is not known, before it is taken for no
        match: it may `take_over` from a hash that knows it.
        """
        self._missed = missed

    def take_over(self, other: KeyedHash) -> None:
        """Has the keys of `other` from now on. A hash under one that it has not any more still matches,
        until the next change: the row may have been read just before it was hashed anew.
        """
        before, _ = self._state
        self._gone = {id: key for id, key in before.items() if id not in other._state[0]}
        self._state = other._state

    def digest(self, *parts: bytes) -> bytes:
        """36 bytes for up to seven `parts` under the current key; other parts give other bytes."""
        prepared, current = self._state
        return _under(prepared, current, parts)

    def digest_under(self, key_id: bytes, *parts: bytes) -> bytes | None:
        """The same under another key that is known, by its four bytes; None where it is not."""
        prepared, _ = self._state
        return _under(prepared, key_id, parts) if key_id in prepared else None

    def digests(self, *parts: bytes) -> list[bytes]:
        """The same under each key that is known, the current one's first, then the newest first:
        what is filed under an old one is found by it.
        """
        prepared, current = self._state
        if len(prepared) == 1:
            return [_under(prepared, current, parts)]
        others = sorted(prepared.keys() - {current}, reverse=True)
        return [_under(prepared, key_id, parts) for key_id in (current, *others)]

    def digest_all(self, each: Sequence[tuple[bytes, ...]]) -> list[bytes]:
        """`digest` of the parts of each, in order: for a message's cards."""
        prepared, current = self._state
        return _all_under(prepared, current, each)

    def digests_all(self, each: Sequence[tuple[bytes, ...]]) -> list[list[bytes]]:
        """`digests` of the parts of each: a list for every key, in that order, each as `digest_all`'s."""
        prepared, current = self._state
        keys = (current, *sorted(prepared.keys() - {current}, reverse=True))
        return [_all_under(prepared, key_id, each) for key_id in keys]

    def chained(self, label: bytes, before: bytes, texts: Sequence[bytes]) -> list[bytes]:
        """`digest` of `label`, the hash before and a text, for each of `texts`; the first one's hash
        before is `before`.
        """
        prepared, current = self._state
        inner, outer = prepared[current]
        begin, end, lengths = inner.copy, outer.copy, _LENGTHS[3]
        hashes = []
        for text in texts:  # as `_under`, without a call for each
            first, second = begin(), end()
            first.update(lengths(len(label), len(before), len(text)) + label + before + text)
            second.update(first.digest())
            before = current + second.digest()
            hashes.append(before)
        return hashes

    def matches(self, stored: bytes, *parts: bytes) -> bool:
        """Whether `stored` is the hash of `parts`, under whichever key it names."""
        key_id = stored[:_ID_LENGTH]
        if key_id not in self._state[0] and self._missed is not None:
            self._missed()
        known, _ = self._state
        prepared = known if key_id in known else self._gone
        if key_id not in prepared:
            return False
        return hmac.compare_digest(stored, _under(prepared, key_id, parts))


def _under(prepared: Mapping[bytes, _Prepared], key_id: bytes, parts: tuple[bytes, ...]) -> bytes:
    inner, outer = prepared[key_id]
    first, second = inner.copy(), outer.copy()
    first.update(_LENGTHS[len(parts)](*map(len, parts)) + b"".join(parts))
    second.update(first.digest())
    return key_id + second.digest()


def _all_under(
    prepared: Mapping[bytes, _Prepared], key_id: bytes, each: Sequence[tuple[bytes, ...]]
) -> list[bytes]:
    """`_under` for each, without a call for each: that would be a third of what it costs."""
    inner, outer = prepared[key_id]
    begin, end = inner.copy, outer.copy
    hashes = []
    for parts in each:
        first, second = begin(), end()
        first.update(_LENGTHS[len(parts)](*map(len, parts)) + b"".join(parts))
        second.update(first.digest())
        hashes.append(key_id + second.digest())
    return hashes


def _prepare(key: bytes) -> _Prepared:
    if len(key) > _BLOCK:
        raise ValueError("a key longer than a block")
    padded = key.ljust(_BLOCK, b"\0")
    return hashlib.sha256(padded.translate(_INNER)), hashlib.sha256(padded.translate(_OUTER))
