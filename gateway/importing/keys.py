"""Key pairs for files to import: RSA, for which `openssl cms` needs no more than a certificate."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault.import_keys import ImportKey

_BITS: Final = 4096
_DAYS: Final = 90  # a file that comes later is for a new pair
_EXPONENT: Final = 65537


def new_key(now: datetime) -> ImportKey:
    """A pair with a certificate of its own."""
    id = secrets.token_hex(4)
    key = rsa.generate_private_key(_EXPONENT, _BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"card-gateway import {id}")])
    usage = x509.KeyUsage(
        key_encipherment=True, digital_signature=False, content_commitment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # the sender's clock may be behind
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
    return ImportKey(id, pem, Secret(private), now)


def load(key: ImportKey) -> rsa.RSAPrivateKey:
    """The private key. Raises RecordDamaged."""
    loaded = serialization.load_der_private_key(key.private.reveal(), None)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise RecordDamaged
    return loaded


def fingerprint(key: ImportKey) -> str:
    """SHA-256 of its certificate, as `openssl x509 -fingerprint -sha256` prints it."""
    certificate = x509.load_pem_x509_certificate(key.certificate.encode("ascii"))
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()
