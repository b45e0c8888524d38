"""`card-gateway vault purge`: what goes, what is said of it, and that nothing goes in a dry run."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date

from gateway.audit import COMMAND_LINE, Action
from gateway.vault.kek.file import KekFile
from gateway.vault.service import Vault
from tests.vault.makers import booking, find, keep, new, pan, rows

LONG_AGO, FAR = date(2020, 1, 1), date(2999, 1, 1)


def vault_of(run):
    return closing(Vault.open(run.state / "vault.db", KekFile(run.state / "kek")))


def fill(run, *departures):
    """A card for each."""
    with vault_of(run) as vault:
        return [
            keep(vault, new(pan(place), at=booking(f"RES-{place}", departure=at)))[0].token
            for place, at in enumerate(departures)
        ]


def test_what_is_due_is_said_and_then_erased(run):
    gone, stays = fill(run, LONG_AGO, FAR)
    code, out, err = run("vault", "purge", "--dry-run")
    assert (code, err) == (1, "")
    assert [line.split() for line in out.splitlines()[:2]] == [
        ["PRODUCT", "BOOKINGS", "DUE", "OF", "CARDS"], ["seaside", "1", "1"],
    ]  # fmt: skip
    assert json.loads(run("vault", "purge", "--dry-run", "--json")[1]) == {
        "seaside": {"links": 1, "cards_concerned": 1}
    }
    code, out, err = run("vault", "purge")
    assert (code, err) == (0, "")
    assert "Erased: 1 card, 1 booking, 0 old stubs." in out
    assert run("vault", "purge", "--dry-run")[0] == 0
    assert json.loads(run("vault", "purge", "--json")[1]) == {
        "links": 0, "cards": 0, "stubs": 0, "scrubbed": True,
    }  # fmt: skip
    with vault_of(run) as vault:
        assert find(vault, gone) is None
        assert find(vault, stays) is not None
        entries = [one.entry for one in vault.entries() if one.entry.action is Action.PURGE]
        assert [(one.iduser, one.origin) for one in entries] == [(gone.iduser, COMMAND_LINE)]


def test_the_products_own_days_count(run):
    fill(run, LONG_AGO)
    text = run.config.read_text().replace(
        "terminal: 1,", "terminal: 1, retention: { after_departure: 3650 },"
    )
    run.config.write_text(text)
    assert run("vault", "purge", "--dry-run")[0] == 0


def test_what_the_log_still_holds_is_said(run):
    fill(run, LONG_AGO)
    with rows(run.directory) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM card").fetchall()
        code, out, err = run("vault", "purge")
    assert code == 1
    assert "Erased: 1 card," in out
    assert "The database's log or pages still hold what was erased" in err
