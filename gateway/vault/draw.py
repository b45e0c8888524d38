"""Fresh tokens in bulk: uniform, from the system's randomness, a hundredfold cheaper than one by one.

Asking the system for each sign of each token takes 28 µs a token; ten thousand cards in one message
would wait a quarter of a second for that alone.
"""

from __future__ import annotations

import os
import string
import struct
from collections.abc import Callable, Sequence
from typing import Final

from gateway.cards.token import IDUSER_MAX, TOKENUSER_LENGTH, Token

_ALPHABET: Final = (string.digits + string.ascii_uppercase + string.ascii_lowercase).encode()
# 248 = 4 * 62: each sign stands for four byte values. The other eight values are thrown away,
# because taking them modulo 62 would make eight signs more likely (P26).
_FAIR: Final = 4 * len(_ALPHABET)
_SIGNS: Final = bytes(_ALPHABET[value % 62] for value in range(256))
_UNFAIR: Final = bytes(range(_FAIR, 256))
_WORD: Final = struct.Struct(">I")


def draw(modes: Sequence[bool], *, random: Callable[[int], bytes] = os.urandom) -> list[Token]:
    """A token for each of `modes` (True: test), with different idusers among themselves.

    The store makes sure that each iduser is free.
    """
    count = len(modes)
    idusers: dict[int, None] = {}
    while len(idusers) < count:
        raw = random(4 * (count - len(idusers)))
        masked = (value & IDUSER_MAX for (value,) in _WORD.iter_unpack(raw))
        idusers.update(dict.fromkeys(iduser for iduser in masked if iduser))
    signs = b""
    while len(signs) < count * TOKENUSER_LENGTH:
        missing = count * TOKENUSER_LENGTH - len(signs)
        signs += random(missing + missing // 16 + 8).translate(_SIGNS, _UNFAIR)
    text = signs.decode("ascii")
    return [
        Token(iduser, text[start : start + TOKENUSER_LENGTH], mode)
        for iduser, start, mode in zip(
            idusers, range(0, count * TOKENUSER_LENGTH, TOKENUSER_LENGTH), modes, strict=True
        )
    ]
