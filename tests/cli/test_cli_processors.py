"""`card-gateway processors …`: what it prints, how it exits; `check` looks at processors too."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from tests.config.files import BASE
from tests.running import ROOT


@pytest.fixture
def processors(tmp_path, monkeypatch):
    """Runs the command in a directory with the shipped rules; exit code and output."""
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    monkeypatch.chdir(tmp_path)

    def run(*words):
        result = CliRunner().invoke(app, list(words))
        return result.exit_code, result.output

    return run


def test_list(processors):
    code, out = processors("processors", "list")
    assert code == 0
    assert out.splitlines()[0].split()[:2] == ["processor", "operations"]
    code, out = processors("processors", "list", "--json")
    rows = {row["processor"]: row for row in json.loads(out)}
    assert rows["bookingsync"]["operations"] == "debit, look"
    assert rows["sandbox"]["credentials"] == "key"


def test_show(processors):
    code, out = processors("processors", "show", "bookingsync")
    assert code == 0
    assert "POST https://secure.bookingsync.com/api/bookingsync/instant_bookings" in out
    assert "needs  extra.address1, extra.city" in out
    assert "challenged http 202" in out
    assert "unknown    anything else" in out
    code, out = processors("processors", "show", "strype")
    assert code == 2
    assert "did you mean `stripe`?" in out


def test_check(processors, tmp_path):
    code, out = processors("processors", "check")
    assert code == 0, out
    assert "✓ stripe: " in out
    (tmp_path / "rules" / "stripe.yaml").unlink()
    code, out = processors("processors", "check")
    assert code == 1
    assert "no route of a pack takes POST https://api.stripe.com/v1/payment_methods" in out
    assert "✓ sandbox: " in out


def test_check_tells_a_mistake_with_its_line(processors, tmp_path):
    file = tmp_path / "rules" / "processors" / "stripe.yaml"
    file.write_text(file.read_text().replace("as: challenged", "as: challanged", 1))
    (tmp_path / "gateway.yaml").write_text(f"{BASE}packs: [sandbox, stripe]\n")
    for words in (("processors", "check"), ("check",)):
        code, out = processors(*words)
        assert code == 1
        assert "stripe.yaml:" in out
        assert "`as` must be" in out


def test_check_looks_at_what_a_product_uses(processors, tmp_path):
    used = BASE.replace("mode: test }", "mode: test, processor: stripe }")
    assert used != BASE
    for packs, told in (
        ("sandbox", "no route of a pack takes POST https://api.stripe.com"),
        ("stripe", ""),
    ):
        (tmp_path / "gateway.yaml").write_text(f"{used}packs: [{packs}]\n")
        _, out = processors("check")
        assert ("no route of a pack" in out) == bool(told)
        assert told in out
    (tmp_path / "gateway.yaml").write_text(used.replace("stripe", "strype") + "packs: [stripe]\n")
    _, out = processors("check")
    assert "which product `seaside` names; did you mean `stripe`?" in out


def test_schema(processors):
    code, out = processors("processors", "schema")
    assert code == 0
    assert "operations" in json.loads(out)["properties"]


def test_none_at_all(processors, tmp_path):
    shutil.rmtree(tmp_path / "rules" / "processors")
    code, out = processors("processors", "list")
    assert code == 0
    assert "beside the packs" in out
