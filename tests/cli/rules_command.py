"""Runs `card-gateway rules` on a pack of a partner that does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import rules as command

NUMBER = "4444333322221111"
PACK = """\
system: acme
about: ACME
source: ACME API
draft: true
shapes:
  out:
    format: json
    card: "$.cards[*]"
    number: pan
    expiry: { at: exp, as: MM/YY }
    cvc: { at: cvc, required: true }
    virtual: { flag: virtual }
  in:
    format: json
    booking: $.payment
    card: .
    number: { at: pan, type: number }
    expiry_month: { at: month, as: M }
    expiry_year: { at: year, as: YYYY }
    holder: name
    hotel: hotel
    booking_id: id
    departure: until
    keep: [holder]
    token: { iduser: iduser, tokenuser: tokenuser }
routes:
  - name: both
    to: https://*.acme.example:8443/x
    methods: [POST, GET]
    request: { detokenize: in }
    response:
      tokenize: out
      insert: [{ into: ., of: card, each: card, json: { token: "{alias}" } }]
      on_failure: [{ into: ., of: card, each: card, json: { error: "{error}" } }]
  - name: passes
    to: https://api.acme.example/y
    methods: [GET]
  - name: push
    at: /push/acme
    forward: "{pms}/acme"
    auth: acme
    methods: [POST]
    request: { tokenize: out }
"""
MESSAGE = f"""\
{{"cards": [
  {{"pan": "{NUMBER}", "exp": "12/30", "cvc": "737", "virtual": "yes"}},
  {{"pan": "{NUMBER}", "exp": "99/99", "cvc": "737"}},
  {{"pan": "4444 3333", "exp": "12/30", "cvc": "737"}},
  {{"pan": "5555555555554444", "exp": "12/30"}},
  {{"pan": "XXXXXXXXXXXX1111"}}
]}}
"""
TOKEN = '{"payment": {"pan": "tok_1_Abcdefghijklm", "name": "Ada"}}'
PAIR = '{"payment": {"iduser": 7, "tokenuser": "Abcdefghijklm"}}'


@pytest.fixture
def rules(tmp_path, monkeypatch):
    """`rules("list")` answers (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "acme.yaml").write_text(PACK)
    (tmp_path / "message.json").write_text(MESSAGE)
    (tmp_path / "token.json").write_text(TOKEN)
    (tmp_path / "pair.json").write_text(PAIR)
    app = typer.Typer()
    command.register(app)

    def invoke(*arguments: str):
        result = CliRunner().invoke(app, ["rules", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return invoke


def with_examples(tmp_path: Path, examples: str) -> None:
    (tmp_path / "rules" / "acme.yaml").write_text(PACK + "examples:\n" + examples)
