"""`card-gateway vault migrate`: what it tells, and what it does not take."""

from __future__ import annotations

import json
import os
import signal
import sqlite3

import pytest

from gateway.cli import vault_migrate
from gateway.config import read_config
from gateway.vault import closing
from gateway.vault.closing import Closed
from gateway.vault.configured import open_vault
from gateway.vault.moving import Moving, Phase
from gateway.vault.places import open_database, place_of
from tests.vault.makers import entry, find_all, keep, many


@pytest.fixture
def kept(run):
    """A vault with cards in it, and their tokens."""
    vault = open_vault(read_config(run.config))
    found = keep(vault, *many(20), entries=[entry() for _ in range(20)])
    vault.close()
    return [one.token for one in found]


@pytest.fixture
def old(run):
    return str(run.state / "vault.db")


@pytest.fixture
def there(run):
    return str(run.directory / "there" / "vault.db")


def migrate(run, *words):
    return run("vault", "migrate", *words, "--notice", "0")


def state(run, path):
    database = open_database(run.directory / path, now="2026")
    try:
        return database.read(closing.why)
    finally:
        database.close()


def test_it_says_how_it_went_and_what_to_do_next(run, kept, old, there):
    code, out, err = migrate(run, old, there)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("✓ ")
    assert lines[0].endswith(" are the same, counted and summed.")
    assert lines[1].startswith(f"✓ The vault is at {there}. Exchanges with cards were refused for ")
    assert "restart every gateway" in out
    assert f"erase {old}" in out
    assert err.splitlines()[0] == "Copying, while it is in use …"
    assert err.splitlines()[-1] == "Opening it in its new place …"
    # The old place says where it stands, and nobody opens it by mistake.
    code, _, err = run("vault", "status")
    assert (code, "It was moved to another place" in err) == (1, True)
    assert json.loads(run("vault", "status", "--json")[1])["closed"].startswith("It was moved")
    code, _, err = run("keys", "list")
    assert (code, "It was moved to another place" in err) == (2, True)
    # And the new one is a vault.
    text = run.config.read_text().replace("state: state", "state: there")
    run.config.write_text(text)
    (run.state / "kek").rename(run.directory / "there" / "kek")
    vault = open_vault(read_config(run.config))
    assert all(find_all(vault, kept))
    vault.close()
    assert run("audit", "verify")[0] == 0
    told = [
        json.loads(line)
        for line in run("audit", "export", "--action", "vault_move")[1].splitlines()
    ]
    assert [(one["detail"], one["outcome"]) for one in told] == [
        ("copy", "intent"), ("close", "intent"), ("move", "done"),
    ]  # fmt: skip
    assert [one["subject"] for one in told] == [there, there, old]
    assert all(one["origin"].startswith("command line: ") for one in told)


def test_for_scripts(run, kept, old, there):
    code, out, err = migrate(run, old, there, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["moved"], told["rows"]["card"], told["differing"]) == (True, 20, [])
    assert len(told["sha256"]["card"]) == 64
    assert told["passes"][-1] >= 1
    code, out, _ = migrate(run, old, there)
    assert (code, out) == (0, f"✓ The vault is at {there}, since an earlier run.\n")


def test_p18_where_both_are_not_the_same_the_source_stays(run, kept, old, there, monkeypatch):
    prove = Moving._prove

    def changed(self, ours):
        connection = sqlite3.connect(there)
        connection.execute("DELETE FROM link WHERE id = 1")
        connection.commit()
        connection.close()
        return prove(self, ours)

    monkeypatch.setattr(Moving, "_prove", changed)
    code, out, err = migrate(run, old, there)
    assert (code, out) == (1, "")
    assert "link: 19 rows in the target, which are not the 20 here." in err
    assert f"Both are not the same, so {old} is in use as before." in err
    assert (state(run, old), state(run, there)) == (Closed.OPEN, Closed.FILLING)
    assert run("keys", "list")[0] == 0
    monkeypatch.undo()
    assert migrate(run, old, there)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_lost_terminal_leaves_the_source_in_use(run, kept, old, there, number, monkeypatch):
    before = signal.getsignal(number)
    pass_ = Moving._pass

    def stopped(self, phase, *summed):
        if phase is Phase.LAST:
            os.kill(os.getpid(), number)
        return pass_(self, phase, *summed)

    monkeypatch.setattr(Moving, "_pass", stopped)
    code, _, err = migrate(run, old, there)
    assert code == 2
    assert "Stopped." in err
    assert f"{old} is in use as before." in err
    assert state(run, old) is Closed.OPEN
    assert signal.getsignal(number) is before
    monkeypatch.undo()
    assert migrate(run, old, there)[0] == 0


