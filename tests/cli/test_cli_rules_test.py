"""`card-gateway rules test`: the examples of packs, and how they are told."""

from __future__ import annotations

import json

from tests.cli.rules_command import with_examples
from tests.running import ROOT

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
    expect: { refused: message_malformed, contains: '"code":"message_malformed"' }
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
  - route: push
    request: '{"pan": "4111111111111111'
    expect: { refused: message_malformed, contains: "<Errors>" }
"""


def test_examples_that_come_out(rules, tmp_path):
    with_examples(tmp_path, GOOD)
    code, out, _ = rules("test")
    assert code == 0
    assert "✓ acme/push rules/acme.yaml:45" in out
    assert "2 examples, 0 failed" in out


def test_examples_that_do_not_show_wanted_and_found(rules, tmp_path):
    with_examples(tmp_path, BAD)
    code, out, err = rules("test", "acme")
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
    assert "contains: `<Errors>` is not in the refusal:" in told
    assert "4111111111111111" not in out + err
    assert "found message_malformed" in told
    assert "refused: expected message_forbidden" in told
    assert "(nothing changed)" in told
    assert "5 examples, 5 failed" in told


def test_examples_for_scripts(rules, tmp_path):
    with_examples(tmp_path, BAD + GOOD)
    code, out, _ = rules("test", "--json")
    assert code == 1
    outcomes = json.loads(out)
    assert [one["passed"] for one in outcomes] == [False] * 5 + [True, True]
    assert outcomes[0]["route"] == "acme/push"


def test_a_pack_without_examples_is_told(rules):
    code, out, _ = rules("test")
    assert code == 0
    assert "- acme: no examples" in out


def test_the_shipped_packs(rules):
    code, out, _ = rules("test", "--rules", str(ROOT / "rules"))
    assert code == 0
    assert " 0 failed" in out
