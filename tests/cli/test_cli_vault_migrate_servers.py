"""`card-gateway vault migrate` between two servers as they are in use: one that takes nothing but TLS and sorts
texts as people do, one on a socket, a pooler in transaction mode before each, and a file; while cards come in."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from gateway.access.keys import NewKey, create
from gateway.audit import Action
from gateway.config import read_config
from gateway.errors import VaultClosed
from gateway.secret import Secret
from gateway.vault import closing
from gateway.vault.closing import Closed
from gateway.vault.configured import open_vault
from gateway.vault.import_keys import ImportKey
from tests import debian_postgres, pooler, postgres
from tests.pki import Authority
from tests.vault.makers import entry, find_all, keep, many, new, pan
from tests.vault.moving import PAUSE
from tests.vault.test_vault_cards import ASKED, once

pytestmark = pytest.mark.slow

NAME = "db.example"
ROLE, PASSWORD = "card_gateway_of_the_test", "s3cret-of-the-vault"
USER = "postgres"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
AT_FIRST = 100
# Sorted by bytes they stand in another order than where people sort them.
NAMES = ("a", "B", "b", "Z", "a-b", "ab", "a b", "é", "É", "_", "10", "9")


@dataclass(frozen=True)
class End:
    """A place of a vault, as the command is told of it; `ca`: who vouches for its server."""

    said: str
    password: str = ""
    ca: object = None

    def options(self, which, directory):
        if not self.password:
            return []
        file = directory / f"{which}-password"
        file.write_text(self.password)
        file.chmod(0o600)
        return [f"--{which}-password-file", str(file)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def abroad(authority):
    """A server that has passwords and TLS alone."""
    if debian_postgres.why_not():
        pytest.skip(debian_postgres.why_not())
    server = debian_postgres.NetworkServer()
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
    server.encrypt(authority.issue(NAME, "localhost"))
    yield server
    server.close()


@pytest.fixture
def ends(request, tmp_path, monkeypatch, authority):
    """Makes either end, empty."""
    open_ones = []

    def abroad():
        server = request.getfixturevalue("abroad")
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("DROP DATABASE IF EXISTS vault WITH (FORCE)")
            admin.execute(
                f"CREATE DATABASE vault OWNER {ROLE} TEMPLATE template0"
                " LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"
            )
        return server

    def tls(_name):
        monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")  # where `db.example` is
        url = f"postgresql://{ROLE}@{NAME}:{abroad().port}/vault"
        return End(url, PASSWORD, authority.certificate)

    def socket(name):
        said = psycopg.conninfo.conninfo_to_dict(postgres.place_of(tmp_path / name).url)
        return End(f"postgresql://{said['user']}@/{said['dbname']}?host={said['host']}")

    def pooled_tls(_name):
        server = abroad()
        with psycopg.connect(server.url, autocommit=True) as admin:
            select = "SELECT rolpassword FROM pg_authid WHERE rolname = %s"
            ((secret,),) = admin.execute(select, [ROLE]).fetchall()
        return before(
            f"host=localhost port={server.port} dbname=vault", {ROLE: secret}, ROLE, PASSWORD,
            server_tls_ca_file=authority.certificate,
        )  # fmt: skip

    def pooled(name):
        said = psycopg.conninfo.conninfo_to_dict(postgres.place_of(tmp_path / name).url)
        there = " ".join(f"{key}={said[key]}" for key in ("host", "port", "dbname") if key in said)
        users = {USER: pooler.PASSWORD}
        return before(there, users, USER, pooler.PASSWORD, server_tls_sslmode="prefer")

    def before(there, users, user, password, **settings):
        if pooler.why_not():
            pytest.skip(pooler.why_not())
        between = pooler.Pooler({"vault": there}, users, postgres.account(), **settings)
        open_ones.append(between)
        return End(between.url(user, "vault"), password)

    def file(name):
        return End(str(tmp_path / name / "vault.db"))

    made = {"tls": tls, "socket": socket, "pooled": pooled, "pooled tls": pooled_tls, "file": file}
    yield lambda kind, name: made[kind](name)
    for one in open_ones:
        one.close()
    postgres.forget_databases(tmp_path)


def opened(run, end, directory):
    """The vault there, by a gateway.yaml that names it."""
    said = {"kek": {"file": str(directory / "kek")}}
    settings = {"state": str(directory / "state"), "vault": said}
    if end.said.startswith("postgresql:"):
        said["url"] = end.said
        if end.ca:
            said["ca"] = str(end.ca)
        if end.password:
            end.options("yaml", directory)
            said["password"] = {"file": str(directory / "yaml-password")}
    else:
        settings["state"] = str(Path(end.said).parent)
    kept = [
        line for line in run.config.read_text().splitlines() if line.split(":")[0] not in settings
    ]
    added = [f"{name}: {json.dumps(one)}" for name, one in settings.items()]
    run.config.write_text("\n".join([*kept, *added]) + "\n")
    return open_vault(read_config(run.config))


def fill(vault):
    """Rows of tables that are kept by text, in both cases and with accents; and cards."""
    for name in NAMES:
        create(vault.keys, NewKey(name, "pms"), NOW, "command line: test")
        vault.import_keys.add(ImportKey(f"key {name}", "PEM", Secret(b"x"), NOW), "command line")
        said = replace(ASKED, action=Action.CREDENTIALS, detail=name, product="seaside")
        asyncio.run(
            vault.credentials.put(
                "seaside", name, {"secret_key": Secret(name)},
                entry=said, once=once(f"set {name}"), answer=lambda made: b"",
            )
        )  # fmt: skip
    return keep(vault, *many(700), entries=[entry("before") for _ in range(700)])


class Coming(threading.Thread):
    """Cards that come in until the vault is closed for good: some at once, the others one by one."""

    def __init__(self, vault):
        super().__init__()
        self.vault, self.kept = vault, []

    def run(self):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if len(self.kept) > AT_FIRST:
                time.sleep(PAUSE)
            try:
                number = len(self.kept)
                self.kept += keep(self.vault, new(pan(number)), entries=[entry(f"new-{number}")])
            except VaultClosed:
                if self.vault._database.read(closing.why) is Closed.MOVED:
                    return
                time.sleep(0.01)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("socket", "tls"),
        ("tls", "socket"),
        ("tls", "file"),
        ("file", "tls"),
        ("pooled", "pooled tls"),
        ("pooled tls", "pooled"),
        ("pooled tls", "file"),
    ],
)
def test_p24_p25_the_vault_is_the_same_on_the_other_server(run, tmp_path, ends, source, target):
    here, there = ends(source, "here"), ends(target, "there")
    words = ["vault", "migrate", here.said, there.said, "--notice", "0", "--json"]
    words += here.options("source", tmp_path) + there.options("target", tmp_path)
    if ca := here.ca or there.ca:
        words += ["--ca", str(ca)]
    vault = opened(run, here, tmp_path)
    try:
        before = fill(vault)
        coming = Coming(vault)
        coming.start()
        code, out, err = run(*words)
        coming.join()
    finally:
        vault.close()
    assert (code, err) == (0, "")
    assert coming.kept
    told = json.loads(out)
    assert (told["moved"], told["differing"], told["chained"]) == (True, [], True)
    assert told["rows"]["card"] == 700 + len(coming.kept)
    assert told["rows"]["processor_credential"] == len(NAMES)
    vault = opened(run, there, tmp_path)
    try:
        assert all(find_all(vault, (one.token for one in (*before, *coming.kept))))
        (again, fresh) = keep(vault, many(700)[0], new(pan(10**6)), entries=[entry("x")] * 2)
        assert (again.token, fresh.created) == (before[0].token, True)
        assert sorted(one.name for one in vault.keys.all()) == sorted(NAMES)
        assert vault.audit.check().findings == []
    finally:
        vault.close()
    # run once more it finds all done, and changes nothing
    assert json.loads(run(*words)[1])["moved"]
