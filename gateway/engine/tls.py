"""TLS towards clients (certificates of ours) and towards upstreams (theirs, verified)."""

from __future__ import annotations

import datetime as dt
import functools
import pathlib
from ipaddress import ip_address
from typing import Any, Final, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from mitmproxy.certs import CertStore
from OpenSSL import SSL

from gateway.engine.settings import ListenerSettings
from gateway.exchange import Listener
from gateway.trust import upstream_context

# mitmproxy's names, so that its tools and documents apply to the directory.
CA_NAME: Final = "mitmproxy"
CA_FILE: Final = "mitmproxy-ca.pem"  # key and certificate
_HOSTS: Final = 1000  # contexts that are kept
_LEAF_DAYS: Final = 30
_CA_BITS: Final = 2048

CaKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class ClientTls:
    """Contexts for handshakes with clients."""

    def __init__(self, confdir: pathlib.Path, listeners: dict[Listener, ListenerSettings]) -> None:
        """Reads the CA from `confdir`, or makes one there.

        Raises OSError and ValueError where a certificate or key can not be read or does not fit.
        """
        if not (confdir / CA_FILE).exists():
            CertStore.create_store(confdir, CA_NAME, _CA_BITS)
        self._ca, self._ca_key = _read_ca(confdir / CA_FILE)
        # One key for all leaves, which is not the CA's; P-256 makes a handshake half as dear.
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._listeners = {
            name: _listener_context(settings)
            for name, settings in listeners.items()
            if settings.tls
        }
        self._of_host = functools.lru_cache(_HOSTS)(self._make)

    def warm_up(self) -> None:
        """Does what is slow the first time: OpenSSL's tables, the system's authorities."""
        self.of_host("warm-up.invalid")
        upstream_context(None)

    def of_listener(self, listener: Listener) -> SSL.Context:
        """The listener's own certificate; a client's certificate is asked for, and pinned later."""
        return self._listeners[listener]

    def of_host(self, host: str) -> SSL.Context:
        """A certificate of ours for the (normalised) host of a CONNECT."""
        today = dt.datetime.now(dt.UTC).date()
        return self._of_host(host, today)

    def _make(self, host: str, today: dt.date) -> SSL.Context:
        noon = dt.datetime.combine(today, dt.time(), dt.UTC)
        name: x509.GeneralName
        try:
            name = x509.IPAddress(ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        public = self._leaf_key.public_key()
        leaf = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])]))
            .issuer_name(self._ca.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(noon - dt.timedelta(days=2), self._ca.not_valid_before_utc))
            .not_valid_after(
                min(noon + dt.timedelta(days=_LEAF_DAYS), self._ca.not_valid_after_utc)
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(_authority_of(self._ca), critical=False)
            .sign(self._ca_key, hashes.SHA256())
        )
        context = _context()
        context.use_certificate(leaf)
        context.use_privatekey(self._leaf_key)
        return context


def fingerprint(connection: SSL.Connection) -> str | None:
    """SHA-256 (hex) of the certificate that the client proved to own, while it is valid.

    Whoever signed it does not matter: callers' certificates are pinned by this fingerprint.
    """
    certificate = connection.get_peer_certificate(as_cryptography=True)
    if certificate is None:
        return None
    now = dt.datetime.now(dt.UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return None
    return certificate.fingerprint(hashes.SHA256()).hex()


def _read_ca(file: pathlib.Path) -> tuple[x509.Certificate, CaKey]:
    raw = file.read_bytes()
    key = serialization.load_pem_private_key(raw, None)
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return x509.load_pem_x509_certificate(raw), key
    raise ValueError(f"{file}: the CA's key must be RSA or EC")


def _authority_of(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        subject = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier(None, None, None)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject)


def _context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(
        SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION
    )
    context.set_session_id(b"card-gateway")
    # Any: versions of pyOpenSSL type this callback differently, and one of them wrongly.
    cast(Any, context).set_alpn_select_callback(_http1)
    return context


def _listener_context(settings: ListenerSettings) -> SSL.Context:
    if settings.certificate is None or settings.key is None:
        raise ValueError(f"{settings.host}:{settings.port}: TLS needs a certificate and a key")
    context = _context()
    try:
        context.use_certificate_chain_file(str(settings.certificate))
        context.use_privatekey_file(str(settings.key))
        context.check_privatekey()
    except SSL.Error:
        raise ValueError(
            f"{settings.certificate}: can not be read, or its key does not fit"
        ) from None
    # The handshake proves that the client owns the key; whose it is, the fingerprint says.
    context.set_verify(SSL.VERIFY_PEER, _accept_any)
    return context


def _accept_any(*_: object) -> bool:
    return True


def _http1(_: SSL.Connection, offers: list[bytes]) -> object:
    return b"http/1.1" if b"http/1.1" in offers else SSL.NO_OVERLAPPING_PROTOCOLS
