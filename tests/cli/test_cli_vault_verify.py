"""`card-gateway vault verify`: what it says, what it exits with, and that it shows no content."""

from __future__ import annotations

import json

from tests.cli.test_cli_vault_purge import FAR, LONG_AGO, fill
from tests.vault.makers import pan, rows


def test_a_vault_that_is_right(run):
    fill(run, FAR)
    assert run("vault", "verify") == (
        0, "✓ Each of 2 records opens, and nothing is kept past its time.\n", "",
    )  # fmt: skip
    assert json.loads(run("vault", "verify", "--json")[1]) == {"opened": 2, "findings": []}


def test_what_is_wrong_is_said_without_its_content(run):
    token, _ = fill(run, LONG_AGO, FAR)
    with rows(run.directory) as connection:
        connection.execute(
            "UPDATE card SET sealed = zeroblob(120) WHERE iduser = ?", (token.iduser,)
        )
    code, out, err = run("vault", "verify")
    assert (code, out) == (1, "")
    assert (
        f"card: 1 do not open: changed, moved, cut off, or under a key that is gone. The first: {token.iduser}."
        in err
    )
    assert "link: 1 should have been erased more than an hour ago." in err
    assert "Run: card-gateway vault purge." in err
    assert pan(0) not in err
    code, out, _ = run("vault", "verify", "--json")
    assert code == 1
    assert {(one["flaw"], one["table"]) for one in json.loads(out)["findings"]} == {
        ("damaged", "card"), ("expired", "link"),
    }  # fmt: skip
