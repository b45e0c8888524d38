"""`rules rehearse` foretells what the gateway does: the same answers through both, byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.cli.recorded import Recorded, as_it_was
from gateway.cli.rehearsal import Rehearsal
from gateway.exchange import Authority
from gateway.headers import Headers
from gateway.rules.load import load_every_pack
from gateway.rules.watch import Rules
from gateway.sandbox.scenarios import SCENARIOS
from tests.e2e.ota import timeless
from tests.e2e.problem import error_of

ROOT = Path(__file__).parent.parent.parent
# What a client can not read when nobody stands between, or what is about its time alone.
NOT_RECORDED = {"BOMB", "CODING", "STACKED", "CUT", "STATUSLINE", "TRAILERS", "SLOW", "DRIP"}
WHERE = Authority("https", "cmtpi.siteminder.com", 443)


@pytest.fixture(scope="module")
def rehearsed():
    """What a rehearsal makes of an answer of SiteMinder's."""
    rules = Rules(ROOT / "rules", load_every_pack)
    route = next(one for one in rules.current.routes if one.id == "siteminder/pull")
    rehearsal = Rehearsal(rules)

    def play(came):
        pairs = [(name.encode(), value.encode()) for name, value in came.headers.items()]
        head, _ = as_it_was(Headers(pairs), came.content)  # the client has undone its coding
        answer = Recorded(
            "response", 1, ROOT, 1, "POST", WHERE, "/x", came.status_code, head, came.content
        )
        return rehearsal.play(route, None, answer)

    return play


def nameless(body):
    """A body without the tokens' own values: those of a rehearsal are invented."""
    if body.startswith(b"\xff\xfe"):
        body = body.decode("utf-16").encode()
    body = re.sub(rb"<((?:\w+:)?(?:iduser|tokenuser))>[^<]*<", rb"<\1><", body)
    return timeless(body)


@pytest.mark.parametrize("hotel", sorted(SCENARIOS.keys() - NOT_RECORDED))
def test_p03_a_pull_is_foretold(gateway, sandbox, rehearsed, hotel):
    before = gateway.upstream_bytes(hotel)
    sandbox.reset()
    answer = gateway.pull(hotel)
    outcome = rehearsed(before)
    if outcome.refused is not None:
        assert error_of(answer) == outcome.refused.code
        return
    assert nameless(answer.content) == nameless(outcome.bodies[1])
    counts = outcome.counts
    told = f"found={counts.found} tokenized={counts.tokenized} failed={counts.failed}"
    assert f"{answer.headers['X-Gateway-Cards']} ".startswith(f"{told} ")


def test_what_is_foretold_has_cards(gateway, rehearsed):
    """The comparison above is of something."""
    assert rehearsed(gateway.upstream_bytes("10107")).counts.tokenized == 1
