"""docs/rules.md says what is so: every snippet loads, every command runs."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.cards import expiry
from gateway.cards.card import Failure
from gateway.cli import rules as command
from gateway.cli.examples import run_examples
from gateway.config import read_config
from gateway.errors import ConfigurationError, LabelWrong, MessageForbidden, MessageUnfit
from gateway.rules.exchanges import PLACES
from gateway.rules.load import load_pack_text
from gateway.rules.schema import ExpectEntry
from gateway.rules.schema_shapes import ShapeEntry
from tests.config.files import BASE

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
OF_GATEWAY_YAML = "# gateway.yaml\n"
YAML = [text for language, text in FENCES if language == "yaml"]
SNIPPETS = [text for text in YAML if not text.startswith(OF_GATEWAY_YAML)]
SETTINGS = [text for text in YAML if text.startswith(OF_GATEWAY_YAML)]
CONSOLES = [text for language, text in FENCES if language == "console"]
COMMANDS = [
    line.removeprefix("$ card-gateway ")
    for block in CONSOLES
    for line in block.splitlines()
    if line.startswith("$ card-gateway ")
]


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_every_yaml_snippet_is_a_pack_whose_examples_pass(number):
    pack = load_pack_text(SNIPPETS[number], f"snippet-{number}.yaml")
    assert [outcome.mistakes for outcome in run_examples(pack) if outcome.mistakes] == []


@pytest.mark.parametrize("text", SETTINGS)
def test_what_stands_in_gateway_yaml_is_what_it_has_without(text, tmp_path):
    """The defaults: writing them down changes nothing."""
    file = tmp_path / "gateway.yaml"
    file.write_text(BASE, encoding="utf-8")
    without = read_config(file)
    file.write_text(BASE + text, encoding="utf-8")
    assert dict(read_config(file)) == dict(without)  # the files themselves differ


def test_what_is_told_of_plain_text_is_told_in_these_words():
    whole = TEXT.partition("### Plain text")[2].partition("\n### ")[0]
    shape = 'format: text, card: $, number: "No: {}"'
    inserted = '{ tokenize: s, insert: [{ into: ., each: card, json: { t: "{alias}" } }] }'
    route = f"{{ name: r, to: https://x.example/p, methods: [GET], response: {inserted} }}"
    with pytest.raises(ConfigurationError) as told:
        load_pack_text(
            f"system: x\nabout: x\nshapes:\n  s: {{ {shape} }}\nroutes:\n  - {route}\n", "x"
        )
    (problem,) = told.value.problems
    assert f"| `` {problem.message} `` |" in whole
    assert f'"{problem.hint}"' in whole
    assert MessageForbidden.text.endswith("an odd encoding.")
    assert f'`{MessageForbidden.code}`: "… an odd encoding."' in whole
    assert f'`{MessageUnfit.code}`: "{MessageUnfit.text}"' in whole
    assert f"`{LabelWrong.code}`" in whole


def test_there_are_snippets():
    assert {language for language, _ in FENCES} == {"yaml", "console"}
    assert len(SNIPPETS) >= 18
    assert len(SETTINGS) == 1
    assert len(COMMANDS) >= 15


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("rules ")])
def test_every_console_line_runs(line, tmp_path, monkeypatch):
    (tmp_path / "rules").symlink_to(ROOT / "rules")
    (tmp_path / "message.xml").write_text("<HotelReservation/>")
    _record(tmp_path)
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    command.register(app)
    result = CliRunner().invoke(app, shlex.split(line))
    assert result.exit_code == 0, result.output


def _record(directory):
    """A pull as a transcript, as a HAR, and in a folder."""
    where, label = "https://x.siteminder.com/pmsxchangev2/a", "Content-Type: text/xml"
    card = '<HotelReservation><PaymentCard CardNumber="4111111111111111" ExpireDate="1230"/></HotelReservation>'
    text = f"POST {where} HTTP/1.1\n{label}\n\n<a/>\n\nHTTP/1.1 200 OK\n{label}\n\n<R>{card}</R>\n"
    (directory / "recordings").mkdir()
    for place in ("pull.http", "recordings/pull.txt"):
        (directory / place).write_text(text)
    posted = {"mimeType": "text/xml", "text": "<a/>"}
    asked = {"method": "POST", "url": where, "headers": [], "postData": posted}
    answer = {"status": 200, "headers": [], "content": {"text": f"<R>{card}</R>", "size": 1}}
    entries = [{"request": asked, "response": answer}]
    (directory / "day.har").write_text(json.dumps({"log": {"entries": entries}}))


def test_every_key_is_explained():
    for key in ShapeEntry.model_fields:
        assert f"`{key}`" in TEXT, key
    for key in ExpectEntry.model_fields:
        assert f"`{key}:" in TEXT or f", `{key}:" in TEXT, key
    for place in PLACES:
        assert f"`{{{place}}}`" in TEXT
    for failure in Failure:
        assert f"`{failure}`" in TEXT
    for spelling in expiry.WHOLE_SPELLINGS:
        assert f"`{spelling}`" in TEXT
