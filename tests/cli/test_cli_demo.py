"""`card-gateway demo`: it passes, it fails when something is not as told, it leaves nothing running."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import (
    demo,
    demo_bookingsync,
    demo_gateway,
    demo_inbox,
    demo_operations,
    demo_paycomet,
    demo_pulls,
    demo_rapid,
)
from gateway.sandbox.cards import AMEX, MASTERCARD, VISA, VISA_TWO
from tests import children

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "rules"
PLAYED = (VISA, VISA_TWO, MASTERCARD, AMEX)
# Whoever runs the tests in a shell's background hands an ignored SIGINT down to them.
SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import typer
from gateway.cli.demo import register
app = typer.Typer()
register(app)
app()
"""
app = typer.Typer()
demo.register(app)


def forked(command, *, stdout, stderr, **_):
    """The demo's gateway, as `subprocess.Popen` would start it."""
    module, *words = command[2:]
    return children.start(module, *words, stdout=stdout, stderr=stderr)


@pytest.fixture
def forking(monkeypatch):
    """The gateway has everything imported."""
    ours = SimpleNamespace(**vars(subprocess) | {"Popen": forked})
    monkeypatch.setattr(demo_gateway, "subprocess", ours)


@pytest.fixture
def few_chapters(monkeypatch, forking):
    """Plays only these chapters, between the start and the search at the end."""

    def choose(*chapters):
        played = (demo_operations.start, *chapters, demo_operations.stop, demo_operations.scan_all)
        monkeypatch.setattr(demo, "_CHAPTERS", played)

    return choose


