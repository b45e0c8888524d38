"""`card-gateway rules check`: what is found in each pack of the corpus, and how it is told."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gateway.cards.pan import luhn_ok
from gateway.cli.rules import app
from gateway.cli.rules_check import findings
from gateway.rules.finding import Level
from tests.running import ROOT

CORPUS = ROOT / "tests" / "corpus" / "rules-check"


def told(directory, config):
    return [
        f"{one.problem.line}:{one.problem.column}: {one.level}: {one.kind}: {one.problem.message}"
        for one in findings(config, directory)
        if one.level is not Level.TOLD
    ]


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.yaml")), ids=lambda file: file.stem)
def test_what_is_found_in_a_pack(file, tmp_path):
    text = file.read_text(encoding="utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "acme.yaml").write_text(text, encoding="utf-8")
    config = tmp_path / "gateway.yaml"
    config.write_text("rules: rules\n", encoding="utf-8")
    expected = [line[3:] for line in text.splitlines() if line.startswith("#! ")]
    found = [line.replace(f"{tmp_path}/rules/", "") for line in told(None, config)]
    assert found == expected


def test_p16_a_sentinel_that_could_be_a_card_is_told_masked(check):
    number = next(text for n in range(10) if luhn_ok(text := "4" + "5" * 14 + str(n)))
    text = (CORPUS / "nothing.yaml").read_text(encoding="utf-8")
    out = check(
        {"a": text.replace("    cvc: cvc\n", f"    cvc: cvc\n    sentinels: ['{number}']\n")}
    )[1]
    assert "10:17: worth a look: the sentinel 455555******555" in out
    assert "could be a real card, which would pass in clear" in out
    assert number not in out


def test_the_corpus_is_there():
    assert len(list(CORPUS.glob("*.yaml"))) > 20


@pytest.fixture
def check(tmp_path, monkeypatch):
    """`check({"a": yaml}, gateway="…")` answers (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()

    def invoke(packs, *arguments, gateway="rules: rules\n", command="check"):
        for name, text in packs.items():
            (tmp_path / "rules" / f"{name}.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "gateway.yaml").write_text(gateway, encoding="utf-8")
        result = CliRunner().invoke(app, [command, *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return result.exit_code, result.stdout, result.stderr

    return invoke


def pack(system, path="/v1/**", *, head="", host="api.acme.travel", more=""):
    return (
        f"system: {system}\nabout: x\n{head}routes:\n"
        f"  - {{ name: r, to: 'https://{host}{path}', methods: [POST]{more} }}\n"
    )


def test_nothing_is_found_quietly(check):
    code, out, err = check({"a": pack("a")})
    assert (code, err) == (0, "")
    assert out.startswith("✓ nothing found")
    assert json.loads(check({"a": pack("a")}, "--json")[1]) == []


def test_a_tie_is_a_mistake_with_a_request_that_shows_it(check):
    code, out, _ = check({"a": pack("a", "/v1/**"), "b": pack("b", "/v1/*/x")})
    assert code == 1
    assert "rules/b.yaml:4:5: mistake: route `b/r` ties with `a/r` at rules/a.yaml:4" in out
    assert "    like POST https://api.acme.travel/v1/x/x\n" in out
    assert "    Give one of them a longer literal path" in out
    assert "2 mistakes" in out


def test_ties_are_told_by_the_other_commands_too(check):
    packs = {"a": pack("a", "/v1/**"), "b": pack("b", "/v1/*/x")}
    for command in ("list", "test"):
        code, _, err = check(packs, command=command)
        assert code == 0
        assert (
            "rules/b.yaml:4:5: the gateway does not take these rules: route `b/r` ties with" in err
        )
    code, _, err = check(packs, "--route", "a/r", "gateway.yaml", command="explain")
    assert "ties with" in err
    assert check({"a": pack("a"), "b": pack("b", "/v2/**")}, command="list")[2] == ""


def test_a_draft_ties_only_once_it_is_in_force(check):
    packs = {"a": pack("a"), "b": pack("b", head="draft: true\n")}
    code, out, _ = check(packs)
    assert code == 0
    assert "worth a look: route `b/r` ties with `a/r`" in out
    assert "told once `b` is in force" in out
    assert check(packs, command="list")[2] == ""
    assert check(packs, gateway="drafts: [b]\n")[0] == 1
    assert "ties with" in check(packs, command="list", gateway="drafts: [b]\n")[2]


def test_one_system_in_two_files_and_packs_that_are_not_there(check):
    code, out, _ = check({"a": pack("a"), "b": pack("a", "/v2/**")}, gateway="packs: [a, c]\n")
    assert code == 1
    assert "the system `a` is already in rules/a.yaml" in out
    assert "there is no pack `c`, which `packs:` in gateway.yaml names" in out


def test_a_host_that_a_stand_in_plays_is_reached(check):
    reserved, private = pack("a", host="api.acme.example"), pack("b", host="10.1.2.3")
    out = check({"a": reserved, "b": private})[1]
    assert "no request gets to `api.acme.example`: the name is reserved" in out
    assert "no request gets to `10.1.2.3`: egress refuses private addresses" in out
    gateway = (
        "test_hosts: { 'a.test:1': { stands_for: api.acme.example, address: 127.0.0.1 } }\n"
        "egress: { private: [{ host: 10.1.2.3, networks: [10.0.0.0/8] }] }\n"
    )
    assert "no request gets" not in check({"a": reserved, "b": private}, gateway=gateway)[1]


def test_variables_that_nobody_uses(check):
    gateway = (
        "variables:\n  pms: https://pms.acme.travel\n  spare: https://x.acme.travel\n"
        "virtual_bins: { cards: cards.csv }\n"
    )
    push = "system: p\nabout: x\nroutes:\n  - { name: r, at: /p, forward: '{pms}/p', methods: [POST] }\n"
    code, out, _ = check({"p": push}, gateway=gateway)
    assert code == 0
    assert "gateway.yaml:3:3: worth a look: no pack uses the variable `spare`" in out
    assert "gateway.yaml:4:17: worth a look: no pack uses the table `cards`" in out
    assert "`pms`" not in out


def test_what_is_only_good_to_know(check):
    packs = {
        "a": pack("a", more=", mode: test"),
        "b": pack("b", "/b/**", head="draft: the month is a guess\n"),
        "c": pack("c", "/c/**", head="draft: true\n"),
        "d": pack(
            "d",
            "/d/**",
            head="shapes: { s: { format: json, card: $, number: pan } }\n",
            more=", request: { detokenize: s }",
        ),
    }
    gateway = "packs: [a, d]\ndrafts: [c]\n"
    short, out = check(packs, gateway=gateway)[1], check(packs, "--all", gateway=gateway)[1]
    for told in (
        "only tokens of test products pass `r` (`mode: test`)",
        "the draft `b` is not in force: the month is a guess",
        "the draft `c` is in force",
        "the requests of `r` pass as they are: no shape looks at them",
        "the responses of `r` are only looked at by the guard",
        "`api.acme.travel` sees cards; besides POST /v1/**, POST /c/**, POST /d/** all is refused",
    ):
        assert told in out
        assert told not in short
    rows = json.loads(check(packs, "--all", "--json", gateway=gateway)[1])
    (refused,) = [row for row in rows if row["kind"] == "refused"]
    assert refused["requests"][0] == "GET https://api.acme.travel/x"
    assert (refused["level"], refused["file"], refused["line"]) == (
        "good to know",
        "rules/d.yaml",
        5,
    )
    assert set(rows[0]) == {
        "level", "kind", "about", "file", "line", "column", "message", "change", "yaml", "requests",
    }  # fmt: skip


def test_the_shipped_packs_hold_no_mistake_and_shadow_nothing():
    found = findings(ROOT / "gateway.yaml", None)
    assert {one.level for one in found} >= {Level.TOLD}
    loud = [one for one in found if one.level is not Level.TOLD]
    assert {one.kind for one in loud} <= {"not-exercised", "no-example"}, [
        str(one.problem) for one in loud
    ]
