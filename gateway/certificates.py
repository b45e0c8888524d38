"""Certificates: a development authority, server certificates under it, and when each one ends.

The authority's files are what mitmproxy's CertStore reads from its confdir: `mitmproxy-ca.pem`
(key, then certificate) and `mitmproxy-ca-cert.pem` (what clients install). Keys are on P-256: making
and checking a signature costs a fraction of an RSA one. The authority's key signs and does nothing
else: the leaves of intercepted hosts have a key of their own (`engine/tls.py`), made at each start.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.config import Config
from gateway.private_directory import make_private

AUTHORITY_DAYS: Final = 5 * 365
LEAF_DAYS: Final = 397  # clients refuse more (CA/Browser Forum's baseline requirements)
SOON: Final = timedelta(days=30)
_BACKDATED: Final = timedelta(days=1)  # clients' clocks may be behind


@dataclass(frozen=True, slots=True)
class Seen:
    """One certificate file: what to check it by, and when it ends."""

    what: str
    file: Path
    fingerprint: str  # SHA-256, hex with colons
    not_after: datetime  # UTC
    names: tuple[str, ...]

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends; negative once it has."""
        return (self.not_after - now).days

    def ends_soon(self, now: datetime) -> bool:
        """Whether it ends within 30 days, or has ended."""
        return self.not_after - now < SOON


def read(what: str, file: Path) -> Seen:
    """The first certificate in a PEM file. Raises OSError, and ValueError when there is none."""
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    digest = certificate.fingerprint(hashes.SHA256())
    return Seen(
        what, file, digest.hex(":").upper(), certificate.not_valid_after_utc, _names(certificate)
    )


def installed(config: Config, directory: Path | None = None) -> list[Seen]:
    """The certificates that are there: the CA's, the listeners', the stand-ins' authorities.

    `directory` is another place of the CA than gateway.yaml's. Raises OSError, ValueError.
    """
    authority = directory or config.authority
    files = {
        "ca": authority / "mitmproxy-ca-cert.pem",
        "endpoints": config.endpoints_tls.certificate
        if directory is None
        else authority / "endpoints-cert.pem",
    }
    if config.has_pages:
        files["pages"] = (
            config.pages_tls.certificate if directory is None else authority / "pages-cert.pem"
        )
    for name, listener in (("proxy", config.listen.proxy), ("control", config.listen.control)):
        if listener.tls is not None:
            files[name] = listener.tls.certificate
    for target, test in config.test_hosts.items():
        if test.ca is not None and test.ca not in files.values():
            files[f"ca of {target.host}"] = test.ca
    return [read(what, file) for what, file in files.items() if file.exists()]


def make_authority(directory: Path, now: datetime) -> bool:
    """Makes the authority's files unless they are there; whether it did. Raises OSError."""
    key_file, certificate_file = directory / "mitmproxy-ca.pem", directory / "mitmproxy-ca-cert.pem"
    if key_file.exists():
        if not certificate_file.exists():
            _, certificate = _load_authority(directory)
            write(certificate_file, _pem(certificate), 0o644)
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    # A serial in the name keeps two developers' authorities apart in one trust store.
    name = _subject(f"Card gateway development CA {secrets.token_hex(3)}")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    write(key_file, _pem_key(key) + _pem(certificate), 0o600)
    write(certificate_file, _pem(certificate), 0o644)
    return True


def make_leaf(directory: Path, stem: str, names: Sequence[str], now: datetime) -> bool:
    """Makes `<stem>-cert.pem` (with the authority's) and `<stem>-key.pem` for `names`; whether it
    did.

    A certificate that is there is kept while it covers `names`, was signed by this authority, and
    does not end soon; else it is made anew, for the names of both, with the same key.
    """
    certificate_file, key_file = directory / f"{stem}-cert.pem", directory / f"{stem}-key.pem"
    authority_key, issuer = _load_authority(directory)
    wanted = tuple(dict.fromkeys(names))
    if certificate_file.exists() and key_file.exists():
        seen = read(stem, certificate_file)
        covered = set(wanted) <= set(seen.names)
        if covered and not seen.ends_soon(now) and _signed_by(certificate_file, issuer):
            return False
        wanted = tuple(dict.fromkeys((*seen.names, *wanted)))
    key = _load_key(key_file.read_bytes()) if key_file.exists() else _new_key(key_file)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    leaf = (
        _builder(_subject(wanted[0]), issuer.subject, key.public_key(), now, LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_general(name) for name in wanted]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    write(certificate_file, _pem(leaf) + _pem(issuer), 0o644)
    return True


def write(file: Path, content: bytes, mode: int) -> None:
    """Writes a file that is never half there, and never more open than `mode`; the directories that
    it needs are the owner's alone. Raises OSError."""
    make_private(file.parent)
    passing = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        passing.replace(file)
    finally:
        passing.unlink(missing_ok=True)


def _load_authority(directory: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    raw = (directory / "mitmproxy-ca.pem").read_bytes()
    return _load_key(raw), x509.load_pem_x509_certificate(raw)


def _load_key(raw: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(raw, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(  # noqa: TRY004 - what the file holds is a value
            "the key is not on an elliptic curve: it was not made by certs init"
        )
    return key


def _new_key(file: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    write(file, _pem_key(key), 0o600)
    return key


def _signed_by(file: Path, issuer: x509.Certificate) -> bool:
    leaf = x509.load_pem_x509_certificate(file.read_bytes())
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now - _BACKDATED + timedelta(days=days))
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,  # mitmproxy's leaves share the authority's key, not its usage
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
