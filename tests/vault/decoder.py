"""A second reader of the vault's records, written from `docs/record-format.md` alone.

It imports nothing of the gateway, and no library for cryptography: AES (FIPS 197) and GCM (NIST SP 800-38D)
are here, slow and plain.
"""

from __future__ import annotations

import hashlib
import hmac
import struct


class Damaged(Exception):
    """This is no record of this place under these keys."""


# --- AES-256, GCM ---------------------------------------------------------------------------------


def _times(one, other):
    """Their product in AES's field of 2^8."""
    product = 0
    while other:
        if other & 1:
            product ^= one
        one = (one << 1) ^ (0x11B if one & 0x80 else 0)
        other >>= 1
    return product


def _substitutes():
    table = []
    for value in range(256):
        inverse = next((one for one in range(256) if _times(value, one) == 1), 0)
        turned = inverse
        for shift in range(1, 5):
            turned ^= ((inverse << shift) | (inverse >> (8 - shift))) & 0xFF
        table.append(turned ^ 0x63)
    return table


_S = _substitutes()
_TWICE = [_times(value, 2) for value in range(256)]
_THRICE = [_times(value, 3) for value in range(256)]


def _rounds(key):
    words = [list(key[at : at + 4]) for at in range(0, 32, 4)]
    constant = 1
    for at in range(8, 60):
        word = words[-1]
        if at % 8 == 0:
            word = [_S[value] for value in word[1:] + word[:1]]
            word[0] ^= constant
            constant = _times(constant, 2)
        elif at % 8 == 4:
            word = [_S[value] for value in word]
        words.append([one ^ other for one, other in zip(words[at - 8], word, strict=True)])
    return [[value for word in words[at : at + 4] for value in word] for at in range(0, 60, 4)]


def _block(rounds, block):
    state = [one ^ other for one, other in zip(block, rounds[0], strict=True)]
    for number, key in enumerate(rounds[1:], 1):
        state = [_S[state[(at + 4 * (at % 4)) % 16]] for at in range(16)]
        if number < 14:
            mixed = []
            for column in range(0, 16, 4):
                a, b, c, d = state[column : column + 4]
                mixed += [
                    _TWICE[a] ^ _THRICE[b] ^ c ^ d, a ^ _TWICE[b] ^ _THRICE[c] ^ d,
                    a ^ b ^ _TWICE[c] ^ _THRICE[d], _THRICE[a] ^ b ^ c ^ _TWICE[d],
                ]  # fmt: skip
            state = mixed
        state = [one ^ other for one, other in zip(state, key, strict=True)]
    return bytes(state)


def _ghash(key, data):
    total = 0
    for at in range(0, len(data), 16):
        one, other = total ^ int.from_bytes(data[at : at + 16], "big"), key
        total = 0
        for bit in range(127, -1, -1):
            if one >> bit & 1:
                total ^= other
            other = (other >> 1) ^ (0xE1 << 120 if other & 1 else 0)
    return total


def _padded(data):
    return data + bytes(-len(data) % 16)


def gcm(key, nonce, data, aad, *, opens):
    """`data` enciphered or deciphered, and the tag."""
    rounds = _rounds(key)
    first = nonce + b"\0\0\0\1"
    stream = b"".join(
        _block(rounds, nonce + struct.pack(">I", 2 + at)) for at in range(-(-len(data) // 16))
    )
    result = bytes(one ^ other for one, other in zip(data, stream, strict=False))
    ciphertext = data if opens else result
    lengths = struct.pack(">QQ", 8 * len(aad), 8 * len(ciphertext))
    hashed = _ghash(
        int.from_bytes(_block(rounds, bytes(16)), "big"),
        _padded(aad) + _padded(ciphertext) + lengths,
    )
    tag = hashed ^ int.from_bytes(_block(rounds, first), "big")
    return result, tag.to_bytes(16, "big")


# --- the record -----------------------------------------------------------------------------------


def place(field, product, iduser, test, row):
    """Where a record stands, as bytes."""
    name, tenant = field.encode(), product.encode()
    return (
        struct.pack(">IIIIB", len(name), len(tenant), len(row), iduser, test) + name + tenant + row
    )


def _derive(key, key_id, salt):
    message = b"card-gateway envelope 1" + struct.pack(">I", key_id) + salt
    output = hmac.new(key, message, hashlib.sha512).digest()
    return output[:32], output[32:]


def open_record(keys, sealed, where):
    """The plaintext. `keys`: 32 bytes by id. Raises Damaged."""
    if len(sealed) < 81 or sealed[0] != 1:
        raise Damaged
    header, nonce, ciphertext, tag = sealed[:53], sealed[53:65], sealed[65:-16], sealed[-16:]
    (key_id,) = struct.unpack(">I", header[1:5])
    if key_id not in keys:
        raise Damaged
    subkey, commitment = _derive(keys[key_id], key_id, header[5:21])
    if commitment != header[21:]:
        raise Damaged
    plaintext, wanted = gcm(subkey, nonce, ciphertext, header + where, opens=True)
    if tag != wanted:
        raise Damaged
    return plaintext


def seal_record(key, key_id, salt, nonce, plaintext, where):
    """What `open_record` opens."""
    subkey, commitment = _derive(key, key_id, salt)
    header = b"\1" + struct.pack(">I", key_id) + salt + commitment
    ciphertext, tag = gcm(subkey, nonce, plaintext, header + where, opens=False)
    return header + nonce + ciphertext + tag


def keyed_hash(key, key_id, parts):
    """A look-up hash of up to seven `parts`."""
    lengths = struct.pack(f">{len(parts)}I", *map(len, parts))
    digest = hmac.new(key, lengths + b"".join(parts), hashlib.sha256).digest()
    return struct.pack(">I", key_id) + digest


# --- a whole vault --------------------------------------------------------------------------------


def read_kek(text):
    """The keys of a KEK file, by id."""
    lines = [line.split() for line in text.splitlines()]
    return {int(id): bytes.fromhex(digits) for _, id, digits in lines}


def read_keyring(kek, rows):
    """The data keys, by purpose and id. `rows`: id, purpose, wrapped."""
    keys = {}
    for id, purpose, wrapped in rows:
        where = place(f"keyring:{purpose}", "", id, False, b"")
        keys.setdefault(purpose, {})[id] = open_record(kek, wrapped, where)
    return keys
