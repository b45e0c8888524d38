"""`card-gateway keys`, on a real vault."""

import getpass
import json
import os
import re
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from gateway.access.keys import Keys
from gateway.audit import Action, Outcome
from gateway.vault.kek.file import KekFile
from gateway.vault.service import Vault


def vault(run):
    return Vault.open(run.state / "vault.db", KekFile(run.state / "kek"))


def create(run, *options):
    code, out, err = run(
        "keys", "create", "--client", "pms", "--name", "front-desk", "--json", *options
    )
    assert (code, err) == (0, "")
    return json.loads(out)


def listed(run):
    code, out, _ = run("keys", "list", "--json")
    assert code == 0
    return json.loads(out)


def test_a_key_is_shown_once_and_works(run):
    code, out, err = run("keys", "create", "--client", "pms", "--name", "front-desk")
    assert (code, err) == (0, "")
    (key,) = re.findall(r"cgk_\w{12}_\w{38}", out)
    assert out.count(key) == 1
    assert "X-Api-Key" in out
    assert "HTTPS_PROXY=http://front-desk:<key>@127.0.0.1:8080" in out
    opened = vault(run)
    try:
        row = Keys(opened.keys, lambda: datetime.now(UTC)).verify(key)
    finally:
        opened.close()
    assert (row.client, row.name, row.scopes) == ("pms", "front-desk", ("proxy", "detokenize"))
    assert key not in run("keys", "list")[1]
    assert key not in json.dumps(listed(run))


def test_p36_a_key_is_not_made_when_a_sink_of_the_audit_can_not_be_written(run):
    os.mkfifo(pipe := run.directory / "pipe")
    run.config.write_text(run.config.read_text() + "audit: { file: pipe, stdout: true }\n")
    code, _, err = run("keys", "create", "--client", "pms", "--name", "front-desk")
    assert code == 2
    assert "the audit's sink" in err
    assert "Let something read the pipe" in err
    pipe.unlink()
    key = create(run)  # its JSON is alone on standard output: that is for `run`
    *anchors, line = map(json.loads, (run.directory / "pipe").read_text().splitlines())
    assert line["key"] == key["id"]
    assert len(anchors) == 1  # with which this process begins its chain
    assert [row["id"] for row in listed(run)] == [key["id"]]


def test_p16_p28_the_key_is_nowhere_on_disk(run):
    key = create(run)["key"]
    secret = key[17:49].encode()
    files = [file for file in run.state.rglob("*") if file.is_file()]
    assert any(key[4:16].encode() in file.read_bytes() for file in files)  # its id is
    for file in files:
        assert secret not in file.read_bytes(), file


def test_what_a_key_may_do_is_what_was_asked_for(run):
    key = create(
        run,
        "--scope", "cards", "--scope", "proxy", "--scope", "cards",
        "--product", "seaside",
        "--network", "10.1.0.0/16", "--network", "10.2.0.1-10.2.0.9",
        "--expires", "90d",
    )  # fmt: skip
    assert key["scopes"] == ["cards", "proxy"]
    assert key["products"] == ["seaside"]
    assert key["networks"] == ["10.1.0.0/16", "10.2.0.1-10.2.0.9"]
    left = datetime.fromisoformat(key["expires"]) - datetime.now(UTC)
    assert timedelta(days=89) < left < timedelta(days=91)
    (row,) = listed(run)
    assert row == {name: value for name, value in key.items() if name != "key"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--client", "pmz"], "there is no client `pmz`; did you mean `pms`?"),
        (["--client", "x"], "there is no client `x`; there are: pms"),
        (["--name", "a:b"], "`a:b` is not a name"),
        (["--scope", "detokenise"], "there is no scope `detokenise`; did you mean `detokenize`?"),
        (["--product", "hiltop"], "there is no product `hiltop`; did you mean `hilltop`?"),
        (["--expires", "soon"], "`soon` is not a time; write it like 90d, 12h or 8w"),
        (["--network", "10.0.0.1/8"], "`10.0.0.1/8` has bits set beyond its prefix"),
        (["--network", "192.0.2.0/24"], "`192.0.2.0/24` is not within the networks of `pms`"),
    ],
)
def test_what_can_not_be_is_said_and_nothing_is_made(run, options, said):
    code, out, err = run("keys", "create", "--client", "pms", "--name", "desk", *options)
    assert (code, out) == (2, "")
    assert said in " ".join(re.sub(r"[│╭╰─╮╯]+", " ", err).split())
    assert not (run.state / "vault.db").exists()


