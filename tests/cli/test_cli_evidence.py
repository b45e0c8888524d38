"""The evidence's folder: complete, signed, without a card, and never better than what is there."""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import json
import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta

import pytest
from cyclonedx.model.bom import Bom

from gateway.access.keys import NewKey, create
from gateway.audit import Action, Entry, Outcome
from gateway.config import read_config
from gateway.evidence import sbom
from gateway.loaded import state_of
from gateway.rules.watch import Rules
from gateway.vault.configured import open_vault
from tests.vault.makers import booking, keep, new, rows
from tests.vault.test_vault_audit import unguarded

FILES = {
    "README.md", "requirements.md", "requirements.json", "keys.csv", "key-events.csv",
    "cards-seen.csv", "changes.csv", "configuration.json", "audit-verify.json", "retention.json",
    "pages.json", "sbom.cdx.json", "advisories.json", "scan.json", "MANIFEST.sha256",
    "MANIFEST.hmac",
}  # fmt: skip
PAN = "4539148803436467"
NOW = datetime.now(UTC)


class Evidence:
    """`run`, on a vault with a card that was read, shown and charged, and a key that was made."""

    def __init__(self, run) -> None:
        self.run, self.folder = run, run.directory / "evidence"
        self.settings = settings = read_config(run.config)
        vault = open_vault(settings)
        try:
            (kept,) = keep(
                vault, new(PAN, holder="Ana Example", at=booking(departure=date(2999, 1, 1)))
            )
            self.iduser = kept.token.iduser
            self.key, self.key_row = create(
                vault.keys, NewKey("desk", "pms"), NOW, "command line: alice"
            )
            rules = state_of(Rules.load(settings).current, {})
            seen = [
                self.entry(Action.DETOKENIZE, client="pms", key="k1", route="partner/all"),
                self.entry(Action.REVEAL, key="vwr_a", outcome=Outcome.REFUSED),
                self.entry(Action.TOKENIZE, client="pms"),
                Entry(NOW, "", Action.CONFIG_LOAD, Outcome.DONE, subject=settings.digest),
                Entry(NOW, "", Action.RULES_LOAD, Outcome.DONE, subject=rules.digest),
            ]
            asyncio.run(vault.record(seen))
        finally:
            vault.close()

    def entry(self, action, *, outcome=Outcome.DONE, **more):
        return Entry(NOW, "x1", action, outcome, iduser=self.iduser, booking="RES-1", **more)

    def write(self, *options):
        """Exit code, what was complained of."""
        code, _, complained = self.run("evidence", str(self.folder), *options)
        return code, complained

    def verify(self):
        code, _, complained = self.run("evidence", "verify", str(self.folder))
        return code, complained

    def json(self, name):
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def csv(self, name):
        with (self.folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def everything(self):
        return {path.name: path.read_text(encoding="utf-8") for path in self.folder.iterdir()}


@pytest.fixture
def made(run):
    return Evidence(run)


def test_a_folder_has_all_of_it_and_is_as_it_was_written(made):
    assert made.write() == (0, "")
    assert {path.name for path in made.folder.iterdir()} == FILES
    assert made.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.folder.iterdir()} == {0o600}
    assert made.verify() == (0, "")
    check = ["sha256sum", "--strict", "-c", "MANIFEST.sha256"]
    subprocess.run(check, cwd=made.folder, check=True, capture_output=True)
    first = (made.folder / "README.md").read_text(encoding="utf-8")
    for name in FILES - {"requirements.json", "README.md"}:
        assert name in first
    assert "NONE WERE HANDED IN" in first
    assert "NO PATH WAS NAMED" in first


def test_p16_no_card_secret_or_name_is_in_it(made, tmp_path):
    (named := tmp_path / "logs").mkdir()
    (named / "Ana Example.log").write_text(f"paid with {PAN}\n")
    assert made.write("--scan", str(named))[0] == 1  # that is what it found
    code, printed, _ = made.run("scan", str(made.folder), options=False)
    assert (code, "No clear card number" in printed) == (0, True)
    kek = (made.settings.kek).read_text().split()[-1]
    for name, text in made.everything().items():
        for secret in (
            PAN,
            PAN[-4:] + "\n",
            "737,",
            "Ana Example",
            "RES-1",
            kek,
            made.key.reveal(),
        ):
            assert secret not in text, (name, secret[:4])


