"""Gateway keys and refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.errors import VaultUnavailable
from gateway.vault.model import Taken
from gateway.vault.refusals import KEPT
from gateway.vault.rows import KeyRow, RefusalRow
from gateway.vault.service import Vault
from tests.vault.makers import NOON, opened, rows

BARE = KeyRow("k1", "pms", "pms", b"\x00hash", (), (), (), NOON, None, None, None)
FULL = KeyRow(
    "k2", "front desk, é", "pms", b"", ("proxy", "reveal"), ("seaside",), ("10.0.0.0/8", "::1/128"),
    NOON + timedelta(seconds=1), NOON + timedelta(days=1), NOON, NOON,
)  # fmt: skip


def test_keys_come_back_as_they_were_oldest_first(vault: Vault) -> None:
    vault.keys.insert(FULL, "test")
    vault.keys.insert(BARE, "test")
    assert vault.keys.all() == [BARE, FULL]
    assert vault.keys.by_id("k2") == FULL
    assert vault.keys.by_id("k3") is None


def test_a_key_is_not_overwritten(vault: Vault) -> None:
    vault.keys.insert(BARE, "test")
    with pytest.raises(Taken):
        vault.keys.insert(replace(FULL, id="k1"), "test")
    assert vault.keys.all() == [BARE]


def test_a_key_is_revoked_once(vault: Vault) -> None:
    vault.keys.insert(BARE, "test")
    assert vault.keys.revoke("k1", NOON, "test")
    assert not vault.keys.revoke("k1", NOON + timedelta(days=1), "test")
    assert not vault.keys.revoke("k3", NOON, "test")
    assert vault.keys.all() == [replace(BARE, revoked=NOON)]


def test_p36_a_key_and_its_entry_are_one_transaction(vault: Vault, monkeypatch) -> None:
    writes = []
    original = vault._database.write
    monkeypatch.setattr(
        vault._database,
        "write",
        lambda name, work, **more: writes.append(name) or original(name, work, **more),
    )
    vault.keys.insert(BARE, "command line")
    vault.keys.revoke("k1", NOON + timedelta(days=1), "API")
    assert not vault.keys.revoke("k1", NOON, "API")
    with pytest.raises(Taken):
        vault.keys.insert(BARE, "command line")
    about = {"client": "pms", "key": "k1"}
    assert [recorded.entry for recorded in vault.entries()] == [
        Entry(NOON, "", Action.KEY_CREATE, Outcome.DONE, origin="command line", **about),
        Entry(NOON + timedelta(days=1), "", Action.KEY_REVOKE, Outcome.DONE, origin="API", **about),
    ]
    assert writes == ["key"] * 4


def test_p36_without_its_entry_there_is_no_key_and_no_revocation(tmp_path) -> None:
    with opened(tmp_path) as vault:
        vault.keys.insert(BARE, "test")
        with rows(tmp_path) as connection:
            connection.refuse_entries()
        with pytest.raises(VaultUnavailable):
            vault.keys.insert(FULL, "test")
        with pytest.raises(VaultUnavailable):
            vault.keys.revoke("k1", NOON, "test")
        assert vault.keys.all() == [BARE]


def test_last_use_goes_forward_only_and_costs_one_transaction(vault: Vault, monkeypatch) -> None:
    vault.keys.insert(BARE, "test")
    vault.keys.insert(FULL, "test")
    writes = []
    original = vault._database.write
    monkeypatch.setattr(
        vault._database,
        "write",
        lambda name, work, **more: writes.append(name) or original(name, work, **more),
    )
    later = NOON + timedelta(microseconds=1)
    vault.keys.used({"k1": later, "k2": NOON - timedelta(days=1), "unknown": NOON})
    vault.keys.used({})
    assert writes == ["key"]
    assert [row.last_used for row in vault.keys.all()] == [later, NOON]


def test_a_time_without_a_zone_is_refused(vault: Vault) -> None:
    with pytest.raises(ValueError):
        vault.keys.insert(replace(BARE, created=NOON.replace(tzinfo=None)), "test")


def test_a_key_made_by_another_process_is_seen(tmp_path) -> None:
    with opened(tmp_path) as vault, opened(tmp_path) as command:
        assert vault.keys.by_id("k1") is None
        command.keys.insert(BARE, "test")
        assert vault.keys.by_id("k1") == BARE


def refusal(path: str = "/a", count: int = 1, minutes: int = 0) -> RefusalRow:
    return RefusalRow(
        "pms", "proxy", "GET", "https", "api.example", 443, path, "route_unknown", count,
        NOON + timedelta(minutes=minutes),
    )  # fmt: skip


def test_refusals_add_up_newest_first(vault: Vault) -> None:
    vault.refusals.remember([])
    vault.refusals.remember([refusal(minutes=5), refusal("/b")])
    vault.refusals.remember([refusal(count=3, minutes=1), refusal("/b", minutes=7)])
    assert vault.refusals.all() == [refusal("/b", 2, 7), refusal("/a", 4, 5)]


def test_the_newest_200_refusals_are_kept(tmp_path) -> None:
    with opened(tmp_path) as vault:
        vault.refusals.remember([refusal(f"/{n}", minutes=n) for n in range(KEPT)])
        vault.refusals.remember([refusal(f"/{n}", minutes=n) for n in range(KEPT, KEPT + 50)])
        kept = vault.refusals.all()
        assert [row.path for row in kept] == [f"/{n}" for n in range(KEPT + 49, 49, -1)]
        with rows(tmp_path) as connection:
            assert connection.execute("SELECT count(*) FROM refusal").fetchone() == (KEPT,)


def test_p27_a_value_that_can_not_be_stored_is_a_failure_without_the_value(vault: Vault) -> None:
    for row in (replace(refusal(), path="/\ud800secret"), replace(refusal(), port=2**70)):
        with pytest.raises(VaultUnavailable) as refused:
            vault.refusals.remember([row])
        assert refused.value.__context__ is None
    assert vault.refusals.all() == []
