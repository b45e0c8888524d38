"""`card-gateway audit`, on a real vault."""

import asyncio
import csv
import io
import json
import os
import select
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.system_user import command_line
from gateway.vault.kek.file import KekFile
from gateway.vault.service import Vault
from tests.vault.makers import rows
from tests.vault.test_vault_audit import cut, unguarded

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


def write(run, *entries):
    vault = Vault.open(run.state / "vault.db", KekFile(run.state / "kek"))
    try:
        asyncio.run(vault.record(entries))
    finally:
        vault.close()


def entry(at=MARCH, action=Action.DETOKENIZE, outcome=Outcome.DONE, **more):
    return Entry(at, "x-1", action, outcome, **more)


@pytest.fixture
def filled(run):
    write(
        run,
        entry(client="pms", product="seaside", iduser=1234, booking="RES-1"),
        entry(
            MARCH + timedelta(days=1), Action.REVEAL, client="desk", booking="=1+1", detail='é"\n'
        ),
        entry(MARCH + timedelta(days=2), outcome=Outcome.REFUSED, client="pms", product="hilltop"),
    )
    return run


def exported(run, *options):
    code, out, err = run("audit", "export", *options)
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def test_a_chain_that_is_whole(filled):
    code, out, err = filled("audit", "verify")
    assert (code, err) == (0, "")
    assert "As they were written: 3." in out
    noted = out.split("The newest is ")[1].strip()
    assert noted.startswith("3:")
    assert filled("audit", "verify", "--expect", noted)[0] == 0
    code, out, _ = filled("audit", "verify", "--json")
    said = json.loads(out)
    assert code == 0
    assert (said["entries"], said["newest"], said["findings"]) == (3, noted, [])


def test_p36_what_was_changed_and_removed_is_named_and_the_exit_code_is_1(filled):
    with unguarded(filled.directory) as connection:
        connection.execute("UPDATE audit SET client = 'somebody' WHERE id = 1")
        connection.execute("DELETE FROM audit WHERE id = 3")
    code, out, err = filled("audit", "verify")
    assert code == 1
    assert "Entry 1 was changed" in err
    assert "Entry 3 is missing" in err
    assert "Keep the database as it is" in err
    assert "As they were written" not in out
    code, out, _ = filled("audit", "verify", "--json")
    assert code == 1
    assert [one["fault"] for one in json.loads(out)["findings"]] == ["changed", "missing"]


def test_p36_a_newest_entry_that_was_noted_down_is_missed(filled):
    noted = json.loads(filled("audit", "verify", "--json")[1])["newest"]
    with unguarded(filled.directory) as connection:
        cut(connection, 3)
    assert filled("audit", "verify")[0] == 0
    code, _, err = filled("audit", "verify", "--expect", noted)
    assert code == 1
    assert "Entry 3 is not the one that was noted down" in err


def test_entries_from_before_the_chain_are_told(run):
    write(run, entry())
    with unguarded(run.directory) as connection:
        connection.execute("UPDATE audit SET writer = NULL, seq = NULL, hash = NULL")
        connection.execute("DELETE FROM audit_anchor")
    write(run, entry())
    code, out, _ = run("audit", "verify")
    assert code == 0
    assert "so that nobody can tell: 1." in out


@pytest.mark.parametrize("text", ["3", "x:ab", ":ab", "3:"])
def test_what_is_expected_is_written_as_it_was_said(run, text):
    code, _, err = run("audit", "verify", "--expect", text)
    assert code == 2
    assert "ID:HASH" in err


def test_json_lines_hold_every_column(filled):
    first, second, third = exported(filled)
    assert (first["at"], first["iduser"], first["booking"]) == (
        "2026-03-01T12:00:00.000000+00:00", 1234, "RES-1"
    )  # fmt: skip
    assert second["detail"] == 'é"\n'
    assert [one["seq"] for one in (first, second, third)] == [1, 2, 3]
    assert len(third["hash"]) == 72


