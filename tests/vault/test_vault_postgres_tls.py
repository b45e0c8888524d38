"""P05: TLS to a real PostgreSQL beyond this machine. Debian's server, certificates made here, and a wire
tap between: what a refused server got is read there, not believed."""

from __future__ import annotations

import io
import logging
import socket
import threading
import time

import psycopg
import pytest

from gateway import log
from gateway.config import read_config
from gateway.errors import ConfigurationError, VaultUnavailable
from gateway.secret import Secret
from gateway.vault.configured import open_vault
from gateway.vault.kek.file import KekFile
from gateway.vault.places import place_of
from gateway.vault.postgres.database import PostgresDatabase
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.service import Vault
from tests import debian_postgres, pooler, postgres
from tests.children import command
from tests.pki import Authority
from tests.ports import free_port
from tests.vault.makers import chain, entry, find, keep, new

pytestmark = [pytest.mark.postgres_alone, pytest.mark.slow]

NOW = "2026-03-01T12:00:00.000000+00:00"
NAME = "db.example"
PASSWORD = "s3cret-of-the-vault"
ROLE = "card_gateway_of_the_test"
SETTINGS = """\
products: {{ seaside: {{ merchant_code: abc123, terminal: 1, mode: test }} }}
clients: {{ pms: {{ networks: [127.0.0.0/8] }} }}
state: {directory}/state
vault:
  url: postgresql://{role}@{host}:{port}/vault
  password: {{ file: {directory}/password }}
  ca: {ca}
"""


class Tap:
    """Passes bytes on between `port` and a server's, and keeps what clients said."""

    def __init__(self, to: int) -> None:
        self.port, self.said = free_port(), []
        self._to, self._listener = to, socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def heard(self) -> bytes:
        return b"".join(self.said)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._to))
            for source, target, kept in ((client, server, self.said), (server, client, [])):
                threading.Thread(target=passed, args=(source, target, kept), daemon=True).start()


