"""An encrypted file: CMS AuthEnvelopedData (RFC 5083), AES-256-GCM (RFC 5084), RSA-OAEP (RFC 4056).

1. Encryption without authentication (EnvelopedData, as with AES-CBC) is refused: whoever carries the file
   could change cards in it.
2. What is decrypted is handed on in pieces before its tag is checked, for it may be larger than the
   memory. So a file is read twice, and nothing is done with what comes the first time.
3. No file is written, and nothing decrypted is in an exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gateway.importing.der import INTEGER, OBJECT, OCTETS, SEQUENCE, SET, NotDer, Reader, Source
from gateway.importing.refusal import FileRefused, Why
from gateway.secret import Secret

_AUTH_ENVELOPED: Final = bytes.fromhex("2a864886f70d0109100117")  # 1.2.840.113549.1.9.16.1.23
_ENVELOPED: Final = bytes.fromhex("2a864886f70d010703")  # 1.2.840.113549.1.7.3
_OAEP: Final = bytes.fromhex("2a864886f70d010107")  # 1.2.840.113549.1.1.7
_AES_256_GCM: Final = bytes.fromhex("60864801650304012e")  # 2.16.840.1.101.3.4.1.46
_ORIGINATOR: Final = 0xA0
_CONTENT: Final = 0x80
_NONCE: Final = 12
_TAG: Final = 16
_KEY: Final = 32
_MOST_RECIPIENTS: Final = 100


def decrypted(file: Source, keys: Sequence[RSAPrivateKey]) -> Iterator[bytes]:
    """What is in the file, in pieces; the file is at its beginning. Whoever reads to the end knows that
    all of it is as it was encrypted; before that, nothing.

    Raises FileRefused.
    """
    try:
        yield from _decrypted(Reader(file), keys)
    except NotDer:
        refused = FileRefused(Why.NOT_CMS)
    except InvalidTag:
        refused = FileRefused(Why.DAMAGED)
    else:
        return
    raise refused


def _decrypted(reader: Reader, keys: Sequence[RSAPrivateKey]) -> Iterator[bytes]:
    reader.enter(SEQUENCE)
    kind = reader.value(OBJECT)
    if kind == _ENVELOPED:
        raise FileRefused(Why.NOT_AUTHENTICATED)
    if kind != _AUTH_ENVELOPED:
        raise NotDer
    reader.enter(0xA0)
    reader.enter(SEQUENCE)
    reader.value(INTEGER)
    if reader.peek() == _ORIGINATOR:
        reader.skip()
    wrapped = _wrapped_keys(reader)
    reader.enter(SEQUENCE)
    reader.value(OBJECT)
    nonce = _nonce(reader)
    key = _unwrapped(wrapped, keys)
    decryptor = Cipher(algorithms.AES(key.reveal()), modes.GCM(nonce)).decryptor()
    for piece in reader.octets(_CONTENT):
        yield decryptor.update(piece)
    reader.leave()
    # Attributes that are authenticated would stand here; nobody who encrypts a file alone has any.
    tag = reader.value(OCTETS)
    if len(tag) != _TAG:
        raise NotDer
    decryptor.finalize_with_tag(tag)


def _wrapped_keys(reader: Reader) -> list[bytes]:
    """The content's key, wrapped for each recipient that has an RSA key."""
    found: list[bytes] = []
    others = 0
    reader.enter(SET)
    while reader.peek() is not None and len(found) + others < _MOST_RECIPIENTS:
        if reader.peek() != SEQUENCE:
            others += 1
            reader.skip()
            continue
        reader.enter(SEQUENCE)
        reader.value(INTEGER)
        reader.skip()  # whose certificate: every key is tried
        reader.enter(SEQUENCE)
        algorithm = reader.value(OBJECT)
        while reader.peek() is not None:
            reader.skip()
        reader.leave()
        wrapped = reader.value(OCTETS)
        reader.leave()
        if algorithm == _OAEP:
            found.append(wrapped)
        else:
            others += 1
    reader.leave()
    if not found:
        raise FileRefused(Why.NOT_OAEP)
    return found


def _nonce(reader: Reader) -> bytes:
    reader.enter(SEQUENCE)
    if reader.value(OBJECT) != _AES_256_GCM:
        raise FileRefused(Why.NOT_AUTHENTICATED)
    reader.enter(SEQUENCE)
    nonce = reader.value(OCTETS)
    # Twelve bytes of tag are the standard's default; OpenSSL writes sixteen.
    if len(nonce) != _NONCE or reader.peek() is None or reader.value(INTEGER) != bytes([_TAG]):
        raise FileRefused(Why.NOT_AUTHENTICATED)
    reader.leave()
    reader.leave()
    return nonce


def _unwrapped(wrapped: Sequence[bytes], keys: Sequence[RSAPrivateKey]) -> Secret[bytes]:
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    for one in wrapped:
        for key in keys:
            try:
                opened = key.decrypt(one, oaep)
            except ValueError:  # another's
                continue
            if len(opened) == _KEY:
                return Secret(opened)
    raise FileRefused(Why.NO_KEY)
