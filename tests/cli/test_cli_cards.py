"""`card-gateway cards forget|erase`: asked first, said what goes and what stays."""

from __future__ import annotations

import json

import pytest

from gateway.audit import COMMAND_LINE, Action
from tests.cli.test_cli_vault_purge import FAR, fill, vault_of
from tests.vault.makers import booking, find, keep, new, pan

BOOKING = ("--booking", "siteminder", "10107", "RES-0")


def entries(run, action):
    with vault_of(run) as vault:
        return [one.entry for one in vault.entries() if one.entry.action is action]


def found(run, token):
    with vault_of(run) as vault:
        return find(vault, token)


@pytest.mark.parametrize("by", ["booking", "token"])
def test_a_guest_is_shown_and_then_erased(run, by):
    token, stays = fill(run, FAR, FAR)
    who = BOOKING if by == "booking" else (token.alias,)
    code, out, err = run("cards", "erase", *who, "--dry-run")
    assert (code, err) == (0, "")
    assert "1      cards, with number, holder, bookings" in out
    assert found(run, token) is not None
    code, out, err = run("cards", "erase", *who)  # nobody is there to ask
    assert (code, found(run, token) is not None) == (2, True)
    assert "Nothing was erased." in err
    code, out, err = run("cards", "erase", *who, "--yes")
    assert (code, err) == (0, "")
    assert "The audit stays, which names no guest" in out
    assert found(run, token) is None
    assert found(run, stays) is not None
    entry, *booked = entries(run, Action.ERASE)
    # for whoever restores a backup from before it, the booking is named as well, by its hash
    assert [(one.iduser, bool(one.subject)) for one in booked] == [(None, True)] * (by == "booking")
    assert (entry.iduser, entry.origin) == (token.iduser, COMMAND_LINE)
    code, out, _ = run("cards", "erase", *who, "--json")
    told = json.loads(out)
    assert (code, told["cards"], told["left"]) == (0, 0, {})
    assert run("cards", "erase", *who)[1] == "Nothing is kept that could be erased.\n"


def test_a_card_is_forgotten_for_a_booking_and_altogether(run):
    with vault_of(run) as vault:
        cards = [new(pan(0), at=booking(f"RES-{at}", departure=FAR)) for at in (0, 1)]
        token = keep(vault, *cards)[0].token
    assert run("cards", "forget", token.alias)[0] == 2
    assert run("cards", "forget", token.alias, *BOOKING, "--yes")[:2] == (0, "✓ Forgotten.\n")
    assert found(run, token).booking.booking_id == "RES-1"
    assert run("cards", "forget", token.alias, "--yes")[0] == 0
    assert found(run, token) is None
    assert [bool(one.subject) for one in entries(run, Action.FORGET)] == [True, False]
    code, _, err = run("cards", "forget", token.alias, "--yes")
    assert (code, "The token does not exist" in err) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [(), ("tok_1_Example000001", *BOOKING), ("4929000000000006",), ("--booking", "", "1", "2")],
)
def test_wrong_use_names_nothing_that_was_typed(run, arguments):
    code, out, err = run("cards", "erase", *arguments)
    assert code == 2
    assert "4929000000000006" not in out + err