def test_csv_is_read_by_any_reader_and_runs_nothing(filled):
    code, out, _ = filled("audit", "export", "--format", "csv")
    assert code == 0
    first, second, _ = csv.DictReader(io.StringIO(out, newline=""))
    assert (first["id"], first["client"], first["iduser"]) == ("1", "pms", "1234")
    assert (second["booking"], second["detail"]) == ("'=1+1", 'é"\n')


@pytest.mark.parametrize(
    "options, ids",
    [
        (("--from", "2026-03-02"), [2, 3]),
        (("--to", "2026-03-02"), [1, 2]),
        (("--from", "2026-03-02T12:00", "--to", "2026-03-03T12:00"), [2]),
        (("--client", "pms"), [1, 3]),
        (("--client", "pms", "--product", "hilltop"), [3]),
        (("--action", "reveal"), [2]),
        (("--outcome", "refused"), [3]),
        (("--token", "1234"), [1]),
        (("--token", "tok_test_1234_AbCdEfGhIjKlM"), [1]),
        (("--booking", "RES-1"), [1]),
        (("--booking", "RES-2"), []),
    ],
)
def test_only_what_was_asked_for(filled, options, ids):
    assert [one["id"] for one in exported(filled, *options)] == ids


def test_an_export_of_many_pages_is_whole(run):
    write(run, *[entry(booking=str(n)) for n in range(2345)])
    assert [one["booking"] for one in exported(run)] == [str(n) for n in range(2345)]


@pytest.mark.parametrize(
    "options", [("--from", "yesterday"), ("--token", "4929x"), ("--action", "sell")]
)
def test_what_nobody_understands_is_wrong_use(run, options):
    code, _, err = run("audit", "export", *options)
    assert code == 2
    assert options[0] in err


def test_the_newest_are_shown(filled):
    code, out, _ = filled("audit", "tail", "-n", "2")
    assert code == 0
    first, second = out.splitlines()
    assert first.startswith("2  2026-03-02 12:00:00  reveal  done  client=desk")
    assert r"detail=\"" not in first
    assert "\\u00e9" in first  # nothing that steers a terminal, and no line of its own
    assert "refused" in second
    assert filled("audit", "tail", "-n", "9", "--client", "desk")[1] == first + "\n"


def test_followed_entries_come_as_they_are_written(filled):
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "audit", "tail", "-f", "-n", "1", "--json", "--config",
         filled.config],
        stdout=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert json.loads(process.stdout.readline())["id"] == 3
        write(filled, entry(client="late"), entry(client="later"))
        assert select.select([process.stdout], [], [], 20)[0]
        assert json.loads(process.stdout.readline())["client"] == "late"
        assert json.loads(process.stdout.readline())["client"] == "later"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_p36_a_purge_takes_what_is_older_than_twelve_months_and_is_an_entry(run):
    now = datetime.now(UTC)
    write(run, entry(now - timedelta(days=500)), entry(now - timedelta(days=380)), entry(now))
    code, _, err = run("audit", "purge", "--older-than", "365d")
    assert code == 2
    assert "twelve months" in err
    assert "Erased: 1." in run("audit", "purge", "--older-than", "400d")[1]
    lines = exported(run)
    assert [(one["id"], one["action"]) for one in lines] == [
        (2, "detokenize"), (3, "detokenize"), (4, "audit_purge")
    ]  # fmt: skip
    assert lines[2]["origin"] == command_line()
    code, out, _ = run("audit", "verify")
    assert code == 0
    assert "Purged: up to 1." in out
    with rows(run.directory) as connection:
        assert connection.execute("SELECT count(*) FROM audit").fetchone() == (3,)


def test_p36_only_a_purge_needs_the_sinks(filled):
    os.mkfifo(filled.directory / "pipe")
    filled.config.write_text(filled.config.read_text() + "audit: { file: pipe }\n")
    for command in ("verify", "export", "tail"):
        assert filled("audit", command)[0] == 0
    code, _, err = filled("audit", "purge", "--older-than", "400d")
    assert code == 2
    assert "the audit's sink" in err


@pytest.mark.parametrize("command", ["verify", "export", "tail", "purge"])
def test_help_has_an_example(run, command):
    code, out, _ = run("audit", command, "--help", options=False)
    assert code == 0
    assert f"card-gateway audit {command}" in out