def passed(source, target, kept) -> None:
    try:
        while data := source.recv(65536):
            kept.append(data)
            target.sendall(data)
    except OSError:
        pass  # the other direction was cut
    finally:
        for one in (source, target):
            one.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def started():
    if debian_postgres.why_not():
        pytest.skip(debian_postgres.why_not())
    started = debian_postgres.NetworkServer()
    with psycopg.connect(started.url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
    yield started
    started.close()


@pytest.fixture
def server(started):
    with psycopg.connect(started.url, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS vault WITH (FORCE)")
        admin.execute(f"CREATE DATABASE vault OWNER {ROLE}")
    return started


@pytest.fixture
def tap(server, monkeypatch):
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")  # where `db.example` is
    between = Tap(server.port)
    yield between
    between.close()


@pytest.fixture
def logged():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("debug", stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def configured(directory, tap, ca, *, password=PASSWORD, host=NAME):
    """gateway.yaml, as docs/scale.md has it."""
    (directory / "state").mkdir(exist_ok=True)
    (directory / "password").write_text(password + "\n")
    (directory / "password").chmod(0o600)
    file = directory / "gateway.yaml"
    file.write_text(
        SETTINGS.format(directory=directory, role=ROLE, host=host, port=tap.port, ca=ca)
    )
    return file


def test_p05_the_right_server_is_used_and_all_that_goes_there_is_encrypted(
    server, authority, tap, tmp_path, logged
):
    server.encrypt(authority.issue(NAME))
    vault = open_vault(read_config(configured(tmp_path, tap, authority.certificate)))
    (kept,) = keep(vault, new(), entries=[entry()])
    assert find(vault, kept.token, entries=[entry()]) is not None
    with psycopg.connect(server.url) as admin:
        connections = admin.execute(
            "SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = %s",
            [ROLE],
        ).fetchall()
    vault.close()
    assert connections
    assert set(connections) == {(True, "TLSv1.3")}
    assert len(tap.heard()) > 5000
    for clear in (ROLE, PASSWORD, "seaside", "INSERT", "BEGIN"):
        assert clear.encode() not in tap.heard(), clear
    assert PASSWORD not in logged.getvalue()


def other_authority(authority, directory):
    return Authority(directory).issue(NAME)


SHOWN = {
    "by an authority that is not trusted": (other_authority, {}, "no trusted authority vouches"),
    "for another name": (
        lambda authority, _: authority.issue("other.example"), {}, "for another name",
    ),
    "that has expired": (
        lambda authority, _: authority.issue(NAME, expired=True), {}, "or that has expired",
    ),
    "over TLS 1.1": (
        lambda authority, _: authority.issue(NAME),
        {"ssl_min_protocol_version": "TLSv1", "ssl_max_protocol_version": "TLSv1.1",
         "ssl_ciphers": "ALL:@SECLEVEL=0"},
        "no TLS from 1.2 on",
    ),
}  # fmt: skip


@pytest.mark.parametrize("shown", SHOWN)
def test_p05_a_server_that_shows_a_certificate_is_told_nothing(
    server, authority, tap, tmp_path, logged, shown
):
    made, settings, told = SHOWN[shown]
    server.encrypt(made(authority, tmp_path), **settings)
    refused(configured(tmp_path, tap, authority.certificate), told, tap, logged)


def test_p05_a_server_without_tls_is_told_nothing(server, authority, tap, tmp_path, logged):
    server.bare()
    refused(configured(tmp_path, tap, authority.certificate), "does not encrypt", tap, logged)
    asked = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # whether it has TLS
    assert tap.heard() == asked * len(tap.said)


def test_p05_without_its_authority_the_systems_do_not_vouch_for_it(
    server, authority, tap, tmp_path, logged
):
    server.encrypt(authority.issue(NAME))
    file = configured(tmp_path, tap, "")
    file.write_text(file.read_text().replace("  ca: \n", ""))
    refused(file, "no trusted authority vouches", tap, logged)


def test_p05_an_authority_that_can_not_be_read_is_told(server, authority, tap, tmp_path, logged):
    server.encrypt(authority.issue(NAME))
    refused(configured(tmp_path, tap, tmp_path / "none.pem"), "can not be read", tap, logged)


def refused(file, told, tap, logged):
    with pytest.raises(ConfigurationError) as error:
        open_vault(read_config(file))
    (problem,) = error.value.problems
    assert told in problem.message
    assert problem.hint
    check_silent(tap.heard(), logged, chain(error.value))
    done = command("vault", "upgrade", "--config", file)
    assert done.returncode != 0
    assert told in done.stderr.decode()
    check_silent(tap.heard(), logged, done.stderr.decode())


def check_silent(heard, logged, said):
    for secret in (ROLE, "INSERT", "schema_version"):
        assert secret.encode() not in heard
    assert PASSWORD not in logged.getvalue() + said
    assert '"event": "database_not_connected"' in logged.getvalue()


def test_p16_a_password_that_is_refused_is_not_repeated(server, authority, tap, tmp_path, logged):
    server.encrypt(authority.issue(NAME))
    file = configured(tmp_path, tap, authority.certificate, password="mistyped-s3cret")
    with pytest.raises(ConfigurationError, match="this role with this password") as error:
        open_vault(read_config(file))
    done = command("vault", "upgrade", "--config", file)
    assert "this role with this password" in done.stderr.decode()
    for text in (chain(error.value), logged.getvalue(), done.stderr.decode()):
        assert "mistyped" not in text
    assert '"reason": "password_refused"' in logged.getvalue()
    assert b"mistyped" not in tap.heard()
    assert "mistyped" not in server.log.read_text()


def test_p05_p27_a_server_that_comes_back_as_another_one_is_refused(
    server, authority, tap, tmp_path, logged
):
    """A failover to a machine with a wrong certificate: refused while it lasts, and the log says why."""
    server.encrypt(authority.issue(NAME))
    vault = open_vault(read_config(configured(tmp_path, tap, authority.certificate)))
    (kept,) = keep(vault, new(), entries=[entry()])
    server.encrypt(authority.issue("other.example"))
    before = len(tap.said)
    for _ in range(2):
        with pytest.raises(VaultUnavailable):
            keep(vault, new("4111111111111111"), entries=[entry()])
    assert '"reason": "certificate_of_another"' in logged.getvalue()
    assert ROLE.encode() not in b"".join(tap.said[before:])
    server.encrypt(authority.issue(NAME))
    assert keep(vault, new(), entries=[entry()])[0].token == kept.token
    vault.close()


def test_p05_no_variable_leads_away_from_this_machine(
    server, authority, tap, tmp_path, monkeypatch
):
    """To a server on this machine nothing is encrypted: so it has to be this one."""
    server.bare()
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(tap.port))
    for url in ("postgresql:///vault", f"postgresql://[::1]:{tap.port}/vault"):
        file = configured(tmp_path, tap, authority.certificate)
        text = file.read_text()
        start = text.index("postgresql://")
        file.write_text(text.replace(text[start : text.index("\n", start)], url))
        place = place_of(read_config(file))
        with pytest.raises((VaultUnavailable, ConfigurationError)):
            PostgresDatabase(place, now=NOW, busy_seconds=0.5)
    assert tap.heard() == b""


def test_p05_the_documented_pooler_verifies_the_server_and_keeps_no_password(
    server, authority, tmp_path, monkeypatch
):
    """docs/scale.md's pgbouncer.ini; its list of users has the SCRAM secret, which opens nothing by itself."""
    if pooler.why_not():
        pytest.skip(pooler.why_not())
    with psycopg.connect(server.url, autocommit=True) as admin:
        ((secret,),) = admin.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = %s", [ROLE]
        ).fetchall()
    assert PASSWORD not in secret
    server.encrypt(authority.issue("localhost"))
    between = pooler.Pooler(
        {"vault": f"host=localhost port={server.port} dbname=vault"},
        {ROLE: secret},
        postgres.account(),
        server_tls_ca_file=authority.certificate,
    )
    place = PostgresPlace(between.url(ROLE, "vault"), Secret(PASSWORD))
    kek = KekFile(tmp_path / "kek")
    vault = Vault.open(place, kek, busy_seconds=2.0)
    (kept,) = keep(vault, new(), entries=[entry()])
    with psycopg.connect(server.url) as admin:
        found = admin.execute(
            "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = %s",
            [ROLE],
        ).fetchall()
    assert set(found) == {(True,)}
    assert PASSWORD not in between.log.read_text()
    server.encrypt(authority.issue("other.example"))
    with pytest.raises(VaultUnavailable):
        keep(vault, new(), entries=[entry()])
    server.encrypt(authority.issue("localhost"))
    until = time.monotonic() + 15
    while True:
        try:
            again = keep(vault, new(), entries=[entry()])
        except VaultUnavailable:
            assert time.monotonic() < until
        else:
            break
    assert again[0].token == kept.token
    vault.close()
    with pytest.raises(ConfigurationError, match="this role with this password"):
        Vault.open(PostgresPlace(place.url, Secret("another")), kek)
    between.close()
