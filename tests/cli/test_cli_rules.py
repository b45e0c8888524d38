"""`card-gateway rules …`: what it prints, what it must not print, how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import rules as command
from gateway.cli import rules_shown
from gateway.cli.explain import body_of, hide, hide_all, place_of
from gateway.cli.trial import try_tokenize
from gateway.codecs.paths import parse_path
from gateway.errors import ConfigurationError
from gateway.rules.model import Field, Route, Shape, Source, Tokenize

ROOT = Path(__file__).parent.parent.parent
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
def run(tmp_path, monkeypatch):
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


# --- list, show, schema -------------------------------------------------------------------------


def test_list(run):
    code, out, _ = run("list")
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


def test_list_for_scripts(run):
    code, out, _ = run("list", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["route"] for row in rows] == ["acme/both", "acme/passes", "acme/push"]
    assert rows[0]["draft"] == "yes"
    assert rows[0]["source"] == "rules/acme.yaml:27"


def test_show(run):
    code, out, _ = run("show", "acme")
    assert code == 0
    assert "acme: ACME (draft)" in out
    assert "number        pan (a number)" in out
    assert "expiry        exp as MM/YY" in out
    assert "holder        name (kept)" in out
    assert "token         iduser, tokenuser" in out
    assert "booking_id    id" in out
    assert "0 examples" in out


def test_show_of_a_plain_pack(run, tmp_path):
    (tmp_path / "rules" / "acme.yaml").write_text(
        "system: acme\nabout: x\nroutes:\n"
        '  - { name: r, at: /a, forward: "http://10.0.0.1:81/b", methods: [GET] }\n'
    )
    _, out, _ = run("show", "acme")
    assert "at /a -> http://10.0.0.1:81/b" in out
    assert "source" not in out


def test_a_misspelt_system_or_route_gets_a_suggestion(run):
    code, _, err = run("show", "acne")
    assert code == 2
    assert "there is no pack `acne`; did you mean `acme`?" in err
    code, _, err = run("explain", "--route", "acme/bots", "message.json")
    assert code == 2
    assert "did you mean `acme/both`?" in err
    code, _, err = run("explain", "--route", "acme", "message.json")
    assert code == 2
    assert "There: acme/both, acme/passes, acme/push." in err


def test_a_route_without_a_target_is_listed_as_such():
    route = Route("x", "r", Source("x", 1), frozenset({"GET"}))
    assert rules_shown._where(route) == "nowhere"


def test_schema(run):
    code, out, _ = run("schema")
    assert code == 0
    assert json.loads(out)["title"] == "card-gateway pack"


def test_where_the_packs_are(run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other.yaml").write_text(PACK.replace("acme", "other"))
    assert "other/both" in run("list", "--rules", "elsewhere")[1]
    (tmp_path / "gateway.yaml").write_text("rules: elsewhere\nunfinished: true\n")
    assert "other/both" in run("list")[1]
    (tmp_path / "gateway.yaml").write_text("log: { level: info }\n")
    assert "acme/both" in run("list")[1]
    (tmp_path / "gateway.yaml").write_text("[]\n")
    assert "acme/both" in run("list")[1]


def test_a_mistake_in_a_pack_is_told_not_shown_around(run, tmp_path):
    (tmp_path / "rules" / "acme.yaml").write_text(PACK.replace("methods", "method"))
    with pytest.raises(ConfigurationError, match=r"rules/acme.yaml:29: unknown key `method`"):
        run("list")


# --- explain ------------------------------------------------------------------------------------


def test_explain_says_which_card_is_where_and_what_becomes_of_it(run):
    code, out, _ = run("explain", "--route", "acme/both", "--as", "response", "message.json")
    lines = out.splitlines()
    assert code == 1  # a card fails
    assert lines[0] == "Route acme/both (rules/acme.yaml:27), its response:"
    assert lines[1] == (
        "1. line 2, column 11: $.cards[*][1] pan (shape `out`) becomes 444433******1111 "
        "and gets a token, a virtual card"
    )
    assert lines[2].startswith("2. line 3, column 11: $.cards[*][2] pan (shape `out`) becomes ")
    assert lines[2].endswith("fails: the expiry can not be read with the shape's `as:`")
    assert lines[3].endswith("fails: the number is not 12 to 19 digits")
    assert lines[4].endswith("fails: the shape wants a security code and there is none")
    assert lines[5].endswith("is empty, a mask, a sentinel or a token: left alone")


def test_explain_shows_which_bytes_change(run):
    _, out, _ = run("explain", "--route", "acme/both", "--as", "response", "message.json")
    assert "bytes 24-42, line 2, column 11\n  - " in out or "line 2, column 11\n  - " in out
    assert "(removed)" in out
    assert "(inserted)" in out
    assert "tok_1_…" in out


def test_p16_explain_shows_no_card(run):
    for arguments in ([], ["--json"]):
        _, out, err = run(
            "explain", "--route", "acme/both", "--as", "response", *arguments, "message.json"
        )
        for secret in (NUMBER, "5555555555554444", "737", "4444 3333"):
            assert secret not in out + err


def test_explain_a_charge(run):
    code, out, _ = run("explain", "--route", "acme/both", "--as", "request", "token.json")
    assert code == 0
    assert "holds a token; the card takes its place" in out
    assert "411111******1111" in out
    assert "Abcdefghijklm" not in out
    code, out, _ = run("explain", "--route", "acme/both", "--as", "request", "pair.json")
    assert code == 0
    assert "1. line 1, column 24" in out
    assert "Abcdefghijklm" not in out


def test_explain_a_message_in_which_nothing_is_found(run, tmp_path):
    (tmp_path / "none.json").write_text('{"cards": []}')
    _, out, _ = run("explain", "--route", "acme/both", "--as", "response", "none.json")
    assert "No card was found where the route's shapes look" in out
    assert "shape out: $.cards[*] pan" in out
    (tmp_path / "none.json").write_text('{"payment": {"pan": "foreign"}}')
    code, out, _ = run("explain", "--route", "acme/both", "--as", "request", "none.json")
    assert code == 0
    assert "No token was found" in out
    assert "shape in: $.payment . pan" in out
    (tmp_path / "mask.json").write_text('{"cards": [{"pan": "****1111"}]}')
    code, out, _ = run("explain", "--route", "acme/push", "mask.json")
    assert code == 0
    assert "Nothing changes: the very same bytes go on." in out


def test_explain_cards_in_odd_places(run, tmp_path):
    body = {
        "cards": [{"cvc": "737"}, [{"pan": NUMBER, "exp": "12/30", "cvc": "737"}]],
        "archive": {"cards": [{"pan": NUMBER, "exp": "12/30", "cvc": "737"}]},
    }
    (tmp_path / "odd.json").write_text(json.dumps(body))
    code, out, _ = run("explain", "--route", "acme/push", "odd.json")
    lines = out.splitlines()
    assert code == 1
    assert lines[1].endswith("is empty, a mask, a sentinel or a token: left alone")
    assert lines[2].endswith("fails: a list or text stands where the card's fields should")
    assert lines[3].endswith("fails: it has a card's name, but no booking's path leads to it")
    assert "737" not in out


@pytest.mark.parametrize("empty", ["[]", "{}"])
@pytest.mark.parametrize("member", ["pan", "cvc"])
def test_explain_an_empty_list_or_object_in_a_fields_place(run, tmp_path, empty, member):
    (tmp_path / "empty.json").write_text(
        f'{{"cards": [\n  {{"a": 1,\n   "{member}": {empty}}}\n]}}'
    )
    code, out, _ = run("explain", "--route", "acme/push", "empty.json")
    assert code == 0
    assert "Nothing changes: the very same bytes go on." in out
    assert "1. line 2, column " in out
    assert "left alone" in out


def test_explain_an_empty_list_in_place_of_the_whole_message(tmp_path):
    shape = Shape(
        name="bare",
        format="json",
        card=parse_path("$", "json"),
        number=Field(parse_path(".", "json")),
    )
    trial = try_tokenize(b" []", Tokenize((shape,)), "acme")
    assert (trial.after, [card.offset for card in trial.cards]) == (b" []", [0])


def test_explain_for_scripts(run):
    code, out, _ = run("explain", "--route", "acme/push", "--json", "message.json")
    told = json.loads(out)
    assert code == 1
    assert (told["route"], told["action"]) == ("acme/push", "tokenize")
    assert [card["failure"] for card in told["cards"]] == [
        None, "expiry_invalid", "number_invalid", "cvc_missing", None,
    ]  # fmt: skip
    assert told["cards"][0]["line"] == 2
    assert told["changes"][0]["line"] == 2
    code, out, _ = run("explain", "--route", "acme/both", "--as", "request", "--json", "token.json")
    assert json.loads(out)["cards"][0]["becomes"] == ""


def test_explain_a_message_that_is_refused(run, tmp_path):
    (tmp_path / "bad.json").write_text('{"cards": ')
    code, _, err = run("explain", "--route", "push", "bad.json")
    assert code == 1
    assert "Refused (message_malformed)" in err
    code, out, _ = run("explain", "--route", "push", "--json", "bad.json")
    assert code == 1
    assert json.loads(out)["refused"] == "message_malformed"


def test_explain_wants_to_know_which_way(run):
    code, _, err = run("explain", "--route", "both", "message.json")
    assert code == 2
    assert "works on its request and response: say --as" in err
    code, _, err = run("explain", "--route", "push", "--as", "response", "message.json")
    assert code == 2
    code, _, err = run("explain", "--route", "passes", "message.json")
    assert code == 2
    assert "lets everything pass" in err


def test_a_whole_http_request_is_read_too():
    request = b"POST https://x.example/v1 HTTP/2.0\r\nhost: x\r\n\r\na=b"
    assert body_of(request) == b"a=b"
    assert body_of(request.replace(b"\r\n", b"\n")) == b"a=b"
    assert body_of(b"a=b") == b"a=b"
    assert body_of(b"GET / HTTP/1.1\r\nhost: x\r\n") == b""


def test_places_and_masks():
    assert place_of("ä\nöx".encode(), 5) == (2, 2)
    assert hide("4444 3333 2222 1111") == "444433******1111"
    assert hide("a 123 b 1042 c 12345") == "a 123 b 1042 c 12345"
    assert hide_all("a 123 b 1230 c 4444 33335") == "a *** b **** c **** *****"
    assert hide_all("4444333322221111, 737") == "444433******1111, ***"
    assert hide_all("<t>Abcdefghijklm</t>") == "<t>…</t>"
    assert hide("444433******1111") == "444433******1111"
    assert hide("tok_test_12_Abcdefghijk12") == "tok_test_12_…"


# --- test ---------------------------------------------------------------------------------------

GOOD = """\
  - name: all that can be said
    route: push
    request: '{"cards": [{"pan": "4111111111111111", "exp": "12/30", "cvc": "737", "virtual": 1}]}'
    expect:
      cards: 1
      left_alone: 0
      virtual: 1
      bookings: 1
      hotels: []
      numbers: ["411111******1111"]
      failed: {}
      unchanged: false
      contains: "411111"
      removed: ["737"]
  - route: push
    request: "{"
    expect: { refused: message_malformed }
