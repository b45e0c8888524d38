"""A processor in use and the packs: a request that no route takes, a token that no route finds."""

from __future__ import annotations

import shutil

import pytest

from gateway.errors import ConfigurationError
from gateway.processors.fit import misfits
from gateway.processors.load import ProcessorFiles, load_processor_text, load_processors
from gateway.rules.load import load_every_pack
from gateway.rules.match import Matcher
from gateway.rules.model import RuleSet
from tests.e2e.process import until
from tests.processors.orders import keep, order, run, set_credentials
from tests.processors.served import Gateway
from tests.running import ROOT

RULES = ROOT / "rules"
PACKS = load_every_pack(RULES)
MATCHER = Matcher(PACKS)
FILE = (RULES / "processors" / "sandbox.yaml").read_text(encoding="utf-8")


def without(system):
    return Matcher(RuleSet(tuple(pack for pack in PACKS.packs if pack.system != system)))


def told(text, matcher=MATCHER):
    return [str(one) for one in misfits(load_processor_text(text, "sandbox.yaml"), matcher)]


@pytest.mark.parametrize("name", ["bookingsync", "paycomet", "sandbox", "stripe"])
def test_the_shipped_ones_fit_the_shipped_packs(name):
    rules = load_processors(RULES)[name]
    assert misfits(rules, MATCHER) == []
    assert len(misfits(rules, without(name))) == len(rules.requests)


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        (".invalid/v1/cards", ".example/v1/cards", "no route of a pack takes POST https://processor.card-gateway.example/v1/cards"),
        (".invalid/v1/cards", ".invalid/v2/cards", "no route of a pack takes POST"),
        ("- post: https://processor.card-gateway.invalid/v1/cards", "- put: https://processor.card-gateway.invalid/v1/cards", "no route of a pack takes PUT"),
        ('number: "{token}"', 'pan: "{token}"', "/sandbox.yaml:16) does not find `{token}` where it stands"),
        ('number: "{token}"', 'number: "x{token}"', "does not find `{token}`"),
        ('number: "{token}"', 'iduser: "{token.iduser}", tokenuser: "{token.tokenuser}"', "does not find `{token.iduser}` and `{token.tokenuser}`"),
        (".invalid/v1/cards", ".invalid/v1/payments", "the route sandbox/payments"),
    ],
)  # fmt: skip
def test_a_misfit_is_told_with_its_line(was, now, says):
    assert was in FILE
    problems = told(FILE.replace(was, now, 1))
    assert len(problems) == 1
    assert says in problems[0]
    assert problems[0].startswith("sandbox.yaml:10:7: ")


def files(tmp_path, used, matcher=MATCHER):
    shutil.copytree(RULES / "processors", tmp_path / "processors")
    return ProcessorFiles(tmp_path, used, matcher)


def test_only_those_in_use_must_fit(tmp_path):
    assert set(files(tmp_path, {"seaside": "sandbox"}, without("stripe")).current) >= {"stripe"}


def test_one_in_use_without_its_pack_does_not_start(tmp_path):
    with pytest.raises(ConfigurationError, match="no route of a pack takes"):
        files(tmp_path, {"seaside": "stripe"}, without("stripe"))


def test_one_that_is_not_there_is_told_with_a_suggestion(tmp_path):
    with pytest.raises(ConfigurationError, match="product `seaside` names; did you mean `stripe`"):
        files(tmp_path, {"seaside": "strype"})


def test_p37_a_mistake_leaves_the_old_ones_where_they_are(tmp_path):
    loaded = files(tmp_path, {"seaside": "sandbox"})
    before, file = loaded.current, tmp_path / "processors" / "sandbox.yaml"
    for text in ("processor: sandbox\n", FILE.replace("/v1/cards", "/v9/cards")):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigurationError):
            loaded.read(MATCHER)
        assert loaded.current is before
    file.unlink()
    with pytest.raises(ConfigurationError, match="there is no processor `sandbox`"):
        loaded.read(MATCHER)
    file.write_text(FILE.replace("about: The", "about: This"), encoding="utf-8")
    assert loaded.take(loaded.read(MATCHER))
    assert loaded.current["sandbox"].about.startswith("This")
    assert not loaded.take(loaded.read(MATCHER))


def test_a_changed_file_counts_at_once_and_a_hotel_changes_its_processor_with_one_line(
    sandbox, tmp_path
):
    rules = tmp_path / "rules"
    shutil.copytree(RULES, rules)
    products = {
        "seaside": {"merchant_code": "s", "terminal": 1, "mode": "test", "processor": "sandbox"}
    }
    more = {
        "rules": str(rules),
        "hotels": {},
        "callers": {},
        "packs": ["sandbox", "stripe"],
        "drafts": [],
    }
    directory = tmp_path / "gateway"
    gateway = Gateway(directory, sandbox, products=products, **more)
    try:
        token = keep(gateway, "4012888888881881")
        set_credentials(gateway, "seaside", "sandbox")
        set_credentials(gateway, "seaside", "stripe")
        assert run(gateway, "debit", order(token)).processor_id.startswith("pay_")
        changed = FILE.replace("Bearer {credential.key}", "Bearer {credential.key}-new")
        said = len(gateway.logs.getvalue())  # by other gateways of this process too
        (rules / "processors" / "sandbox.yaml").write_text(changed, encoding="utf-8")
        assert until(10, lambda: "rules_loaded" in gateway.logs.getvalue()[said:])
        run(gateway, "debit", order(token))
        last = sandbox.received.requests("processor")[-1]
        assert last.header("authorization") == "Bearer sandbox-one-new"
    finally:
        gateway.stop(grace=0.5)
    products["seaside"]["processor"] = "stripe"
    gateway = Gateway(directory, sandbox, products=products, **more)
    try:
        assert run(gateway, "debit", order(token)).processor_id.startswith("pi_")
    finally:
        gateway.stop(grace=0.5)
