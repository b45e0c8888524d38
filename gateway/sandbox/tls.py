"""The sandbox's own certificate authority: made on first use, reused afterwards, trusted by name only.

`sandbox-ca.pem` is what clients trust; the keys lie beside it, mode 0600.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.private_directory import make_private

CA_FILE: Final = "sandbox-ca.pem"
_CA_KEY: Final = "sandbox-ca-key.pem"
_LEAF: Final = "sandbox-cert.pem"
_LEAF_KEY: Final = "sandbox-cert-key.pem"
_NAMES: Final = (
    "*.sandbox.test",
    "*.adyen.sandbox.test",
    "*.bookingsync.sandbox.test",
    "localhost",
)
_RENEW_BEFORE: Final = timedelta(days=14)
_LIFE: Final = timedelta(days=800)  # clients refuse leaves that live much longer


def make_authority(directory: Path) -> Path:
    """Makes what is missing, lacks a name or is about to expire in `directory`; returns the CA certificate's path."""
    make_private(directory)
    ca_file = directory / CA_FILE
    if not _good(ca_file) or not (directory / _CA_KEY).exists():
        _make_ca(directory)
        (directory / _LEAF).unlink(missing_ok=True)
    if not _good(directory / _LEAF, *_NAMES) or not (directory / _LEAF_KEY).exists():
        _make_leaf(directory)
    return ca_file


def server_context(directory: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with the leaf of `make_authority`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(directory / _LEAF, directory / _LEAF_KEY)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _good(path: Path, *names: str) -> bool:
    """Whether a certificate is there, is for all of `names`, and lives on for a while."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    if names:  # a new simulator may have brought a new one
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        if not set(names) <= set(held.value.get_values_for_type(x509.DNSName)):
            return False
    return certificate.not_valid_after_utc - datetime.now(UTC) > _RENEW_BEFORE


def _make_ca(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "card-gateway sandbox CA")])
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_key(directory / _CA_KEY, key)
    (directory / CA_FILE).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _make_leaf(directory: Path) -> None:
    authority = x509.load_pem_x509_certificate((directory / CA_FILE).read_bytes())
    ca_key = serialization.load_pem_private_key((directory / _CA_KEY).read_bytes(), None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the sandbox's CA key is not an EC key")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox.test")])
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in _NAMES]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    certificate = (
        _builder(subject, authority.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    _write_key(directory / _LEAF_KEY, key)
    (directory / _LEAF).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    data = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.unlink(missing_ok=True)  # a new file: the mode of an old one would stay
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
