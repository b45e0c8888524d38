"""deploy/alerts.yml: each alert is raised by what it is for, and by metrics that a gateway has."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway.drift.judge import Kind
from gateway.metrics import Metrics
from gateway.upkeep import _CARD_SECONDS
from tests.promtool import WITHOUT, promtool
from tests.test_docs import ROOT, blocks

FILE = ROOT / "deploy" / "alerts.yml"
(GROUP,) = yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
RULES = {rule["alert"]: rule for rule in GROUP["rules"]}
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))


def families():
    """Name as it stands in a query → the labels that its lines have."""
    found = {}
    for metric in vars(Metrics()).values():
        for family in getattr(metric, "describe", list)():
            suffix = "_total" if family.type == "counter" else ""
            found[family.name + suffix] = set(metric._labelnames)
    return found


def documented_metrics():
    """Name as it stands in a query → its labels, as the table of docs/operating.md has them."""
    section = OPERATING.partition("## What to watch")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`card_gateway_[^|]*) \|", section, re.MULTILINE)
    metrics = re.findall(r"`(card_gateway_\w+)(?:\{([\w,]*)\})?`", " ".join(rows))
    return {name: set(filter(None, labels.split(","))) for name, labels in metrics}


def named(expression):
    """The metrics that a query names, each with the labels that it asks for."""
    for name, matchers in re.findall(r"(card_gateway_\w+)(?:\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", matchers))


@each_rule
def test_every_metric_and_label_in_an_alert_is_one_that_a_gateway_has(rule):
    known, labels = families(), set()
    for name, asked in named(rule["expr"]):
        assert name in known, name
        assert asked <= known[name], name
        labels |= known[name]
    by = {one for group in re.findall(r"by \(([^)]*)\)", rule["expr"]) for one in group.split(", ")}
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert by | shown <= labels | {"instance"}
    assert not by or shown <= by


def test_the_documents_name_every_metric_with_its_labels():
    assert documented_metrics() == families()


def test_what_a_gateway_tells_of_a_drift_is_what_alerts_ask_for():
    asked = " ".join(
        rule["expr"] for rule in RULES.values() if "card_gateway_drift" in rule["expr"]
    )
    values = {one for text in re.findall(r'kind=~?"([^"]*)"', asked) for one in text.split("|")}
    assert values == {kind.value for kind in Kind}


@each_rule
def test_an_alert_says_what_happened_and_who_is_to_be_told(rule):
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["expr"].count("(") == rule["expr"].count(")")


def test_the_alerts_are_of_the_job_that_scrapes():
    scraping, *_ = blocks(ROOT / "docs/operating.md", "yaml")
    said = yaml.safe_load(scraping)
    (job,) = said["scrape_configs"]
    for rule in RULES.values():
        assert set(re.findall(r'job="([^"]*)"', rule["expr"])) <= {job["job_name"]}
    assert [Path(file).name for file in said["rule_files"]] == [FILE.name]


@each_rule
def test_no_alert_misses_the_first_count_of_a_labelled_counter(rule):
    """Such a counter has no line before, so `increase` alone sees no change."""
    for counter in re.findall(r"increase\((\w+\{[^}]*\})", rule["expr"]):
        assert f"or ({counter} unless {counter} offset 1h)" in rule["expr"]


def test_no_alert_is_raised_by_a_start():
    """A time that is written with the first of what is done is 0 until then."""
    known, asked = families(), {}
    for rule in RULES.values():
        for name in re.findall(r"time\(\) - (card_gateway_\w+)(?![\w{])", rule["expr"]):
            if not known[name]:
                asked[name] = int(rule.get("for", "0m").removesuffix("m")) * 60
    assert asked == {"card_gateway_cards_purged_timestamp_seconds": 15 * 60}
    assert min(asked.values()) > _CARD_SECONDS


def test_the_documents_say_what_to_do_about_each_alert():
    section = OPERATING.partition("## Alerts")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `(\w+)` \| (?:page|ticket) \|", section, re.MULTILINE)
    severities = dict(re.findall(r"^\| `(\w+)` \| (page|ticket) \|", section, re.MULTILINE))
    assert told == list(RULES)
    assert severities == {name: rule["labels"]["severity"] for name, rule in RULES.items()}


# --- as Prometheus reads them ---------------------------------------------------------------------

REFUSED = "card_gateway_refused_total"
CARDS = "card_gateway_cards_total"
DRIFT = 'card_gateway_drift{route="a/pull",phase="response",instance="one",kind="%s"}'
OLDEST = "card_gateway_answers_oldest_timestamp_seconds"
EXCHANGES = 'card_gateway_exchanges_total{route="a/pull",phase="response",outcome="%s"}'
# Alert → minutes, series that raise it, series that do not.
CASES = {
    "GatewayDown": (5, {'up{job="card-gateway"}': "0x5"}, {'up{job="card-gateway"}': "1x5"}),
    "VaultUnavailable": (
        90, {f'{REFUSED}{{reason="vault_unavailable"}}': "_x80 1x10"},
        {f'{REFUSED}{{reason="vault_unavailable"}}': "1x90"},
    ),
    "VaultSealed": (5, {"card_gateway_vault_sealed": "1x5"}, {"card_gateway_vault_sealed": "0x5"}),
    "AuditNotWritten": (
        5, {"card_gateway_audit_unwritable": "1x5"}, {"card_gateway_audit_unwritable": "0x5"}
    ),
    "RulesNotLoaded": (
        30, {"card_gateway_rules_reload_failures_total": "0x20 1x10"},
        {"card_gateway_rules_reload_failures_total": "1x30"},
    ),
    "CertificateEnds": (
        5, {'card_gateway_not_after_timestamp_seconds{what="ca"}': "2591000x5"},
        {'card_gateway_not_after_timestamp_seconds{what="ca"}': "2600000x5"},
    ),
    "VaultKeyOld": (
        5, {'card_gateway_vault_key_activated_timestamp_seconds{purpose="data"}': "-31535800x5"},
        {'card_gateway_vault_key_activated_timestamp_seconds{purpose="data"}': "-31535600x5"},
    ),
    "ExchangesFail": (
        60, {EXCHANGES % "done": "0+1x60", EXCHANGES % "message_malformed": "0+2x60"},
        {EXCHANGES % "done": "0+2x60", EXCHANGES % "message_malformed": "0+1x60"},
    ),
    "CardsFail": (
        90, {f'{CARDS}{{action="tokenize",outcome="expiry_invalid"}}': "_x80 1x10"},
        {f'{CARDS}{{action="tokenize",outcome="left_alone"}}': "_x80 1x10"},
    ),
    "CardsDisguised": (
        90, {'card_gateway_guard_findings_total{action="refused"}': "1x60 2x30"},
        {'card_gateway_guard_findings_total{action="masked"}': "1x60 2x30"},
    ),
    "CardsOutsideShapes": (
        5, {DRIFT % "card_outside_shapes": "1x5"}, {DRIFT % "card_outside_shapes": "0x5"}
    ),
    "CardsVanished": (5, {DRIFT % "no_cards": "1x5"}, {DRIFT % "silent": "1x5"}),
    "CardFailuresRise": (5, {DRIFT % "more_failures": "1x5"}, {DRIFT % "no_cards": "1x5"}),
    "RouteSilent": (5, {DRIFT % "silent": "1x5"}, {DRIFT % "no_cards": "1x5"}),
    "TokensGuessed": (
        90, {f'{REFUSED}{{reason="tokens_guessed"}}': "_x80 1x10"},
        {f'{REFUSED}{{reason="key_invalid"}}': "_x80 1x10"},
    ),
    "NoticeGivenUp": (
        90, {'card_gateway_notices_total{outcome="given_up"}': "_x80 1x10"},
        {'card_gateway_notices_total{outcome="failed"}': "_x80 1x10"},
    ),
    "ChargesInDoubt": (
        361, {"card_gateway_charges_in_doubt_oldest_timestamp_seconds": "0x361"},
        {"card_gateway_charges_in_doubt_oldest_timestamp_seconds": "90x361"},
    ),
    "ChargeSumsDiffer": (
        90, {'card_gateway_charge_sums_differ_total{processor="p"}': "_x80 1x10"},
        {'card_gateway_charge_sums_differ_total{processor="p"}': "1x90"},
    ),
    "CardsOverdue": (
        70, {'card_gateway_cards_overdue{product="p"}': "1x70"},
        {'card_gateway_cards_overdue{product="p"}': "1x30 0x40"},
    ),
    "CardsNotPurged": (
        78, {"card_gateway_cards_purged_timestamp_seconds": "0x78"},
        {"card_gateway_cards_purged_timestamp_seconds": "0+60x69 0x10"},  # started anew
    ),
    "ClockLeapt": (5, {"card_gateway_clock_leapt": "1x5"}, {"card_gateway_clock_leapt": "0x5"}),
    "AnswersNotDelivered": (
        31, {f'{OLDEST}{{state="undelivered"}}': "0x31"}, {f'{OLDEST}{{state="delivered"}}': "0x31"}
    ),
    "AnswersRefused": (
        5, {'card_gateway_answers{state="refused"}': "1x5"},
        {'card_gateway_answers{state="undelivered"}': "1x5"},
    ),
    "RefusedAnswersWait": (
        361, {f'{OLDEST}{{state="refused"}}': "0x361"}, {f'{OLDEST}{{state="refused"}}': "90x361"}
    ),
    "AnswersPileUp": (
        5, {'card_gateway_answers_bytes{state="undelivered"}': "600000000x5",
            'card_gateway_answers_bytes{state="refused"}': "600000000x5"},
        {'card_gateway_answers_bytes{state="delivered"}': "2000000000x5"},
    ),
}  # fmt: skip


def test_each_alert_has_a_case():
    assert list(CASES) == list(RULES)


def of_promtool(*words):
    if promtool() is None:
        pytest.skip(WITHOUT)
    return subprocess.run(
        [promtool(), *map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )


def test_prometheus_takes_the_file():
    done = of_promtool("check", "rules", FILE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


@pytest.mark.parametrize("alert", CASES)
def test_an_alert_is_raised_by_what_it_is_for_and_by_nothing_else(alert, tmp_path):
    minutes, raising, quiet = CASES[alert]
    firing = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": one, "values": values} for one, values in series.items()],
            "promql_expr_test": [
                {"expr": firing, "eval_time": f"{minutes}m",
                 "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}
            ],
        }
        for series, fires in ((raising, True), (quiet, False))
    ]  # fmt: skip
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(FILE)], "tests": tests}), encoding="utf-8")
    done = of_promtool("test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr
