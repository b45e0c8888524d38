"""`card-gateway vault rotate`, `rewrap`: new keys for old ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gateway.config import read_config
from gateway.vault.configured import open_vault
from gateway.vault.keyring import Purpose
from gateway.vault.sealed_tables import ROTATED
from tests.vault.makers import find, keep, new, pan

LAST = len(Purpose)


@pytest.fixture
def kept(run):
    """A vault with a card in it, and the card's token."""
    vault = open_vault(read_config(run.config))
    token = keep(vault, new())[0].token
    vault.close()
    return token


def status(run):
    return json.loads(run("vault", "status", "--json")[1])


def test_new_keys_from_first_to_last(run, kept):
    code, out, err = run("vault", "rotate")
    assert (code, err) == (0, "")
    assert out.startswith(f"Made, and not used yet: {LAST + 1} (data), {LAST + 2} (look_up), ")
    assert f"✓ Used from now on: {LAST + 1} (data)" in out
    lines = run("vault", "status")[1].splitlines()
    today = str(datetime.now(UTC).date())
    assert lines[2].split() == ["data", str(LAST + 1), today, "1", "retiring", lines[2].split()[-1]]
    assert lines[-1].startswith("Old keys are kept: card-gateway vault rewrap")
    assert run("vault", "rotate", "--retire")[0] == 1  # a card is under them
    assert run("vault", "rewrap") == (0, "✓ Sealed anew: 1 card, 1 link\n", "")
    assert run("vault", "rewrap") == (0, "Everything was under the keys in use.\n", "")
    code, out, err = run("vault", "rotate", "--retire")
    assert (code, err) == (0, "")
    assert "Erased: 1 (data), 2 (look_up), 3 (tokenuser)\n" in out
    assert "Kept, to check old entries with: 18 (audit)\n" in out
    assert "No old key is left to erase." in run("vault", "rotate", "--retire")[1]
    vault = open_vault(read_config(run.config))
    assert find(vault, kept).card.pan.reveal() == new().card.pan.reveal()
    assert keep(vault, new())[0].token == kept
    vault.close()
    assert run("audit", "verify")[0] == 0


def test_the_history_says_what_became_of_each_key_and_who_did_it(run, kept):
    run("vault", "rotate", "--purpose", "data", "--purpose", "cvc")
    run("vault", "rewrap")
    run("vault", "rotate", "--retire")
    told = status(run)
    mine = [one for one in told["history"] if one["by"]]
    assert [(one["key"], one["purpose"], one["event"]) for one in mine] == [
        (LAST + 1, "data", "created"), (LAST + 2, "cvc", "created"),
        (LAST + 1, "data", "activated"), (LAST + 2, "cvc", "activated"),
        (1, "data", "retired"), (7, "cvc", "retired"),
    ]  # fmt: skip
    assert all(one["by"].startswith("command line (") for one in mine)
    assert {one["id"] for one in told["keys"]} & {1, 7} == set()
    code, out, _ = run("audit", "export", "--action", "vault_key_retire")
    assert code == 0
    assert [json.loads(line)["subject"] for line in out.splitlines()] == ["1", "7"]


def test_p23_a_gateway_that_has_not_loaded_them_is_named_and_nothing_is_used(run, kept):
    gateway = open_vault(read_config(run.config))
    gateway.watch.beat(datetime.now(UTC))
    code, out, err = run("vault", "rotate", "--wait", "0")
    assert code == 1
    assert f"Has not loaded the new keys: {gateway.watch.process}" in err
    assert "vault rotate --activate" in err
    assert {one["state"] for one in status(run)["keys"]} == {"active", "pending"}
    assert status(run)["behind"] == [gateway.watch.process]
    assert f"Has not loaded all of them: {gateway.watch.process}" in run("vault", "status")[1]
    gateway.watch.refresh()
    gateway.watch.beat(datetime.now(UTC))
    gateway.close()
    code, out, _ = run("vault", "rotate", "--activate")
    assert (code, len(out.split("), "))) == (0, len(ROTATED))
    assert run("vault", "rotate", "--activate")[1] == "No key waits to be used.\n"


def test_p18_a_record_that_does_not_open_is_named(run, kept):
    vault = open_vault(read_config(run.config))
    keep(vault, new(pan(1)))
    vault._database.write(
        "damage",
        lambda c: c.execute(
            "UPDATE card SET sealed = CAST(substr(sealed, 1, 100) || x'0000' AS BLOB) WHERE id = 2"
        ),
    ).result()
    vault.close()
    run("vault", "rotate")
    code, out, err = run("vault", "rewrap")
    assert code == 1
    assert "Does not open: card 2" in err
    assert "Sealed anew: 1 card, 2 link" in out
    code, out, _ = run("vault", "rewrap", "--json")
    assert (code, json.loads(out)["damaged"]) == (1, [{"table": "card", "key": "2"}])
    assert (
        "Needed still: 1 (data), 2 (look_up), 3 (tokenuser)"
        in run("vault", "rotate", "--retire")[2]
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rotate", "--activate", "--retire"), "one by one"),
        (("rotate", "--retire", "--purpose", "data"), "only for new keys"),
        (("rotate", "--purpose", "booking"), "the key for `booking` stays"),
        (("rotate", "--purpose", "nothing"), "nothing"),
    ],
)
def test_what_can_not_be_asked_is_said(run, kept, words, said):
    code, _, err = run("vault", *words)
    assert (code, said in err) == (2, True)
    assert len(status(run)["keys"]) == LAST


@pytest.mark.parametrize("command", ["rotate", "rewrap"])
def test_without_a_vault_none_is_made(run, command):
    code, _, err = run("vault", command)
    assert (code, "There is no vault at" in err) == (2, True)
    assert not (run.state / "vault.db").exists()
