"""Key-encryption keys as text: one a line, `kek <id> <64 hex digits>`.

The last line wraps, the others still unwrap.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from gateway.secret import Secret
from gateway.vault.envelope import KEY_LENGTH, Sealer

LONGEST: Final = 16384
_LINE: Final = re.compile(rb"kek ([1-9][0-9]{0,9}) ([0-9a-f]{64})")
# 32 random bytes with fewer than 16 different values do not happen; a placeholder does.
_FEWEST_VALUES: Final = 16


def fresh() -> Secret[bytes]:
    """The line of a new key, at random, under an id that no other key has."""
    key_id = 1 + secrets.randbelow(2**32 - 1)
    return Secret(f"kek {key_id} {secrets.token_hex(KEY_LENGTH)}\n".encode())


def parse(content: Secret[bytes]) -> Sealer:
    """The keys as what they do. Raises ValueError, with a text for the operator, for anything but
    256-bit keys.
    """
    lines = content.reveal().splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    keys: dict[int, Secret[bytes]] = {}
    for match in found:
        if match is None or int(match[1]) >= 2**32:
            raise ValueError("the key-encryption key is damaged or too short")
        key = bytes.fromhex(match[2].decode())
        if len(set(key)) < _FEWEST_VALUES:
            raise ValueError("the key-encryption key is not random")
        keys[int(match[1])] = Secret(key)
    if not keys or len(keys) != len(lines):
        raise ValueError("the key-encryption key is absent or named twice")
    return Sealer(keys, list(keys)[-1])
