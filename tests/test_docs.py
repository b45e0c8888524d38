"""The documents say what is true: their snippets run, their links lead somewhere, their names exist.

Packs and commands in docs/rules.md have tests of their own (tests/rules/test_rules_docs.py), the lines
in docs/compatibility.md and docs/paycomet-clients.md are what tests/clients runs, all other calls are
what tests/e2e/test_docs_calls.py does.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from gateway import errors
from gateway.config_audit import AuditSettings
from gateway.metrics import Metrics
from gateway.rules.load import load_pack_text

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for place in (".", "docs", "docs/decisions", "certs", "tests")
    for path in (ROOT / place).glob("*.md")
)
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def blocks(path, language):
    for match in FENCE.finditer(path.read_text(encoding="utf-8")):
        if match[2] == language:
            yield re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)


def by_name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=by_name)
def test_links_lead_somewhere(path):
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (path.parent / target).exists(), target


def test_the_readmes_pack_loads():
    (text,) = blocks(ROOT / "README.md", "yaml")
    pack = load_pack_text(text, "README.md")
    assert [route.name for route in pack.routes] == ["pull"]


def test_the_readme_starts_with_the_two_commands():
    first = next(blocks(ROOT / "README.md", "console"))
    assert first.split() == ["$", "make", "run", "$", "make", "test"]


COMMANDS = sorted(
    {
        tuple(line.removeprefix("$ ").removeprefix(".venv/bin/").split())
        for path in DOCUMENTS
        for block in blocks(path, "console")
        for line in block.splitlines()
        if "card-gateway " in line
    }
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_in_the_documents_exists(command):
    """Its words lead to a command, and every option is one of that command's."""
    from typer.main import get_command

    from gateway.cli.main import app

    node, words = get_command(app), list(command[1:])
    while words and hasattr(node, "get_command") and (inner := node.get_command(None, words[0])):
        node = inner
        words.pop(0)
    assert not (hasattr(node, "commands") and words and not words[0].startswith("-")), command
    options = {option for parameter in node.params for option in parameter.opts}
    for word in words:
        if word.startswith("-"):
            assert word.partition("=")[0] in options, word


def test_makefile_targets_in_the_documents_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in DOCUMENTS:
        for target in re.findall(r"`make ([a-z]+)[`\s]", path.read_text(encoding="utf-8")):
            assert target in targets, (path, target)


def test_every_code_in_operating_is_one():
    codes = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and hasattr(kind, "code")
    }
    text = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    section = text.partition("## When something is refused")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| ((?:`\w+`(?:, )?)+)", section, re.MULTILINE))
    found = {code for row in named for code in re.findall(r"`(\w+)`", row)}
    assert found
    assert found <= codes


def test_every_metric_in_operating_is_one():
    text = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    known = {
        sample.name
        for family in Metrics().registry.collect()
        for sample in (*family.samples, family)
    } | {f"{family.name}_total" for family in Metrics().registry.collect()}
    for name in set(re.findall(r"card_gateway_\w+", text)):
        assert name in known, name


def test_the_audits_sinks_are_what_gateway_yaml_takes():
    *_, text = blocks(ROOT / "docs/operating.md", "yaml")
    said = AuditSettings.model_validate(yaml.safe_load(text)["audit"], context={"base": ROOT})
    assert said.sinks == [Path("/var/log/card-gateway/audit.jsonl"), None]
    assert text.strip() in (ROOT / "gateway.yaml").read_text(encoding="utf-8")


def test_prometheus_scrapes_where_the_metrics_are():
    scraping, *_ = blocks(ROOT / "docs/operating.md", "yaml")
    (job,) = yaml.safe_load(scraping)["scrape_configs"]
    (group,) = job["static_configs"]
    listen = yaml.safe_load((ROOT / "gateway.yaml").read_text(encoding="utf-8"))["listen"]
    assert group["targets"] == [listen["metrics"]]


def test_the_container_runs_what_is_in_the_project():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for source in re.findall(r"^COPY (?!--from)(.*) \S+$", lines, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists(), name
    assert re.search(r"^USER gateway$", lines, re.MULTILINE)
    assert "HEALTHCHECK" in lines