"""
BAD = """\
  - route: push
    request: '{"cards": [{"pan": "4111111111111111", "exp": "12/30", "cvc": "737"}]}'
    expect: { cards: 2, numbers: [x], failed: { 2: vault }, unchanged: true, contains: zzz, removed: [yyy, exp] }
  - route: push
    request: "{"
    expect: { cards: 1 }
  - route: push
    request: '{"cards": [{"pan": "****1111"}]}'
    expect: { refused: message_forbidden, cards: 0 }
  - route: push
    request: '{"cards": [{"pan": "****1111"}]}'
    expect: { contains: zzz }
"""


def test_examples_that_come_out(run, tmp_path):
    with_examples(tmp_path, GOOD)
    code, out, _ = run("test")
    assert code == 0
    assert "✓ acme/push rules/acme.yaml:45" in out
    assert "2 examples, 0 failed" in out


def test_examples_that_do_not_show_wanted_and_found(run, tmp_path):
    with_examples(tmp_path, BAD)
    code, out, err = run("test", "acme")
    assert code == 1
    assert "✗ acme/push rules/acme.yaml:45" in err
    told = [line.strip() for line in out.splitlines()]
    assert told[:2] == ["cards: expected 2", "found 1"]
    assert "numbers: expected [x]" in told
    assert "found [411111******1111]" in told
    assert "failed: expected {2: vault}" in told
    assert "unchanged: expected true" in told
    assert "contains: `zzz` is not in the outcome:" in told
    assert '- {"cards": [{"pan": "411111******1111", "exp": "12/30", "cvc": "737"}]}' in told
    assert '+ {"cards": [{"pan": "411111******1111", "exp": "12/30"}]}' in told
    assert "removed: `yyy` is not in the message to begin with" in told
    assert "removed: `exp` is still in the outcome:" in told
    assert "refused: expected no refusal" in told
    assert "found message_malformed" in told
    assert "refused: expected message_forbidden" in told
    assert "(nothing changed)" in told
    assert "4 examples, 4 failed" in told


def test_examples_for_scripts(run, tmp_path):
    with_examples(tmp_path, BAD + GOOD)
    code, out, _ = run("test", "--json")
    assert code == 1
    outcomes = json.loads(out)
    assert [one["passed"] for one in outcomes] == [False, False, False, False, True, True]
    assert outcomes[0]["route"] == "acme/push"


def test_a_pack_without_examples_is_told(run):
    code, out, _ = run("test")
    assert code == 0
    assert "- acme: no examples" in out


def test_the_shipped_packs(run):
    code, out, _ = run("test", "--rules", str(ROOT / "rules"))
    assert code == 0
    assert " 0 failed" in out
