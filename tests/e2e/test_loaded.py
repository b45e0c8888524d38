"""What is in force is told in the audit before it is, and readiness tells whether the audit can be written."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import shutil
import time

import pytest
import yaml

from gateway.vault.configured import open_vault
from tests.e2e.process import until
from tests.running import ROOT

OWN = ("config_load", "rules_load", "rules_change", "destination_change")
WHO = f"command line: {getpass.getuser()}"
ACME = """\
system: acme
about: ACME
routes:
  - {{ name: read, to: https://{host}/v1/**, methods: [GET] }}
"""


@pytest.fixture
def place(site):
    """A site with rules of its own: two packs and the processors."""
    shutil.copytree(ROOT / "rules", rules := site.directory / "rules")
    (rules / "acme.yaml").write_text(ACME.format(host="api.acme.example"), encoding="utf-8")
    text = site.config_file.read_text(encoding="utf-8")
    site.config_file.write_text(re.sub("(?m)^rules: .*$", "rules: rules", text), encoding="utf-8")
    site.acme = rules / "acme.yaml"
    return site


def told(site, after=0):
    """What the audit says of what is loaded: (action, outcome, origin, route, detail, subject)."""
    names = ", ".join(f"'{one}'" for one in OWN)
    query = f"SELECT id, action, outcome, origin, route, detail, subject FROM audit WHERE action IN ({names})"
    return [row[1:] for row in site.rows(f"{query} AND id > {after} ORDER BY id")]


def newest(site):
    ((last,),) = site.rows("SELECT max(id) FROM audit")
    return last


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_p36_a_start_tells_what_it_loads_and_a_restart_is_one_entry_each(place):
    place.start().kill()
    first = told(place)
    assert first[0] == (
        "config_load", "done", WHO, "", "new", digest(place.config_file),
    )  # fmt: skip
    assert first[-1][:5] == ("rules_load", "done", WHO, "", "new")
    change = ("rules_change", "done", WHO, "acme", "new", digest(place.acme))
    assert change in first
    assert (
        "destination_change", "done", WHO, "acme/read", "new", " > https://api.acme.example",
    ) in first  # fmt: skip
    stripe = digest(place.acme.parent / "processors/stripe.yaml")
    assert ("rules_change", "done", WHO, "processors/stripe", "new", stripe) in first

    after = newest(place)
    place.start().kill()
    assert told(place, after) == [
        ("config_load", "done", WHO, "", "unchanged", digest(place.config_file)),
        ("rules_load", "done", WHO, "", "unchanged", first[-1][5]),
    ]


def test_p36_a_destination_that_was_changed_between_two_starts_is_told(place):
    place.start().kill()
    place.acme.write_text(ACME.format(host="evil.example"), encoding="utf-8")
    said = yaml.safe_load(place.config_file.read_text(encoding="utf-8"))
    said["limits"] = {"connections": 999}
    place.config_file.write_text(yaml.safe_dump(said), encoding="utf-8")
    after = newest(place)
    place.start().kill()
    *changes, whole = told(place, after)
    assert changes == [
        ("config_load", "done", WHO, "", "changed", digest(place.config_file)),
        ("rules_change", "done", WHO, "acme", "changed", digest(place.acme)),
        ("destination_change", "done", WHO, "acme/read", "changed",
         "https://api.acme.example > https://evil.example"),
    ]  # fmt: skip
    assert whole[:5] == ("rules_load", "done", WHO, "", "changed")
    # and back: what was told last counts
    place.acme.write_text("system: acme\n", encoding="utf-8")
    after = newest(place)
    assert place.boot().returncode == 2
    assert told(place, after) == [("rules_load", "refused", WHO, "", "rules_invalid", "")]
    place.acme.unlink()
    after = newest(place)
    place.start().kill()
    assert [row[3:5] for row in told(place, after)[1:-1]] == [
        ("acme", "gone"),
        ("acme/read", "gone"),
    ]
    vault = open_vault(place.config)
    try:
        assert vault.audit.check().findings == []
    finally:
        vault.close()


def test_p36_p37_a_reload_is_told_before_it_is_in_force_and_a_mistake_too(place):
    process = place.start()
    time.sleep(0.5)  # the watcher is there
    after = newest(place)
    place.acme.write_text(ACME.format(host="other.example"), encoding="utf-8")
    assert until(30, lambda: "rules_loaded" in process.log()) is not None
    assert told(place, after)[:2] == [
        ("rules_change", "done", "file", "acme", "changed", digest(place.acme)),
        ("destination_change", "done", "file", "acme/read", "changed",
         "https://api.acme.example > https://other.example"),
    ]  # fmt: skip
    after = newest(place)
    place.acme.write_text("system: acme\n", encoding="utf-8")
    assert until(30, lambda: told(place, after)) is not None
    assert told(place, after) == [("rules_load", "refused", "file", "", "rules_invalid", "")]


@pytest.fixture
def piped(place):
    """The same, whose audit goes to a pipe as well, with somebody who reads it."""
    os.mkfifo(pipe := place.directory / "audit.pipe", 0o600)
    said = yaml.safe_load(place.config_file.read_text(encoding="utf-8"))
    said["audit"] = {"file": str(pipe)}
    place.config_file.write_text(yaml.safe_dump(said), encoding="utf-8")
    place.pipe, place.reader = pipe, os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    yield place
    if place.reader is not None:
        os.close(place.reader)


def test_p36_p37_rules_do_not_come_into_force_while_the_audit_can_not_be_told(piped):
    process = piped.start()
    ready = process.get("control", "/readyz")
    assert (ready.status_code, ready.json()["checks"]["audit"]) == (200, "ok")
    loaded = process.metric("card_gateway_rules_loaded_timestamp_seconds")

    os.close(piped.reader)
    piped.reader = None
    after = newest(piped)
    piped.acme.write_text(ACME.format(host="other.example"), encoding="utf-8")
    assert until(30, lambda: "rules_withheld" in process.log()) is not None
    assert process.metric("card_gateway_rules_loaded_timestamp_seconds") == loaded
    assert told(piped, after) == []

    def unready():
        return process.get("control", "/readyz").json()["checks"].get("audit") != "ok"

    assert until(10, unready) is not None
    found = process.get("control", "/readyz")
    assert found.status_code == 503
    assert found.json()["checks"] == {"serving": "ok", "vault": "ok", "audit": "audit_unwritable"}
    assert until(30, lambda: process.metric("card_gateway_audit_unwritable") == 1) is not None

    piped.reader = os.open(piped.pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert until(30, lambda: told(piped, after)) is not None  # by itself
    assert until(30, lambda: "rules_loaded" in process.log()) is not None
    assert process.metric("card_gateway_rules_loaded_timestamp_seconds") > loaded
    assert until(10, lambda: not unready()) is not None
    assert until(30, lambda: process.metric("card_gateway_audit_unwritable") == 0) is not None
    came_to = newest(piped)
    assert (
        until(30, lambda: process.metric("card_gateway_audit_newest_entry") == came_to) is not None
    )
