"""docs/scale.md and deploy/postgres: what stands there can be run, and the gateway's role can do its work."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from gateway.config import read_config
from gateway.errors import ConfigurationError
from gateway.vault.kek.file import KekFile
from gateway.vault.places import place_of
from gateway.vault.postgres.database import PostgresDatabase
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.service import Vault
from tests import postgres
from tests.children import command
from tests.vault.makers import entry, find, find_all, keep, many, new

pytestmark = pytest.mark.postgres_alone

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
BASE = """\
products: { seaside: { merchant_code: abc123, terminal: 1, mode: test } }
clients: { pms: { networks: [127.0.0.0/8] } }
"""
(SETTINGS,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(COMMANDS,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
NOW = "2026-03-01T12:00:00.000000+00:00"


@pytest.fixture
def server():
    own = postgres.Server()
    yield own
    own.close()


def as_role(server, role: str) -> str:
    return conninfo.make_conninfo(server.url, user=role)


def psql(server) -> None:
    """What `psql -f deploy/postgres/roles.sql` does, as an administrator."""
    script = ROOT / "deploy/postgres/roles.sql"
    assert f"psql -d vault -f {script.relative_to(ROOT)}" in COMMANDS
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(script.read_text(encoding="utf-8"))


def test_the_settings_load(tmp_path, monkeypatch) -> None:
    (tmp_path / "password").write_text("s3cret-of-the-vault\n")
    (tmp_path / "password").chmod(0o600)
    text = SETTINGS.replace("/etc/card-gateway/vault-password", str(tmp_path / "password"))
    (tmp_path / "gateway.yaml").write_text(BASE + text)
    place = place_of(read_config(tmp_path / "gateway.yaml"))
    assert isinstance(place, PostgresPlace)
    assert place.options(5)["password"] == "s3cret-of-the-vault"
    assert place.options(5)["sslmode"] == "verify-full"


@pytest.mark.slow
def test_p36_the_gateways_role_does_its_work_and_no_more(server, tmp_path) -> None:
    psql(server)
    gateway = PostgresPlace(as_role(server, "card_gateway"))
    with pytest.raises(ConfigurationError, match="may not bring the vault"):
        PostgresDatabase(gateway, now=NOW)
    url = "postgresql://card_gateway_owner@/postgres?host=" + str(server.directory / "data")
    (tmp_path / "gateway.yaml").write_text(
        BASE + f"vault: {{ url: '{url.replace('_owner', '')}' }}\n"
    )
    words = ("vault", "upgrade", "--url", url, "--config", str(tmp_path / "gateway.yaml"))
    assert "card-gateway vault upgrade --url" in COMMANDS
    for _ in range(2):
        done = command(*words)
        assert (done.returncode, done.stderr) == (0, b"")
    psql(server)
    vault = Vault.open(gateway, KekFile(tmp_path / "kek"))
    kept = keep(vault, *many(50), new(), entries=[entry()] * 51)
    assert find(vault, kept[-1].token, entries=[entry()]) is not None
    assert vault.count_by_product() == {"seaside": 51}
    vault.check()
    vault.rotation.add("test")
    vault.rotation.activate("test")
    vault.rewrap.run("test")
    assert vault.retention.scrub()
    assert vault.audit.check().findings == []
    asyncio.run(vault.record([entry()]))
    with psycopg.connect(gateway.url, autocommit=True) as connection:
        for statement in (
            "UPDATE audit SET client = 'other'",
            "DELETE FROM audit_anchor",
            "UPDATE key_event SET actor = 'other'",
            "DELETE FROM charge_event",
            "TRUNCATE audit",
            "ALTER TABLE audit DISABLE TRIGGER USER",
            "DROP TRIGGER audit_no_delete ON audit",
            "CREATE TABLE public.mine (x int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        with pytest.raises(psycopg.errors.RaiseException, match="append only"):
            connection.execute("DELETE FROM audit")
    vault.close()


def test_a_url_that_is_none_is_told(tmp_path) -> None:
    (tmp_path / "gateway.yaml").write_text(BASE)
    words = ("vault", "upgrade", "--config", str(tmp_path / "gateway.yaml"), "--url")
    done = command(*words, "mysql://db.example/vault")
    assert done.returncode == 2
    assert b"postgresql://" in done.stderr


def test_psql_reads_the_roles_too(server) -> None:
    """The script is for psql, which is a reader of its own."""
    found = next(postgres.wheels_programs().glob("psql"), None)
    program = shutil.which("psql") if found is None else str(found)
    if program is None:
        pytest.skip("the wheel of this platform has no psql, and none is installed")
    done = subprocess.run(
        [program, server.url, "-v", "ON_ERROR_STOP=1", "-f", str(ROOT / "deploy/postgres/roles.sql")],
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_vault_moves_in_as_the_owner_and_out_as_the_gateway(server, tmp_path) -> None:
    psql(server)
    (tmp_path / "gateway.yaml").write_text(BASE + f"state: {tmp_path / 'state'}\n")
    file, back = tmp_path / "state" / "vault.db", tmp_path / "back" / "vault.db"
    with closing(Vault.open(file, KekFile(tmp_path / "state" / "kek"))) as vault:
        kept = keep(vault, *many(20), entries=[entry()] * 20)
    url = "postgresql://card_gateway_owner@/postgres?host=" + str(server.directory / "data")
    config = ("--config", str(tmp_path / "gateway.yaml"))
    gateway = url.replace("_owner", "")
    # The gateways' role may not make the tables.
    done = command("vault", "migrate", str(file), gateway, *config)
    assert (done.returncode, b"may not bring the vault" in done.stderr) == (2, True)
    done = command("vault", "migrate", str(file), url, *config)
    assert done.returncode == 0, done.stderr
    psql(server)
    place = PostgresPlace(as_role(server, "card_gateway"))
    with closing(Vault.open(place, KekFile(tmp_path / "state" / "kek"))) as vault:
        kept += keep(vault, new(), entries=[entry()])
        assert all(find_all(vault, (one.token for one in kept)))
    done = command("vault", "migrate", gateway, str(back), *config)
    assert done.returncode == 0, done.stderr
    with closing(Vault.open(back, KekFile(tmp_path / "state" / "kek"))) as vault:
        assert all(find_all(vault, (one.token for one in kept)))
        assert vault.audit.check().findings == []


@pytest.mark.slow
def test_a_backup_is_restored_as_the_owner_and_made_and_tried_as_the_gateway(
    server, tmp_path
) -> None:
    psql(server)
    state, made = tmp_path / "state", tmp_path / "made"
    config = ("--config", str(tmp_path / "gateway.yaml"))
    made.mkdir()
    (tmp_path / "gateway.yaml").write_text(BASE + f"state: {state}\n")
    with closing(Vault.open(state / "vault.db", KekFile(state / "kek"))) as vault:
        kept = keep(vault, *many(20), entries=[entry()] * 20)
    done = command("vault", "backup", str(made / "first"), *config)
    assert done.returncode == 0, done.stderr
    url = "postgresql://card_gateway_owner@/postgres?host=" + str(server.directory / "data")
    (tmp_path / "gateway.yaml").write_text(
        BASE + f"state: {state}\nvault: {{ url: '{url.replace('_owner', '')}' }}\n"
    )
    words = ("vault", "restore", str(made), "--from-vault", str(state / "vault.db"), *config)
    done = command(*words)
    assert (done.returncode, b"may not bring the vault" in done.stderr) == (2, True)
    done = command(*words, "--url", url)
    assert done.returncode == 0, done.stderr
    psql(server)
    done = command("vault", "backup", str(made / "second"), *config)
    assert done.returncode == 0, done.stderr
    done = command("vault", "drill", str(made), *config)
    assert (done.returncode, b"20 cards" in done.stdout) == (0, True), done.stderr
    place = PostgresPlace(as_role(server, "card_gateway"))
    with closing(Vault.open(place, KekFile(state / "kek"))) as vault:
        assert all(find_all(vault, (one.token for one in kept)))
        assert vault.audit.check().findings == []
