"""Recaptures: one that counts for each booking, sealed, durable, changed by one at a time."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import RecordDamaged, TokenUnknown, VaultUnavailable
from gateway.secret import Secret
from gateway.vault.envelope import Sealer
from gateway.vault.model import Taken
from gateway.vault.recapture import OpenRecapture, Recapture, RecaptureState
from gateway.vault.recaptures import KEPT
from gateway.vault.service import Vault
from tests.children import run
from tests.vault.makers import NOON, open_vault, opened, rows
from tests.vault.test_vault_secrecy import spellings

LINK = "/v3/itineraries/7090158334868/payment?token=REhZAQsABQsHQhEDTVtV"


def hours(count: float):
    return NOON + timedelta(hours=count)


def row(id: str = "one", **changes) -> Recapture:
    said = {
        "id": id,
        "client": "pms",
        "system": "expedia-rapid",
        "itinerary": "7090158334868",
        "event_id": f"event-{id}",
        "state": RecaptureState.PENDING,
        "created": NOON,
        "changed": NOON,
        "failed": NOON,
        "link_expires": hours(12),
        "link_ends": hours(24),
        "may_cancel": hours(24),
    }
    return Recapture(**{**said, **changes})


def one(id: str = "one", held: str = LINK, **changes) -> OpenRecapture:
    return OpenRecapture(row(id, **changes), Secret(held.encode()))


def put(vault: Vault, *many: OpenRecapture, event_id=None):
    first = many[0].row
    call = vault.recaptures.change_current(
        first.client, first.system, first.itinerary, lambda _: many, event_id=event_id
    )
    return asyncio.run(call)


def listed(vault: Vault, now=NOON, **how) -> list[str]:
    return [found.id for found in asyncio.run(vault.recaptures.listed(now, **how))]


def open_one(vault: Vault, id: str = "one"):
    return asyncio.run(vault.recaptures.open(id))


def test_a_recapture_comes_back_as_it_was(vault: Vault) -> None:
    whole = one(has_link=True, told=NOON, tell_due=hours(1), tell_tries=2, successor="two")
    put(vault, whole)
    found = open_one(vault)
    assert found.row == whole.row
    assert found.held.reveal().decode() == LINK
    assert open_one(vault, "two") is None
    assert asyncio.run(vault.recaptures.listed(NOON)) == [whole.row]


def test_one_that_counts_for_each_booking(vault: Vault) -> None:
    put(vault, one())
    with pytest.raises(Taken):
        put(vault, one("two"))
    put(vault, one(state=RecaptureState.SUPERSEDED, successor="two"), one("two"))
    put(vault, one("three", itinerary="7"))
    put(vault, one("four", client="other"))
    assert listed(vault) == ["four", "three", "two", "one"]
    assert listed(vault, client="pms", limit=2) == ["three", "two"]


def test_an_event_is_taken_once_for_each_client(vault: Vault) -> None:
    put(vault, one(), event_id="event-one")
    again = put(vault, one("two"), event_id="event-one")
    assert again.row.id == "one"
    other = put(vault, one("two", client="other", event_id="event-one"), event_id="event-one")
    assert other.row.id == "two"
    assert listed(vault) == ["two", "one"]


def test_what_is_over_is_listed_as_expired(vault: Vault) -> None:
    put(vault, one(link_ends=hours(2)))
    put(vault, one("two", itinerary="7", state=RecaptureState.COMPLETED))
    assert listed(vault, states=["pending"]) == ["one"]
    assert listed(vault, hours(2), states=["pending"]) == []
    assert listed(vault, hours(2), states=["expired"]) == ["one"]
    assert listed(vault, hours(2), states=["expired", "completed"]) == ["two", "one"]


def test_two_who_change_one_never_see_the_same_state(tmp_path: Path) -> None:
    def take(current):
        if current.row.state is not RecaptureState.PENDING:
            raise TokenUnknown
        return OpenRecapture(replace(current.row, state=RecaptureState.SENDING), current.held)

    with opened(tmp_path) as vault, opened(tmp_path) as second:
        put(vault, one())

        async def main():
            calls = [v.recaptures.change("one", take) for v in [vault, second] * 8]
            return await asyncio.gather(*calls, return_exceptions=True)

        won = [found for found in asyncio.run(main()) if not isinstance(found, TokenUnknown)]
        assert len(won) == 1


def test_what_is_due_is_claimed_by_one_and_due_again_if_it_dies(tmp_path: Path) -> None:
    with opened(tmp_path) as vault, opened(tmp_path) as second:
        put(vault, one(tell_due=hours(1)))
        put(vault, one("two", itinerary="7", look_due=hours(2)))
        claim = vault.recaptures.claim
        assert asyncio.run(vault.recaptures.next_due()) == hours(1)
        assert asyncio.run(claim("tell", NOON, hours(9))) == []
        (found,) = asyncio.run(claim("tell", hours(1), hours(1.5)))
        assert (found.row.id, found.row.tell_tries) == ("one", 1)
        assert asyncio.run(second.recaptures.claim("tell", hours(1), hours(1.5))) == []
        (found,) = asyncio.run(second.recaptures.claim("tell", hours(2), hours(3)))
        assert (found.row.id, found.row.tell_tries) == ("one", 2)
        (found,) = asyncio.run(claim("look", hours(2), hours(3)))
        assert (found.row.id, found.row.look_tries, found.row.tell_tries) == ("two", 1, 0)


def test_p18_one_that_is_damaged_keeps_no_other_waiting(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        put(vault, one(tell_due=NOON))
        put(vault, one("two", itinerary="7", tell_due=NOON))
        with rows(tmp_path) as connection:
            connection.execute("UPDATE recapture SET sealed = ? WHERE id = 'one'", (b"\0",))
        (found,) = asyncio.run(vault.recaptures.claim("tell", NOON, hours(1)))
        assert found.row.id == "two"


def test_what_nothing_happened_to_is_purged(vault: Vault) -> None:
    put(vault, one())
    put(vault, one("two", itinerary="7", tell_due=NOON))
    put(vault, one("three", itinerary="8", changed=hours(1)))
    assert vault.recaptures.purge(NOON + KEPT) == 1
    assert listed(vault) == ["three", "two"]


@pytest.mark.parametrize(
    "change",
    [
        "client = 'other'",
        "itinerary = '8'",
        "system = 'other'",
        "id = 'two'",
        "sealed = substr(sealed, 1, 90)",
        "sealed = (SELECT sealed FROM recapture WHERE id = 'three')",
    ],
)
def test_p17_a_recapture_that_was_moved_does_not_open(tmp_path: Path, change: str) -> None:
    with opened(tmp_path) as vault:
        put(vault, one())
        put(vault, one("three", itinerary="7"))
        with rows(tmp_path) as connection:
            connection.execute(f"UPDATE recapture SET {change} WHERE id = 'one'")
        with pytest.raises(RecordDamaged) as damaged:
            open_one(vault, "two" if change.startswith("id") else "one")
        assert damaged.value.__context__ is None


@pytest.mark.sqlite_alone("reads SQLite's own files; test_postgres.py looks into PostgreSQL's")
def test_p16_a_link_stands_in_no_file_and_under_a_key_of_its_own(tmp_path, monkeypatch) -> None:
    sealing = []
    seal = Sealer.seal
    with opened(tmp_path) as vault:
        monkeypatch.setattr(Sealer, "seal", lambda self, *a: sealing.append(self) or seal(self, *a))
        put(vault, one(has_link=True))
        assert sealing == [vault._keyring.recapture]
        assert "REhZ" not in repr(open_one(vault))
        for path in (tmp_path / "state").iterdir():
            for spelling in (*spellings(LINK), *spellings("REhZAQsABQsHQhEDTVtV")):
                assert spelling not in path.read_bytes()


def test_p27_a_closed_vault_keeps_no_recapture(tmp_path: Path) -> None:
    vault = open_vault(tmp_path)
    vault.close()
    for call in (lambda: put(vault, one()), lambda: listed(vault), lambda: open_one(vault)):
        with pytest.raises(VaultUnavailable):
            call()


KILLED = """
import os, pathlib, signal, sys
from tests.vault.makers import open_vault
from tests.vault.test_vault_recaptures import one, put
from gateway.vault.recapture import RecaptureState
armed = []
def step(name):
    if armed and name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(pathlib.Path(sys.argv[1]), step=step)
put(vault, one())
armed.append(1)
put(vault, one(state=RecaptureState.SUPERSEDED, successor="two"), one("two"))
"""


@pytest.mark.parametrize(
    "at, there",
    [("recapture:row", False), ("recapture:written", False), ("recapture:committed", True)],
)
def test_p24_killed_at_each_step_a_round_is_whole_or_not_there(tmp_path, at, there) -> None:
    done = run(KILLED, tmp_path, at)
    assert done.returncode == -signal.SIGKILL
    with opened(tmp_path) as vault:
        assert listed(vault) == (["two", "one"] if there else ["one"])
        assert (open_one(vault).row.state is RecaptureState.SUPERSEDED) == there
