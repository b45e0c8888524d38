"""docs/charges.md: its commands work in their order, and its tables say what there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from gateway import errors
from gateway.charges.states import ALLOWED
from gateway.config import ChargeSettings
from gateway.control import charges_form
from gateway.processors.model import Ended, Initiator, Result
from gateway.vault.charge import ChargeState
from tests.charges.scripted import Scripted
from tests.control.charge_calls import site

TEXT = (Path(__file__).parents[2] / "docs/charges.md").read_text(encoding="utf-8")


@pytest.fixture
def charges(tmp_path):
    with site(tmp_path, Scripted(authorize="authorized", refund="refunded")) as running:
        yield running


def test_the_commands_of_the_document_work(charges):
    commands = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    example, _ = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    environment = os.environ | {
        "CONTROL": "http://{}:{}".format(*charges.control.address),
        "KEY": charges.control.key("charges"),
        "TOKEN": charges.token(),
        "NO_PROXY": "*",
    }
    said = []
    for command in commands:
        done = subprocess.run(
            ["bash", "-euc", command.replace("curl ", "curl --max-time 20 ")],
            env=environment, capture_output=True, check=True, text=True, timeout=30,
        )  # fmt: skip
        said.append(json.loads(done.stdout))
        environment.setdefault("ID", said[0]["id"])
    charged, shown, settled, captured, refunded, register = said
    assert charged == shown
    assert settled["code"] == "charge_not_allowed"  # nothing of it is in doubt
    assert {name: shown[name] for name in json.loads(example)} == json.loads(example)
    assert (captured["state"], captured["captured"]) == ("succeeded", 10000)
    assert (refunded["state"], refunded["refunded"]) == ("refunded", 2500)
    assert [one["id"] for one in register["charges"]] == [charged["id"]]


def test_another_sum_is_shown_as_the_document_says(charges):
    _, example = (json.loads(one) for one in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))
    taken = Result(Ended.SUCCEEDED, amount=example["captured"], currency="EUR")
    charges.processor.say("debit", taken)
    shown = charges.charge(amount=example["amount"])
    assert {name: shown[name] for name in example} == example
    charges.processor.say("debit", Result(Ended.SUCCEEDED, sum_unreadable=True))
    code = charges.charge()["history"][-1]["code"]
    assert f"`{code}` in the history" in TEXT


def table(heading):
    rows = TEXT.partition(heading)[2].lstrip("\n").split("\n\n", 1)[0]
    return re.findall(r"^\| (.+?) \|", rows, re.MULTILINE)


def test_the_tables_name_what_there_is():
    codes = {getattr(kind, "code", None) for kind in vars(errors).values()}
    told = set(re.findall(r"`(\w+)`", " ".join(table("| code | status | |"))))
    assert told <= codes
    mine = {kind.code for kind in vars(errors).values() if _is_of_charges(kind)}
    assert mine - told == {"no_challenge"}  # of the page, not of the API
    states = re.findall(r"`(\w+)`", " ".join(table("| state | |")))
    assert states == [state.value for state in ChargeState]
    assert set(ALLOWED) == set(ChargeState)
    fields = set(re.findall(r"`(\w+)`", " ".join(table("| field | |"))))
    assert fields == charges_form._CHARGE
    for word in (*charges_form.EXEMPTIONS, *(one.value for one in Initiator)):
        assert f"`{word}`" in TEXT
    assert f"(`charges.challenge_hours`, {ChargeSettings().challenge_hours})" in TEXT


def _is_of_charges(kind):
    return getattr(kind, "__module__", "") == "gateway.errors.charges"
