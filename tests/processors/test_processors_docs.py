"""docs/processors.md says what is so: its files load and fit, its calls work, its tables are complete."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
import yaml

from gateway import errors
from gateway.config import ProductSettings
from gateway.processors.compile import PLACES
from gateway.processors.fit import misfits
from gateway.processors.load import load_processor_text, load_processors
from gateway.processors.model import Ended, Operation
from gateway.processors.schema import AnswerEntry, CallEntry, EndEntry, ProcessorEntry, StepEntry
from gateway.rules.load import load_pack_text
from gateway.rules.match import Matcher
from gateway.rules.model import RuleSet
from gateway.sandbox import processor_payments as payments
from tests.processors.orders import keep, order, run, set_credentials
from tests.running import ROOT

TEXT = (ROOT / "docs" / "processors.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_the_example_is_a_pack_and_a_processor_that_fit():
    settings, pack, processor = blocks("yaml")
    assert ProductSettings.model_validate(yaml.safe_load(settings)["products"]["seaside"]).processor
    matcher = Matcher(RuleSet((load_pack_text(pack, "acme-pay.yaml"),)))
    rules = load_processor_text(processor, "processors/acme-pay.yaml")
    assert misfits(rules, matcher) == []
    assert set(rules.operations) == {Operation.DEBIT, Operation.REFUND, Operation.LOOK}


def test_the_calls_work(gateway):
    commands = blocks("sh")
    assert len(commands) == 3
    environment = os.environ | {
        "CONTROL": "http://{}:{}".format(*gateway.addresses.control),
        "KEY": gateway.key(scopes=("admin",), products=("seaside",)),
        "NO_PROXY": "*",
    }
    said = []
    for command in commands:
        done = subprocess.run(
            ["bash", "-euc", command.replace("curl ", "curl --max-time 20 ")],
            env=environment, capture_output=True, check=True, text=True, timeout=30,
        )  # fmt: skip
        said.append(done.stdout)
    assert json.loads(said[0]) == json.loads(said[1])
    assert json.loads(said[0])["names"] == ["key"]
    assert said[2] == ""
    assert not gateway.rows(
        "select * from processor_credential where product = 'seaside' and processor = 'sandbox'"
    )
    set_credentials(gateway, "seaside", "sandbox")


def test_the_tables_name_what_there_is():
    codes = {getattr(kind, "code", None) for kind in vars(errors).values()}
    named = set(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (?:[0-9, ]+ )?\|", TEXT, re.MULTILINE))
    for row in (one for one in named if "_" in one and "network_transaction_id" not in one):
        assert set(re.findall(r"`(\w+)`", row)) <= codes | {"basic"}, row
    for place in PLACES:
        assert f"`{{{place}}}`" in TEXT, place
    for ended in Ended:
        assert f"`{ended.value}`" in TEXT
    for model in (ProcessorEntry, CallEntry, StepEntry, AnswerEntry, EndEntry):
        for name, info in model.model_fields.items():
            word = info.alias or name
            assert f"`{word}`" in TEXT or f"`{word}:" in TEXT, word
    for name, rules in load_processors(ROOT / "rules").items():
        (row,) = re.findall(rf"^\| `{name}` \|.*\| ([a-z, ]+) \|$", TEXT, re.MULTILINE)
        said = {word.replace("authorise", "authorize") for word in row.split(", ")}
        assert said == {operation.value for operation in rules.operations}


NUMBERS = dict(re.findall(r"^\| ([0-9]{16}) \| (.+) \|$", TEXT, re.MULTILINE))


def test_every_number_of_the_sandbox_is_there():
    own = {value for value in vars(payments).values() if isinstance(value, str) and value.isdigit()}
    assert set(NUMBERS) == own


@pytest.mark.parametrize("number", sorted(NUMBERS))
def test_a_number_comes_to_what_is_said(gateway, number):
    told = NUMBERS[number]
    asked = order(keep(gateway, number))
    with gateway.waiting(3 if number == payments.TIMEOUT else 60):
        ended = run(gateway, "debit", asked).ended
    expected = {
        "approved": Ended.SUCCEEDED, "declined": Ended.DECLINED, "a challenge": Ended.CHALLENGED,
        "it is done": Ended.UNKNOWN, "the gateway": Ended.FAILED,
    }  # fmt: skip
    (wanted,) = [one for start, one in expected.items() if told.startswith(start)]
    assert ended is wanted or (number == payments.CONSUMED and ended is Ended.DECLINED)
