"""docs/collections.md: its commands work in their order, and its tables say what there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from gateway import errors
from gateway.collections.states import CARDS, PAUSES
from gateway.control import collections_form as form
from gateway.processors.model import Ended, Result
from gateway.vault.collection import CollectionState, CollectionStep
from tests.charges.scripted import Scripted
from tests.control.collection_calls import site

TEXT = (Path(__file__).parents[2] / "docs/collections.md").read_text(encoding="utf-8")


@pytest.fixture
def collections(tmp_path):
    with site(tmp_path, Scripted(debit=Result(Ended.DECLINED))) as running:
        yield running


def test_the_commands_of_the_document_work(collections):
    commands = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    (example,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    environment = os.environ | {
        "CONTROL": "http://{}:{}".format(*collections.control.address),
        "KEY": collections.control.key("charges"),
        "TOKEN": collections.token(),
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
        collections.go_on()
    begun, shown, stopped, listed = said
    assert begun["state"] == "waiting"
    assert {name: shown[name] for name in json.loads(example)} == json.loads(example)
    assert shown["link"]["url"].startswith("https://")
    assert stopped["state"] == "stopped"
    assert [one["id"] for one in listed["collections"]] == [begun["id"]]


def table(heading):
    rows = TEXT.partition(heading)[2].lstrip("\n").split("\n\n", 1)[0]
    return re.findall(r"^\| (.+?) \|", rows, re.MULTILINE)


def names(heading):
    return re.findall(r"`(\w+)`", " ".join(table(heading)))


def test_the_tables_name_what_there_is():
    codes = {getattr(kind, "code", None) for kind in vars(errors).values()}
    told = set(names("| code | status | |"))
    assert told <= codes
    mine = {
        kind.code
        for kind in vars(errors).values()
        if getattr(kind, "__module__", "") == "gateway.errors.collections"
    }
    assert mine - told == {"collection_moved"}  # nobody is answered that
    assert names("| state | |") == [state.value for state in CollectionState]
    assert names("| step | |") == [step.value for step in CollectionStep]
    assert set(names("| field | |")) == form.FIELDS
    for word in (*form.INITIATORS, *form.PROFILES):
        assert f"`{word}`" in TEXT
    assert f"1 to {form.MOST_HOURS} ({form.HOURS} if left out)" in TEXT
    assert [pause.total_seconds() for pause in PAUSES] == [600, 3600, 6 * 3600]
    assert CARDS == 3  # as the text has it
