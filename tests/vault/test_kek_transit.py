"""The KEK from a transit engine: real TLS, a stand-in that answers as the documentation says."""

from __future__ import annotations

import json
import logging
import stat

import pytest

from gateway.config_values import parse_https
from gateway.config_vault import TransitKek
from gateway.errors import VaultSealed
from gateway.vault.kek.transit import KekTransit
from gateway.vault.service import Vault
from tests.pki import Authority
from tests.vault.makers import chain, find, keep, new
from tests.vault.transit_server import Answer, Key, TransitServer


@pytest.fixture
def server(tmp_path):
    (tmp_path / "pki").mkdir()
    started = TransitServer(tmp_path / "pki")
    yield started
    started.close()


class Site:
    """A directory with a token and what the gateway keeps; `pauses`: how long it waited."""

    def __init__(self, directory, server) -> None:
        self.directory, self.server, self.pauses = directory, server, []
        self.token = server.token()
        self.file = directory / "kek.transit"

    def secret(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return {"file": path}

    def provider(self, **changes):
        said = {
            "url": self.server.url,
            "key": "card-gateway",
            "ca": self.server.authority.certificate,
            "token": self.secret("token", self.token),
            "wait_seconds": 30,
        }
        said = {name: value for name, value in (said | changes).items() if value is not None}
        return KekTransit(self.file, TransitKek(**said), self.pauses.append)

    def refusal(self, again=False, **changes):
        with pytest.raises(VaultSealed) as refused:
            self.provider(**changes).load()
        assert (refused.value.provider, refused.value.again) == ("transit", again)
        text = chain(refused.value)
        assert self.token not in text
        assert "permission denied" not in text  # nothing of the server's own words
        return str(refused.value)


@pytest.fixture
def site(tmp_path, server):
    return Site(tmp_path, server)


def test_p22_the_kek_is_wrapped_beside_the_database_and_opens_the_vault(site, server):
    database = site.directory / "state" / "vault.db"
    vault = Vault.open(database, site.provider())
    kept = keep(vault, new())[0]
    vault.close()
    assert stat.S_IMODE(site.file.stat().st_mode) == 0o600
    held = json.loads(site.file.read_text())
    assert held["wrapped"].startswith("vault:v1:")
    server.keys["card-gateway"].rotate()  # older versions still open
    vault = Vault.open(database, site.provider())
    assert find(vault, kept.token) is not None
    vault.close()
    assert not {"kek", "kek.transit"} & {file.name for file in database.parent.iterdir()}


def test_p22_the_key_is_in_no_file_and_no_log(site, caplog):
    caplog.set_level(logging.DEBUG)
    site.provider().create()
    kek = site.provider().load()
    (key,) = (one.reveal() for one in kek._keys.values())
    said = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "HTTP" in said  # the library did log
    for text in (key.hex(), site.token):
        assert text not in said
        assert all(text not in file.read_text() for file in (site.file,))


def test_p27_sealed_is_waited_for_and_then_it_opens(site, server):
    site.provider().create()
    server.statuses = [Answer(503, "Vault is sealed")] * 3 + [
        Answer(429, "request path: rate limit quota exceeded")
    ]
    site.provider().load()
    assert len(site.pauses) == 4
    assert site.pauses == sorted(site.pauses)
    assert site.pauses[0] < 1


@pytest.mark.parametrize(
    ("status", "said"),
    [(503, "it is sealed"), (429, "status 429"), (500, "status 500"), (412, "status 412")],
)
def test_p27_what_may_pass_ends_after_a_bounded_time_and_says_that_again_helps(
    site, server, status, said
):
    site.provider().create()
    server.statuses = [Answer(status, "x")] * 9
    assert said in site.refusal(again=True, wait_seconds=0)
    assert not site.pauses


def test_p27_a_server_that_is_away(site, server):
    site.provider().create()
    settings = {"url": "https://127.0.0.1:1", "wait_seconds": 0}
    assert "can not be reached" in site.refusal(again=True, **settings)


def expired(site):
    del site.server.tokens[site.token]
    return "gives no right"


def other_policy(site):
    site.server.tokens[site.token] = {"transit/encrypt/card-gateway"}
    return "gives no right"


def no_such_mount(site):
    site.server.mount = "elsewhere"
    site.server.tokens[site.token].add("transit/decrypt/card-gateway")
    return "no secrets engine"


def key_is_gone(site):
    del site.server.keys["card-gateway"]
    return "no such transit key"


def another_key(site):
    site.server.keys["card-gateway"] = Key()
    return "did not wrap"


def too_old(site):
    site.server.keys["card-gateway"].rotate()
    site.server.keys["card-gateway"].min_decryption_version = 2
    return "not allowed any more"


def changed_ids(site):
    held = json.loads(site.file.read_text())
    held["keks"] = [7]
    site.file.write_text(json.dumps(held))
    return "did not wrap"


def damaged(site):
    held = json.loads(site.file.read_text())
    site.file.write_text(json.dumps(held)[:-20])
    return "damaged"


def flipped(site):
    held = json.loads(site.file.read_text())
    head, last = held["wrapped"][:-6], held["wrapped"][-6:]
    held["wrapped"] = head + ("A" if last[0] != "A" else "B") + last[1:]
    site.file.write_text(json.dumps(held))
    return "did not wrap"


def open_to_others(site):
    site.file.chmod(0o640)
    return "read by others"


def gone(site):
    site.file.unlink()
    return "can not be read"


def redirected(site):
    site.server.statuses = [Answer(307, headers={"Location": "https://127.0.0.1:1/v1/x"})]
    return "redirect"


@pytest.mark.parametrize(
    "fault",
    [
        expired, other_policy, no_such_mount, key_is_gone, another_key, too_old, changed_ids,
        damaged, flipped, open_to_others, gone, redirected,
    ],
)  # fmt: skip
def test_p22_what_will_not_pass_is_said_at_once(site, fault):
    site.provider().create()
    said = fault(site)
    assert said in site.refusal()
    assert not site.pauses


def test_p22_another_vaults_kek_does_not_open_this_one(site, tmp_path):
    Vault.open(tmp_path / "one" / "vault.db", site.provider()).close()
    site.file.rename(tmp_path / "saved")
    Vault.open(tmp_path / "two" / "vault.db", site.provider()).close()
    with pytest.raises(VaultSealed, match="does not open the vault's keyring"):
        Vault.open(tmp_path / "one" / "vault.db", site.provider())
    (tmp_path / "saved").rename(site.file)
    Vault.open(tmp_path / "one" / "vault.db", site.provider()).close()


def test_p22_a_server_that_nobody_vouches_for_gets_no_token(site, server, tmp_path):
    site.provider().create()
    (tmp_path / "other").mkdir()
    before = list(server.calls)
    other = Authority(tmp_path / "other").certificate
    assert "certificate is not trusted" in site.refusal(ca=other)
    url = parse_https(
        server.url.replace("127.0.0.1", "localhost")
    )  # another name than is vouched for
    assert "another host's" in site.refusal(url=url.base)
    assert server.calls == before


def test_a_role_logs_in_for_each_call_and_gives_its_token_back(site, server):
    server.roles["gateway"] = "secret-id-of-the-role"
    secret = site.secret("secret-id", "secret-id-of-the-role")
    role = {"role_id": "gateway", "secret_id": secret}
    before = set(server.tokens)
    site.provider(token=None, app_role=role).create()
    site.provider(token=None, app_role=role).load()
    assert server.calls == [
        "auth/approle/login", "transit/encrypt/card-gateway", "auth/token/revoke-self",
        "auth/approle/login", "transit/decrypt/card-gateway", "auth/token/revoke-self",
    ]  # fmt: skip
    assert set(server.tokens) == before
    server.roles["gateway"] = "another"
    assert "role id and secret id" in site.refusal(token=None, app_role=role)


def test_a_token_is_renewed_so_that_it_lives_until_the_next_start(site, server):
    site.provider().create()
    site.provider().load()
    assert server.calls[-2:] == ["transit/decrypt/card-gateway", "auth/token/renew-self"]
    server.not_renewable.add(site.token)
    site.provider().load()  # no hindrance, now; the log says it


def test_a_namespace_and_another_mount(site, server):
    server.namespace, server.mount = "hotels/north", "kms/transit-1"
    server.mount = "kms"
    site.token = server.token()
    more = {"namespace": "hotels/north", "mount": "kms"}
    site.provider(**more).create()
    site.provider(**more).load()
    assert "no secrets engine" in site.refusal(namespace="hotels")


def test_p16_a_token_that_no_header_takes_is_refused_without_repeating_it(site):
    site.provider().create()
    site.token = "hvs.with a blank"
    assert "characters that no token has" in site.refusal()
    site.token = "hvs.wíth-accents"
    assert "characters that no token has" in site.refusal()
