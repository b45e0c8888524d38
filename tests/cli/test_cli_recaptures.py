"""`card-gateway recaptures`, on a real vault."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from gateway.secret import Secret
from gateway.vault.kek.file import KekFile
from gateway.vault.recapture import OpenRecapture, Recapture, RecaptureState
from gateway.vault.service import Vault

NOW = datetime.now(UTC)
LINK = "/v3/itineraries/7/payment?token=REhZAQsABQsHQhEDTVtV"


def keep(run, id, **changes):
    said = {
        "id": id,
        "client": "pms",
        "system": "expedia-rapid",
        "itinerary": f"70901583{id}",
        "event_id": f"event-{id}",
        "state": RecaptureState.PENDING,
        "created": NOW,
        "changed": NOW,
        "failed": NOW,
        "link_expires": NOW + timedelta(hours=12),
        "link_ends": NOW + timedelta(hours=24),
        "may_cancel": NOW + timedelta(hours=24),
        "has_link": True,
    } | changes
    row = Recapture(**said)
    vault = Vault.open(run.state / "vault.db", KekFile(run.state / "kek"))
    try:
        one = OpenRecapture(row, Secret(LINK.encode()))
        changing = vault.recaptures.change_current(
            "pms", row.system, row.itinerary, lambda _: [one]
        )
        asyncio.run(changing)
    finally:
        vault.close()


@pytest.fixture
def three(run):
    keep(run, "one", told=NOW)
    keep(run, "two", state=RecaptureState.SUPERSEDED, successor="three", tell_tries=3)
    keep(run, "three", event_id=None, link_ends=NOW, link_expires=NOW)
    return run


def test_pending_ones_are_listed_and_no_link(three):
    code, out, err = three("recaptures", "list")
    assert (code, err) == (0, "")
    header, *lines = out.splitlines()
    assert header.split()[:3] == ["ID", "STATE", "ITINERARY"]
    assert [line.split()[:2] for line in lines] == [
        ["three", "expired"],
        ["two", "superseded"],
        ["one", "pending"],
    ]
    assert "no, 3 tries" in out
    assert "from a link" in out
    assert f"{NOW + timedelta(hours=12):%Y-%m-%d %H:%M} UTC" in out
    assert "token" not in out


def test_for_scripts_and_by_state(three):
    code, out, _ = three("recaptures", "list", "--state", "pending", "--state", "expired", "--json")
    assert code == 0
    found = json.loads(out)
    assert [one["id"] for one in found] == ["three", "one"]
    assert found[0]["webhook"] is None
    assert "token" not in out


def test_one_is_shown_without_its_link(three):
    code, out, _ = three("recaptures", "show", "two")
    assert code == 0
    assert "itinerary id" in out
    assert "three" in out
    assert "token" not in out
    code, out, _ = three("recaptures", "show", "one", "--json")
    assert (code, json.loads(out)["state"]) == (0, "pending")


def test_what_is_not_there_is_said(run):
    assert run("recaptures", "list")[:2] == (0, "No recaptures.\n")
    code, out, err = run("recaptures", "show", "nobody")
    assert (code, out) == (2, "")
    assert "recaptures list" in err
    code, _, err = run("recaptures", "list", "--state", "pendin")
    assert code == 2
    assert "did you mean" in err
    assert "`pending`?" in err
