"""`card-gateway rules explain` of a message whose cards stand in base64: what changes, in bytes."""

from __future__ import annotations

import base64
import json
import re

import pytest

from tests.cli.rules_command import NUMBER

PACK = """
system: x
about: x
shapes:
  s:
    envelope: { format: json, at: "$.messages[*].data", as: base64 }
    format: json
    card: $.card
    number: pan
    cvc: cvc
routes:
  - { name: r, to: https://x.example/p, methods: [GET], response: { tokenize: s } }
"""


@pytest.fixture
def explained(rules, tmp_path):
    inner = json.dumps({"card": {"pan": NUMBER, "cvc": "737"}}).encode()
    coded = base64.b64encode(inner).decode()
    (tmp_path / "m.json").write_text(json.dumps({"messages": [{"data": ""}, {"data": coded}]}))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.yaml").write_text(PACK)
    rule = str(tmp_path / "other")
    return rules("explain", "--rules", rule, "--route", "x", str(tmp_path / "m.json")), coded


def test_p16_explain_tells_how_many_bytes_of_base64_change(explained):
    (code, out, err), coded = explained
    assert (code, err) == (0, "")
    assert "becomes 444433******1111 and gets a token" in out
    assert re.search(r"^  - \([0-9]+ bytes of base64\)$", out, re.MULTILINE)
    assert NUMBER not in out
    assert coded not in out