def test_a_move_that_was_started_by_nohup_goes_on_without_its_terminal(
    run, kept, old, there, monkeypatch
):
    pass_ = Moving._pass

    def hung_up(self, phase, *summed):
        os.kill(os.getpid(), signal.SIGHUP)
        return pass_(self, phase, *summed)

    monkeypatch.setattr(Moving, "_pass", hung_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert migrate(run, old, there)[0] == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_move_that_was_killed_is_given_up(run, kept, old, there):
    database = open_database(run.state / "vault.db", now="2026")
    database.write("test", lambda c: closing.close(c, Closed.MOVING, "gone")).result()
    database.close()
    code, _, err = run("vault", "status")
    assert (code, "card-gateway vault migrate has not ended" in err) == (1, True)
    code, out, _ = run("vault", "migrate", old, "--abandon")
    assert code == 0
    assert f"✓ {old} takes writes again." in out
    assert "is in use: there is nothing to give up" in run("vault", "migrate", old, "--abandon")[1]
    assert run("vault", "status")[0] == 0
    assert migrate(run, old, there)[0] == 0
    code, _, err = run("vault", "migrate", old, "--abandon")
    assert (code, "cards would be kept in two places" in err) == (2, True)
    assert state(run, old) is Closed.MOVED


def test_a_target_with_a_vault_is_refused(run, kept, old):
    code, _, err = run("vault", "migrate", old, old)
    assert code == 2
    assert f"{old}: there is a vault already" in err
    assert f"{old} is in use as before." in err


def test_p16_what_is_no_place_is_refused_and_no_password_is_repeated(run, kept, old, there):
    url = "postgresql://user:hunter2@db.example/vault"
    for words in ((old, url), (url, there)):
        code, out, err = run("vault", "migrate", *words)
        assert code == 2
        assert "no password in the URL" in err
        assert "hunter2" not in out + err
    assert run("vault", "migrate", old, "mysql://db.example/vault")[0] == 2
    assert run("vault", "migrate", old)[0] == 2
    code, _, err = run("vault", "migrate", there, old)
    assert (code, f"There is no vault at {there}." in err) == (2, True)
    code, _, err = migrate(run, old, there, "--target-password-file", "secret")
    assert (code, "a file has no password" in err) == (2, True)
    assert not (run.directory / "there").exists()


def test_where_its_password_is_gateway_yaml_says_for_the_same_url(run):
    secret, owner = run.directory / "secret", run.directory / "owner"
    for path, text in ((secret, "of the gateway"), (owner, "of the owner")):
        path.write_text(text + "\n")
        path.chmod(0o600)
    url = "postgresql://gateway@localhost/vault"
    run.config.write_text(
        run.config.read_text() + f"vault: {{ url: '{url}', password: {{ file: secret }} }}\n"
    )
    settings = read_config(run.config)
    known = vault_migrate._place(url, settings, None, None, "SOURCE")
    assert known.url == place_of(settings).url
    assert known.password.reveal() == "of the gateway"
    other = vault_migrate._place(
        "postgresql://owner@localhost/vault", settings, owner, None, "TARGET"
    )
    assert other.password.reveal() == "of the owner"
    none = vault_migrate._place(
        "postgresql://owner@localhost/vault", settings, None, None, "TARGET"
    )
    assert none.password is None