def told(*arguments):
    result = CliRunner().invoke(app, ["--rules", str(RULES), *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def process(*arguments):
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "--rules", str(RULES), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )


def written(directory):
    """Every file of the gateway but the packs, whose examples hold published test numbers."""
    for path in (directory / "gateway").rglob("*"):
        if path.is_file() and (directory / "gateway/rules") not in path.parents:
            yield path, path.read_bytes()


@pytest.mark.slow
def test_the_whole_story_is_as_told(tmp_path):
    keep = tmp_path / "kept"
    running = process("--keep", keep)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    assert "30. " in out
    assert "\n   ✗" not in out
    assert "are as told" in out
    assert "\x1b" not in out  # a pipe
    assert f'CardNumber="[-{VISA}-]"' in out
    assert 'CardNumber="{+444433******1111+}"' in out
    assert "did you mean `methods`?" in out
    after = [line for line in out.splitlines() if "{+" in line]
    assert after
    for line in after:
        assert not any(number in line for number in PLAYED), line
    names = {path.name for path, _ in written(keep)}
    assert {"gateway.log", "vault.db", "kek"} <= names
    for path, content in written(keep):
        assert not any(number.encode() in content for number in PLAYED), path


@pytest.mark.slow
def test_a_rule_that_leaves_the_security_code_is_not_as_told(tmp_path, few_chapters):
    rules = tmp_path / "rules"
    shutil.copytree(RULES, rules)
    pack = rules / "siteminder.yaml"
    pack.write_text(pack.read_text().replace('    cvc: "@SeriesCode"\n', ""))
    few_chapters(demo_pulls.one_booking)
    code, out, _ = told("--rules", rules)
    assert code == 1
    summary = out[out.index("Not as told") :]
    assert "2. The PMS pulls a reservation: the security code is gone: that is not so" in summary
    assert "the number is now" not in summary  # that is as told


@pytest.mark.slow
def test_a_rule_that_takes_no_card_out_is_not_as_told(tmp_path, few_chapters):
    """The later chapters that need its token say so; nothing crashes."""
    rules = tmp_path / "rules"
    shutil.copytree(RULES, rules)
    pack = rules / "siteminder.yaml"
    pack.write_text(pack.read_text().replace("card: .//PaymentCard", "card: .//NoSuchCard"))
    few_chapters(demo_pulls.one_booking, demo_pulls.endpoint)
    code, out, _ = told("--rules", rules, "--json")
    assert code == 1
    wrong = json.loads(out)["not_as_told"]
    assert any("tokens that came with it: 0, and not 1" in one for one in wrong)
    assert any("no token of seaside came out of the pulls" in one for one in wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pack", "told_by_rule", "instead", "chapters", "wrong"),
    [
        (
            "siteminder.yaml",
            "at: /api/v1/siteminder",
            "at: /api/v2/siteminder",
            (demo_paycomet.fault,),
            "the fault is 1040-PAYTPV: that is not so",
        ),
        (
            "siteminder.yaml",
            "    inbox: { echo: //OTA_ResRetrieveRS/@EchoToken }",
            "    #",
            (demo_inbox.hang_up,),
            "the vault has it, under that name: none, and not pms-pull-that-broke-off",
        ),
        (
            "bookingsync.yaml",
            "type: number, required: true }",
            "type: number }",
            (demo_bookingsync.held_code,),
            "a second booking with the same token: 422 without a code, and not 422 cvc_unavailable",
        ),
        (
            "expedia-rapid.yaml",
            "https://test.ean.com/v3/itineraries/*/payment\n",
            "https://test.ean.com/v3/itineraries/*/payments\n",
            (demo_rapid.recapture,),
            "Rapid takes the change: 403, and not 204",
        ),
    ],
    ids=["paycomet", "inbox", "held code", "recapture"],
)
def test_a_rule_that_does_less_is_not_as_told(
    tmp_path, few_chapters, pack, told_by_rule, instead, chapters, wrong
):
    rules = tmp_path / "rules"
    shutil.copytree(RULES, rules)
    text = (rules / pack).read_text()
    assert told_by_rule in text
    (rules / pack).write_text(text.replace(told_by_rule, instead))
    few_chapters(*chapters)
    code, out, err = told("--rules", rules)
    assert code == 1, err
    assert wrong in out[out.index("Not as told") :]


@pytest.mark.slow
@pytest.mark.parametrize("file", ["gateway.log", "state/left-behind.bin"])
def test_a_card_in_a_file_of_the_gateway_is_not_as_told(few_chapters, file):
    def leak(scene):
        scene.story.chapter("Somebody logs too much")
        with (scene.gateway.directory / file).open("ab") as out:
            out.write(f'{{"note": "{VISA}"}}\n'.encode())

    few_chapters(leak)
    code, out, _ = told()
    assert code == 1
    summary = out[out.index("Not as told") :]
    assert f"clear card numbers found: {file}: 444433******1111, and not none" in summary
    assert VISA not in out


@pytest.mark.slow
def test_json_is_for_scripts_and_holds_no_clear_number(few_chapters):
    few_chapters(demo_pulls.one_booking)
    code, out, _ = told("--json")
    assert code == 0, out
    story = json.loads(out)
    assert story["as_told"] is True
    assert story["not_as_told"] == []
    assert [chapter["number"] for chapter in story["chapters"]] == [1, 2, 3, 4]
    assert {"told", "as_told", "expected", "got"} == set(story["chapters"][0]["facts"][0])
    assert not any(number in out for number in PLAYED)


def named_by_a_process(path):
    """The commands under way that name it. Not its ports: a freed one may be somebody else's by now."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            said = command.read_bytes().replace(b"\0", b" ").decode()
            found += [said] if str(path) in said else []
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_half_way_it_leaves_nothing_running(tmp_path, number):
    keep = tmp_path / "kept"
    running = process("--keep", keep, "--slow")
    try:
        for line in running.stdout:
            if line.startswith("1. "):
                break
        assert len(named_by_a_process(keep)) > 1  # the demo, and its gateway
        running.send_signal(number)
        running.communicate(timeout=30)
    finally:
        if running.poll() is None:
            running.kill()
            running.communicate()
    assert running.returncode == 130
    assert len((keep / "gateway/gateway.out").read_text().splitlines()) == 5  # it had started
    assert named_by_a_process(keep) == []


@pytest.mark.slow
@pytest.mark.usefixtures("forking")
def test_a_gateway_that_does_not_start_is_told(tmp_path):
    rules = tmp_path / "rules"
    shutil.copytree(RULES, rules)
    (rules / "stripe.yaml").write_text("system: stripe\nabout: x\nroots: []\n")
    code, _, err = told("--rules", rules)
    assert code == 1
    assert "did not start" in err
    assert "stripe.yaml:3" in err


def test_packs_that_are_not_there(tmp_path):
    code, _, err = told("--rules", tmp_path)
    assert code == 2
    assert "siteminder.yaml" in err
    assert "--rules DIR" in err


def test_a_directory_that_is_not_empty_is_not_used(tmp_path):
    (tmp_path / "mine").write_text("precious")
    code, _, err = told("--keep", tmp_path)
    assert code == 2
    assert "not an empty directory" in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_packs_are_those_of_gateway_yaml(tmp_path):
    (tmp_path / "gateway.yaml").write_text(
        "rules: nowhere\nproducts: { p: { merchant_code: a, terminal: 1, mode: test } }\n"
        "clients: { c: { networks: [127.0.0.0/8] } }\n"
    )
    result = CliRunner().invoke(app, ["--config", str(tmp_path / "gateway.yaml")])
    assert result.exit_code == 2
    assert str(tmp_path / "nowhere") in result.stderr
