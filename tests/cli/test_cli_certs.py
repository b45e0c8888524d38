"""`card-gateway certs`: what is made, what is kept, what it is good for."""

import json
import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway import certificates
from gateway.secret_file import read_secret_file
from tests.pki import Authority


def mode(file):
    return stat.S_IMODE(file.stat().st_mode)


def contents(directory):
    return {file: file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def test_init_makes_what_is_missing_and_keeps_what_is_there(run):
    code, out, err = run("certs", "init")
    assert (code, err) == (0, "")
    ca = run.state / "ca"
    assert f"made {ca / 'mitmproxy-ca.pem'}" in out
    assert f"made {run.state / 'push-key'}" in out
    assert f"Clients trust {ca / 'mitmproxy-ca-cert.pem'}" in out
    assert {file.name: mode(file) for file in ca.iterdir()} == {
        "mitmproxy-ca.pem": 0o600,
        "mitmproxy-ca-cert.pem": 0o644,
        "endpoints-cert.pem": 0o644,
        "endpoints-key.pem": 0o600,
    }
    assert mode(run.state) == 0o700
    assert len(read_secret_file(run.state / "push-key").reveal()) == 32
    before = contents(run.state)
    assert run("certs", "init")[1].startswith("Everything is there; nothing was changed.")
    assert contents(run.state) == before


def test_mitmproxy_signs_with_the_authority_that_was_made(run):
    from mitmproxy.certs import CertStore

    run("certs", "init")
    store = CertStore.from_store(run.state / "ca", "mitmproxy", 2048)
    entry = store.get_cert("api.partner.example", [x509.DNSName("api.partner.example")])
    leaf = x509.load_pem_x509_certificate(entry.cert.to_pem())
    issuer = x509.load_pem_x509_certificate((run.state / "ca/mitmproxy-ca-cert.pem").read_bytes())
    leaf.verify_directly_issued_by(issuer)
    client = ssl.create_default_context(cafile=str(run.state / "ca/mitmproxy-ca-cert.pem"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain = run.state / "leaf.pem"
    key = entry.privatekey.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    chain.write_bytes(key + entry.cert.to_pem())
    server.load_cert_chain(chain)
    assert handshake(server, client, "api.partner.example") == "api.partner.example"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "gateway.hotel.example"])
def test_a_client_that_trusts_the_authority_trusts_the_endpoints(run, name):
    run("certs", "init", "--hostname", "gateway.hotel.example")
    ca = run.state / "ca"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(ca / "endpoints-cert.pem", ca / "endpoints-key.pem")
    client = ssl.create_default_context(cafile=str(ca / "mitmproxy-ca-cert.pem"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert handshake(server, client, name)


def handshake(server, client, name):
    """A TLS handshake over a real socket; the names that the client verified against."""
    ours, theirs = socket.socketpair()

    def serve():
        with ours, server.wrap_socket(ours, server_side=True) as wrapped:
            wrapped.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with theirs, client.wrap_socket(theirs, server_hostname=name) as wrapped:
            subject = wrapped.getpeercert()["subject"]
            wrapped.send(b"x")
            return subject[0][0][1]
    finally:
        thread.join(5)


def test_another_name_renews_the_certificate_and_keeps_the_key(run):
    run("certs", "init")
    key = (run.state / "ca/endpoints-key.pem").read_bytes()
    out = run("certs", "init", "--hostname", "b.example")[1]
    assert "endpoints-cert.pem" in out
    assert "mitmproxy-ca.pem" not in out.splitlines()[0]
    seen = certificates.read("endpoints", run.state / "ca/endpoints-cert.pem")
    assert seen.names == ("localhost", "127.0.0.1", "::1", "b.example")
    assert (run.state / "ca/endpoints-key.pem").read_bytes() == key
    run("certs", "init")
    assert certificates.read("x", run.state / "ca/endpoints-cert.pem") == certificates.Seen(
        "x", *seen_but_for_what(seen)
    )


def seen_but_for_what(seen):
    return seen.file, seen.fingerprint, seen.not_after, seen.names


def test_a_certificate_that_ends_soon_or_is_anothers_is_renewed(tmp_path):
    now = datetime.now(UTC)
    certificates.make_authority(tmp_path, now)
    assert certificates.make_leaf(tmp_path, "endpoints", ["a.example"], now)
    assert not certificates.make_leaf(tmp_path, "endpoints", ["a.example"], now)
    assert certificates.make_leaf(tmp_path, "endpoints", ["a.example"], now + timedelta(days=380))
    (tmp_path / "mitmproxy-ca.pem").unlink()
    certificates.make_authority(tmp_path, now)
    assert certificates.make_leaf(tmp_path, "endpoints", ["a.example"], now)


def test_the_authoritys_certificate_is_written_again_from_the_key_file(run):
    run("certs", "init")
    file = run.state / "ca/mitmproxy-ca-cert.pem"
    before = file.read_bytes()
    file.unlink()
    run("certs", "init")
    assert file.read_bytes() == before


def test_an_authority_of_another_kind_is_not_used_for_leaves(tmp_path):
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "mitmproxy-ca.pem").write_bytes(key + Authority(tmp_path).certificate.read_bytes())
    with pytest.raises(ValueError, match="not on an elliptic curve"):
        certificates.make_leaf(tmp_path, "endpoints", ["a.example"], datetime.now(UTC))


def test_a_certificate_may_have_no_names(tmp_path):
    assert certificates.read("ca", Authority(tmp_path).certificate).names == ()


def test_a_write_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError):
        certificates.write(tmp_path / "there", b"x", 0o600)
    assert [file.name for file in tmp_path.iterdir()] == ["there"]


def test_init_elsewhere(run, tmp_path):
    code, out, _ = run("certs", "init", "--directory", str(tmp_path / "elsewhere"))
    assert code == 0
    assert (tmp_path / "elsewhere/endpoints-cert.pem").exists()
    assert not (run.state / "ca").exists()
    code, out, _ = run("certs", "show", "--json", "--directory", str(tmp_path / "elsewhere"))
    assert [one["what"] for one in json.loads(out)] == ["ca", "endpoints"]


def test_show_tells_fingerprints_and_days(run):
    assert run("certs", "show")[1].startswith("There are no certificates yet.")
    run("certs", "init")
    code, out, err = run("certs", "show")
    assert (code, err) == (0, "")
    header, ca, endpoints = out.splitlines()
    assert header.split() == ["WHAT", "ENDS", "DAYS", "SHA-256", "FILE"]
    assert ca.split()[2] == "1823"
    assert endpoints.split()[2] == "395"
    certificate = x509.load_pem_x509_certificate((run.state / "ca/endpoints-cert.pem").read_bytes())
    from cryptography.hazmat.primitives import hashes

    assert (
        certificate.fingerprint(hashes.SHA256()).hex()
        == endpoints.split()[3].replace(":", "").lower()
    )


def test_show_finds_what_ends_soon(run):
    run("certs", "init")
    ending = Authority(run.directory).issue("proxy.example")
    text = run.config.read_text().replace(
        "proxy: 127.0.0.1:8080",
        f"proxy: {{ address: 127.0.0.1:0, tls: {{ certificate: {ending.certificate}, key: {ending.key} }} }}",
    )
    text += "test_hosts:\n"
    for name, ca in (("a", "gone.pem"), ("b", "sandbox.pem"), ("c", "sandbox.pem")):
        text += f'  "{name}.test:1": {{ stands_for: x.example, address: 127.0.0.1, ca: {ca} }}\n'
    text += '  "d.test:1": { stands_for: x.example, address: 127.0.0.1 }\n'
    Authority(run.directory).certificate.rename(run.directory / "sandbox.pem")
    run.config.write_text(text)
    code, out, err = run("certs", "show", "--json")
    assert code == 1
    assert f"{ending.certificate} ends in 0 days.\n" in err
    found = {one["what"]: one for one in json.loads(out)}
    assert set(found) == {"ca", "endpoints", "proxy", "ca of b.test"}
    assert found["proxy"]["days"] == 0
    assert found["proxy"]["names"] == ["proxy.example"]
    assert found["endpoints"]["days"] == 395
