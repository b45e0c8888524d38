"""Texts that nobody between can read: encrypted, or what may be."""

from __future__ import annotations

import base64
import re
from typing import Final

from gateway.cli.proposal import words
from gateway.stages.guard import is_text

_ENCRYPTED: Final = frozenset({"jwe", "csedata", "cipherdata", "ciphervalue", "encdata"})
_JWE: Final = re.compile(r"eyJ[\w-]+(?:\.[\w-]*){4}")
_PGP: Final = "-----BEGIN PGP MESSAGE"  # RFC 9580
_WHOLE: Final = 28  # signs of it in base64 that no other end changes
_CIPHERTEXT: Final = 24
_SIGNS: Final = 32  # different ones: hexadecimal digits have 16
_LONG_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4}){24,}")  # whole groups: any end will do


def is_sealed(text: str) -> bool:
    """Whether a long stretch of base64 in a text says nothing that could be read."""
    return any(
        len(set(found[0])) >= _SIGNS and not is_text(base64.b64decode(found[0]))
        for found in _LONG_BASE64.finditer(text)
    )


def is_encrypted(name: str, text: str) -> bool:
    """Whether a field is called as ciphertexts are, or holds one by its form."""
    plain, bare = words.squash(name), text.strip()
    said = "encrypted" in plain or plain in _ENCRYPTED
    return (
        (said and len(bare) >= _CIPHERTEXT)
        or _JWE.fullmatch(bare) is not None
        or bare.startswith(("adyenjs_", _PGP, base64.b64encode(_PGP.encode()).decode()[:_WHOLE]))
    )
