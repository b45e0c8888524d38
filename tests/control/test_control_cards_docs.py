"""docs/cards.md: its commands work in their order, and its tables say what there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway import errors
from gateway.config import LimitSettings
from gateway.config_retention import RetentionSettings
from gateway.control.cards_form import _BOOKING, _CARD
from gateway.control.cards_shown import ErasedCard
from tests.control.card_calls import site

TEXT = (Path(__file__).parents[2] / "docs/cards.md").read_text(encoding="utf-8")


@pytest.fixture
def cards(tmp_path):
    with site(tmp_path) as running:
        yield running


def test_the_commands_of_the_document_work(cards):
    commands = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    example, _ = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    environment = os.environ | {
        "CONTROL": "http://{}:{}".format(*cards.control.address),
        "KEY": cards.control.key("cards"),
        "NO_PROXY": "*",
    }
    said = []
    for command in commands:
        done = subprocess.run(
            ["bash", "-euc", command.replace("curl ", "curl --max-time 20 ")],
            env=environment, capture_output=True, check=True, text=True, timeout=30,
        )  # fmt: skip
        said.append(json.loads(done.stdout) if done.stdout else None)
        environment.setdefault("TOKEN", said[0]["token"])
    add, look, listed, changed, left, forgotten = said
    own = ("token", "iduser", "tokenuser")
    shown = json.loads(example)
    assert shown.keys() == add.keys()
    assert {name: add[name] for name in add if name not in own} == {
        name: shown[name] for name in shown if name not in own
    }
    assert look["holder"] == "Ada Example"
    assert listed["cards"] == [look]
    assert (changed["token"], changed["expiration_year"]) == (add["token"], "2031")
    assert left is None  # it was the last booking, and the card is gone with it
    assert forgotten["code"] == "token_unknown"
    assert cards.count("card") == 0


def test_the_stub_of_the_document_is_one():
    _, stub = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    ErasedCard.model_validate_json(stub)
    assert json.loads(stub).keys() == ErasedCard.model_fields.keys()


def test_the_days_of_the_document_are_the_defaults():
    (said,) = re.findall(r"retention: (\{.*\})", TEXT)
    assert yaml.safe_load(said) == RetentionSettings().model_dump()


def test_the_tables_name_what_there_is():
    codes = {getattr(kind, "code", None) for kind in vars(errors).values()}
    for row in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| [0-9, ]+ \|", TEXT, re.MULTILINE):
        assert set(re.findall(r"`(\w+)`", row)) <= codes, row
    fields = set(re.findall(r"^\| `(\w+)`", TEXT.partition("| field |")[2], re.MULTILINE))
    assert fields >= _CARD - {"expiration_year"}
    assert all(f"`{name}`" in TEXT for name in _BOOKING - {"virtual"})
    (limits,) = re.findall(r"`limits: (\{[^}]*\})`", TEXT)
    defaults = LimitSettings()
    for name, value in yaml.safe_load(limits).items():
        assert getattr(defaults, name) == value