def test_a_third_live_key_names_the_two_to_revoke(run):
    first, second = create(run)["id"], create(run)["id"]
    code, out, err = run("keys", "create", "--client", "pms", "--name", "front-desk")
    assert (code, out) == (2, "")
    assert err.index(f"card-gateway keys revoke {first}") < err.index(
        f"card-gateway keys revoke {second}"
    )
    assert run("keys", "revoke", first)[0] == 0
    assert create(run)
    assert [row["state"] for row in listed(run)] == ["revoked", "live", "live"]


def test_revoking(run):
    key = create(run)
    code, out, _ = run("keys", "revoke", key["id"])
    assert code == 0
    assert f"Key {key['id']} of pms (front-desk) is revoked." in out
    assert run("keys", "revoke", key["key"])[1] == f"Key {key['id']} was revoked before.\n"
    code, _, err = run("keys", "revoke", "nothing")
    assert code == 2
    assert err.startswith("There is no key with this id.")
    (row,) = listed(run)
    assert row["state"] == "revoked"
    assert row["revoked"]


def test_a_whole_key_that_was_pasted_is_understood_and_not_repeated(run):
    key = create(run)
    code, out, err = run("keys", "revoke", key["key"])
    assert code == 0
    assert key["key"] not in out + err
    assert listed(run)[0]["state"] == "revoked"


def test_making_and_revoking_stand_in_the_audit(run):
    id = create(run)["id"]
    run("keys", "revoke", id)
    opened = vault(run)
    try:
        entries = [recorded.entry for recorded in opened.entries()]
    finally:
        opened.close()
    assert [(entry.action, entry.outcome, entry.client, entry.key) for entry in entries] == [
        (Action.KEY_CREATE, Outcome.DONE, "pms", id),
        (Action.KEY_REVOKE, Outcome.DONE, "pms", id),
    ]
    assert {entry.origin for entry in entries} == {f"command line: {getpass.getuser()}"}


def test_p36_what_the_audit_can_not_take_is_not_done(run):
    id = create(run)["id"]
    with sqlite3.connect(run.state / "vault.db") as connection:
        connection.execute(
            "CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    connection.close()
    code, out, _ = run("keys", "create", "--client", "pms", "--name", "other")
    assert code != 0
    assert "cgk_" not in out
    assert run("keys", "revoke", id)[0] != 0
    assert [(row["id"], row["state"]) for row in listed(run)] == [(id, "live")]


def test_the_list_tells_the_state(run):
    assert run("keys", "list")[1].startswith("No keys yet.")
    create(run, "--expires", "1h")
    with sqlite3.connect(run.state / "vault.db") as connection:
        connection.execute("UPDATE api_key SET expires = '2001-01-01T00:00:00.000000Z'")
    connection.close()
    _, out, _ = run("keys", "list")
    header, row = out.splitlines()
    assert header.split()[:4] == ["ID", "CLIENT", "NAME", "STATE"]
    assert row.split()[1:6] == ["pms", "front-desk", "expired", "proxy,detokenize", "all"]
    assert "2001-01-01" in row
    assert row.endswith("never")


def test_the_last_use_is_shown(run):
    id = create(run)["id"]
    opened = vault(run)
    opened.keys.used({id: datetime(2030, 5, 6, 7, 8, tzinfo=UTC)})
    opened.close()
    assert run("keys", "list")[1].rstrip().endswith("2030-05-06 07:08 UTC")
