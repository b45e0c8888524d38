"""P36: the audit says each step of a key, and its chain goes on under the next one."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace

import pytest

from gateway.audit import COMMAND_LINE, Action
from gateway.errors import RecordDamaged
from gateway.vault.keyring import Purpose
from gateway.vault.model import Wanted
from gateway.vault.records import card_place
from gateway.vault.sealed_tables import ROTATED
from tests.vault.makers import NOON, Clock, keep, new, opened, rows
from tests.vault.outside import REFUSED
from tests.vault.rotating import renew, rotate, used
from tests.vault.test_vault_cards import ASKED


def test_p36_each_step_of_a_key_is_in_the_audit_and_its_history_stays(tmp_path):
    with opened(tmp_path, clock=Clock()) as vault:
        first = len(Purpose)
        assert {(one.event, one.actor) for one in vault.rotation.history()} == {
            ("created", ""), ("activated", ""),
        }  # fmt: skip
        vault.rotation.add(COMMAND_LINE, [Purpose.DATA])
        vault.rotation.activate(COMMAND_LINE)
        vault.rewrap.run(COMMAND_LINE)
        vault.rotation.retire(COMMAND_LINE)
        said = [one.entry for one in vault.entries()]
        assert [(one.action, one.subject, one.detail, one.origin) for one in said] == [
            (Action.VAULT_KEY_CREATE, str(first + 1), "data", COMMAND_LINE),
            (Action.VAULT_KEY_ACTIVATE, str(first + 1), "data", COMMAND_LINE),
            (Action.VAULT_REWRAP, "", "", COMMAND_LINE),
            (Action.VAULT_REWRAP, "", "", COMMAND_LINE),
            (Action.VAULT_KEY_RETIRE, "1", "data", COMMAND_LINE),
        ]
        mine = [(one.key, one.event) for one in vault.rotation.history() if one.actor]
        assert mine == [(first + 1, "created"), (first + 1, "activated"), (1, "retired")]
        assert all(one.at == NOON for one in vault.rotation.history())
    with rows(tmp_path) as connection:
        for statement in ("DELETE FROM key_event", "UPDATE key_event SET actor = 'nobody'"):
            with pytest.raises(REFUSED, match=r"not rewritten|append only"):
                connection.execute(statement)


def test_p36_the_audits_chain_goes_on_under_the_new_key_and_names_what_was_before(tmp_path):
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        for one in (vault, other):
            keep(one, new(), entries=[replace(ASKED, exchange="before")])
        rotate(vault)
        for one in (vault, other):
            keep(one, new(), entries=[replace(ASKED, exchange="after")])
        assert vault.audit.check().findings == other.audit.check().findings == []
        now = used(tmp_path)[Purpose.AUDIT]
        with rows(tmp_path) as connection:
            found = connection.execute(
                "SELECT writer, substr(hash, 1, 4) FROM audit ORDER BY id"
            ).fetchall()
        under_new = [int.from_bytes(key, "big") == now for _, key in found]
        # Up to the entries of the rotation itself they are under the old key.
        assert under_new == [False] * (2 + 2 * len(ROTATED)) + [True, True]
        assert len({writer for writer, _ in found}) == 4
    with opened(tmp_path) as vault:
        assert vault.audit.check().findings == []


def test_p36_with_an_old_key_alone_nobody_makes_up_an_entry(tmp_path, monkeypatch):
    """Whoever has it, and can write the database, goes on in an old chain, or begins one."""
    with opened(tmp_path) as vault, opened(tmp_path) as attacker:
        keep(vault, new(), entries=[ASKED])
        keep(attacker, new(), entries=[ASKED])
        monkeypatch.setattr(attacker.watch, "check", lambda _: None)
        rotate(vault)
        keep(vault, new(), entries=[ASKED])
        last = vault.entries()[-1].id
        asyncio.run(attacker.record([ASKED]))  # in its old chain
        journal = attacker._database._journal
        journal._head = journal._durable = None
        asyncio.run(attacker.record([ASKED]))  # in a new one, behind an anchor of its own
        found = vault.audit.check().findings
        assert [(one.fault, one.first, one.last) for one in found] == [
            ("anchor_changed", 4, 4),
            ("changed", last + 1, last + 2),
        ]


def test_what_was_read_just_before_its_key_went_is_not_damaged(tmp_path):
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        token = keep(vault, new())[0].token
        read = vault._store.found([token.iduser])[token.iduser]
        where = card_place("seaside", token.iduser, test=True)
        wanted = Wanted(token, frozenset({"seaside"}))
        for still in (True, False):
            renew(other)
            vault.watch.refresh()
            assert (vault._finding._resolver.permitted(wanted, read) is not None) == still
            with nullcontext() if still else pytest.raises(RecordDamaged):
                vault.watch.keyring.sealer.open(read[0].sealed, where)
