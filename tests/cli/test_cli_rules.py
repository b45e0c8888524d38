"""`card-gateway rules …`: what it prints, what it must not print, how it exits."""

from __future__ import annotations

import json

import pytest

from gateway.cli import rules_shown
from gateway.errors import ConfigurationError
from gateway.rules.model import Route, Source
from tests.cli.rules_command import PACK


def test_list(rules):
    code, out, _ = rules("list")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "route methods where what happens"
    assert lines[1] == (
        "acme/both GET, POST to https://*.acme.example:8443/x "
        "request: detokenize in; response: tokenize out"
    )
    assert lines[2] == "acme/passes GET to https://api.acme.example/y passes"
    assert lines[3] == (
        "acme/push POST at /push/acme (caller acme) -> {pms}/acme request: tokenize out"
    )


def test_list_for_scripts(rules):
    code, out, _ = rules("list", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["route"] for row in rows] == ["acme/both", "acme/passes", "acme/push"]
    assert rows[0]["draft"] == "yes"
    assert rows[0]["source"] == "rules/acme.yaml:27"


def test_show(rules):
    code, out, _ = rules("show", "acme")
    assert code == 0
    assert "acme: ACME (draft)" in out
    assert "number        pan (a number)" in out
    assert "expiry        exp as MM/YY" in out
    assert "holder        name (kept)" in out
    assert "token         iduser, tokenuser" in out
    assert "booking_id    id" in out
    assert "0 examples" in out


def test_show_of_a_plain_pack(rules, tmp_path):
    (tmp_path / "rules" / "acme.yaml").write_text(
        "system: acme\nabout: x\nroutes:\n"
        '  - { name: r, at: /a, forward: "http://10.0.0.1:81/b", methods: [GET] }\n'
    )
    _, out, _ = rules("show", "acme")
    assert "at /a -> http://10.0.0.1:81/b" in out
    assert "source" not in out


def test_a_misspelt_system_or_route_gets_a_suggestion(rules):
    code, _, err = rules("show", "acne")
    assert code == 2
    assert "there is no pack `acne`; did you mean `acme`?" in err
    code, _, err = rules("explain", "--route", "acme/bots", "message.json")
    assert code == 2
    assert "did you mean `acme/both`?" in err
    code, _, err = rules("explain", "--route", "acme", "message.json")
    assert code == 2
    assert "There: acme/both, acme/passes, acme/push." in err


def test_a_route_without_a_target_is_listed_as_such():
    route = Route("x", "r", Source("x", 1), frozenset({"GET"}))
    assert rules_shown._where(route) == "nowhere"


def test_schema(rules):
    code, out, _ = rules("schema")
    assert code == 0
    assert json.loads(out)["title"] == "card-gateway pack"


def test_where_the_packs_are(rules, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other.yaml").write_text(PACK.replace("acme", "other"))
    assert "other/both" in rules("list", "--rules", "elsewhere")[1]
    (tmp_path / "gateway.yaml").write_text("rules: elsewhere\nunfinished: true\n")
    assert "other/both" in rules("list")[1]
    (tmp_path / "gateway.yaml").write_text("log: { level: info }\n")
    assert "acme/both" in rules("list")[1]
    (tmp_path / "gateway.yaml").write_text("[]\n")
    assert "acme/both" in rules("list")[1]


def test_a_mistake_in_a_pack_is_told_not_shown_around(rules, tmp_path):
    (tmp_path / "rules" / "acme.yaml").write_text(PACK.replace("methods", "method"))
    with pytest.raises(ConfigurationError, match=r"rules/acme.yaml:29:5: unknown key `method`"):
        rules("list")