def test_who_saw_which_card_and_what_became_of_keys(made):
    made.write()
    seen = [
        (row["action"], row["outcome"], row["key"], row["token"])
        for row in made.csv("cards-seen.csv")
    ]
    assert seen == [
        ("detokenize", "done", "k1", str(made.iduser)),
        ("reveal", "refused", "vwr_a", str(made.iduser)),
    ]
    (event,) = made.csv("key-events.csv")
    assert (event["action"], event["key"]) == ("key_create", made.key_row.id)
    assert event["origin"] == "command line: alice"
    assert [row["action"] for row in made.csv("changes.csv")] == ["config_load", "rules_load"]
    keys = made.csv("keys.csv")
    with rows(made.run.directory) as connection:
        (count,) = connection.execute("SELECT count(*) FROM keyring").fetchone()
    assert len(keys) == count
    assert {row["state"] for row in keys} == {"active"}
    assert made.json("audit-verify.json")["findings"] == []
    assert made.json("configuration.json")["same"] is True
    assert all(one["same"] for one in made.json("pages.json"))


def change(made):
    text = (made.folder / "cards-seen.csv").read_text()
    (made.folder / "cards-seen.csv").write_text(text.replace("detokenize", "tokenize"))
    return "cards-seen.csv was changed"


def remove(made):
    (made.folder / "cards-seen.csv").unlink()
    return "cards-seen.csv is missing"


def add(made):
    (made.folder / "more.csv").write_text("x")
    return "more.csv is not of this evidence"


def sign_anew(made):
    """Whoever changes a file can change the manifest, but has not the vault's key."""
    change(made)
    lines = subprocess.run(
        ["sha256sum", *sorted(FILES - {"MANIFEST.sha256", "MANIFEST.hmac"})],
        cwd=made.folder, check=True, capture_output=True,
    ).stdout  # fmt: skip
    (made.folder / "MANIFEST.sha256").write_bytes(lines)
    return "MANIFEST.sha256 was changed"


@pytest.mark.parametrize("how", [change, remove, add, sign_anew])
def test_p36_a_folder_that_was_changed_is_told(made, how):
    made.write()
    said = how(made)
    code, complained = made.verify()
    assert code == 1
    assert said in complained


def test_p36_another_vaults_signature_is_none(made, tmp_path):
    made.write()
    text = (made.folder / "MANIFEST.hmac").read_text()
    for forged in ("", "00" * 36, "x" * 72, text[:-9] + "00000000\n"):
        (made.folder / "MANIFEST.hmac").write_text(forged)
        assert made.verify()[0] == 1


def test_a_folder_with_something_in_it_and_a_path_that_is_not_there_are_wrong_use(made):
    made.folder.mkdir()
    (made.folder / "old.csv").write_text("x")
    code, complained = made.write()
    assert (code, "name a new one" in complained) == (2, True)
    assert [path.name for path in made.folder.iterdir()] == ["old.csv"]
    shutil.rmtree(made.folder)
    assert made.write("--scan", "/nowhere/at/all")[0] == 2
    assert not made.folder.exists()


def test_the_long_form_is_the_same(made):
    code, _, _ = made.run("evidence", "write", str(made.folder))
    assert code == 0
    assert made.verify() == (0, "")


def test_without_a_vault_none_is_made(run):
    code, _, complained = run("evidence", str(run.directory / "evidence"))
    assert (code, "There is no vault" in complained) == (2, True)
    assert not run.state.exists()


# --- what a check finds -----------------------------------------------------------------------------


def test_what_was_found_is_never_hidden(made, tmp_path):
    with unguarded(made.run.directory) as connection:
        connection.execute("UPDATE audit SET client = 'else' WHERE action = 'detokenize'")
        past = (NOW - timedelta(days=1)).isoformat(timespec="microseconds")
        connection.execute(
            "INSERT INTO cvc (iduser, at, until, sealed) VALUES (?, ?, ?, x'00')",
            (made.iduser, past, past),
        )
    pack = made.run.directory / "rules/partner.yaml"
    pack.write_text(pack.read_text().replace("partner.example", "evil.example"))
    (named := tmp_path / "logs").mkdir()
    (named / "a.log").write_text(f"{PAN}\n")
    (known := tmp_path / "known.json").write_text(
        json.dumps(
            {"dependencies": [{"name": "LXML", "version": version("lxml"),
                               "vulns": [{"id": "PYSEC-1", "fix_versions": ["99"]}]}]}
        )
    )  # fmt: skip
    code, complained = made.write("--scan", str(named), "--advisories", str(known))
    assert code == 1
    for name in ("audit-verify", "retention", "configuration", "scan", "advisories"):
        assert f"{name}.json" in complained
    flaws = {(one["flaw"], one["table"]) for one in made.json("retention.json")["findings"]}
    assert flaws == {("expired", "cvc"), ("damaged", "cvc")}
    assert made.json("scan.json") == [{"path": str(named), "files": 1, "unreadable": 0, "found": 1}]
    (advisory,) = made.json("advisories.json")["known"]
    assert (advisory["id"], advisory["installed"]) == ("PYSEC-1", True)
    assert (made.folder / "README.md").read_text().count("**look here**") == 5
    assert made.verify() == (0, "")  # it is as it was written


def version(name):
    return {one.name.lower(): one.version for one in sbom.installed()}[name]


def test_a_path_without_cards_shows_none(made, tmp_path):
    (named := tmp_path / "logs").mkdir()
    (named / "a.log").write_text("nothing\n")
    assert made.write("--scan", str(named)) == (0, "")
    assert made.json("scan.json")[0]["found"] == 0


# --- software -----------------------------------------------------------------------------------------


def test_the_sbom_is_cyclonedx_and_has_what_is_installed(made):
    made.write()
    text = (made.folder / "sbom.cdx.json").read_text(encoding="utf-8")
    assert json.loads(text)["specVersion"] == "1.6"
    read = Bom.from_json(json.loads(text))  # by the format's own library
    assert read.metadata.component.name == "card-gateway"
    # None drawn at random: thirty digits may be a card to `scan`.
    references = {one["ref"] for one in json.loads(text)["dependencies"]}
    assert {one for one in references if not one.startswith("pkg:pypi/")} == {"card-gateway"}
    found = {one["name"]: one for one in json.loads(text)["components"]}
    for name in ("mitmproxy", "cryptography", "lxml"):
        assert found[name]["purl"] == f"pkg:pypi/{name}@{version(name)}"
        assert len(found[name]["properties"][0]["value"]) == 64


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b'{"dependencies": 1}', b'{"dependencies": [{}]}', b"\xff",
        b'{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "4539 1488 0343 6467"}]}]}',
        b'{"dependencies": [{"name": "=cmd()", "version": "1", "vulns": [{"id": "X"}]}]}',
    ],
)  # fmt: skip
def test_advisories_of_another_form_are_refused_and_not_repeated(made, tmp_path, data):
    (tmp_path / "known.json").write_bytes(data)
    code, complained = made.write("--advisories", str(tmp_path / "known.json"))
    if data == b'{"dependencies": [{}]}':  # nothing is known against it
        assert code == 0
        return
    assert (code, "no JSON of pip-audit" in complained) == (2, True)
    assert "4539" not in complained
    assert not made.folder.exists()


def test_osv_scanners_form_is_read(made, tmp_path):
    package = {"name": "left-pad", "version": "1.0.0"}
    known = {
        "results": [{"packages": [{"package": package, "vulnerabilities": [{"id": "GHSA-1"}]}]}]
    }
    (tmp_path / "known.json").write_text(json.dumps(known))
    assert made.write("--advisories", str(tmp_path / "known.json"))[0] == 0
    (one,) = made.json("advisories.json")["known"]
    assert (one["name"], one["id"], one["installed"]) == ("left-pad", "GHSA-1", False)


def test_without_its_library_nothing_is_written(made, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    code, complained = made.write()
    assert (code, "card-gateway[evidence]" in complained) == (2, True)
    assert not made.folder.exists()
