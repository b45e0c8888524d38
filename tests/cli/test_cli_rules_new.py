"""`card-gateway rules new`: what is proposed for recordings in the dialects of processors and channels."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import pytest

from gateway.cli.examples import run_examples
from gateway.cli.proposal.plan import Planned, plan
from gateway.cli.proposal.proof import prove
from gateway.cli.proposal.written import system_of, written
from gateway.cli.transcript import read
from gateway.cli.trying import try_message
from gateway.rules.load import load_pack_text
from tests.cli.proposals import FILES, FOLDER, expected, routes_of, told

REFUSED = {"redsys_json.http"}  # signed: what is proposed is to refuse it
LINES = 20  # of a route with its shape, without comments


def sides(routes: list[Planned]):
    return [
        (way, route, getattr(route, way)) for route in routes for way in ("request", "response")
    ]


def test_there_are_enough_dialects():
    assert len(FILES) >= 100
    assert set(expected()) == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_what_is_proposed(name):
    assert told(routes_of(name)) == expected()[name]


@pytest.mark.parametrize("name", [name for name in FILES if name not in REFUSED])
def test_p15_the_proposal_finds_every_card_and_changes_nothing_else(name):
    routes = routes_of(name)
    proven = prove(written(routes, system_of(routes)), routes)
    assert proven.wrong == ()
    assert proven.found == proven.cards > 0


# Two cards side by side in one form: what is pushed so is refused, and the command says so.
@pytest.mark.parametrize(
    "name", [name for name in FILES if name not in {*REFUSED, "two_cards_flat.http"}]
)
def test_p15_the_same_where_the_request_is_pushed(name):
    """Tokenized with insertions instead: the same shapes, the other way."""
    routes = plan(read(FOLDER / name), push=True, way=None)
    text = written(routes, system_of(routes))
    proven = prove(text, routes)
    assert proven.wrong == ()
    assert proven.found == proven.cards > 0


@pytest.mark.parametrize("name", FILES)
def test_p16_no_value_of_the_recording_is_in_the_proposal(name):
    routes = routes_of(name)
    text = written(routes, system_of(routes))
    names = {
        step.name
        for _, _, side in sides(routes)
        for m in side.messages
        for d in m.documents
        for leaf in d.taken.leaves
        for step in leaf.steps
    }
    paths = "".join(route.host + route.path for route in routes)
    for _, _, side in sides(routes):
        for message in side.messages:
            for document in message.documents:
                for leaf in document.taken.leaves:
                    value = leaf.text.strip()
                    if (
                        len(value) < 6
                        or value in " ".join(names)
                        or value in paths
                        or f"='{value}'" in text
                    ):
                        continue
                    assert value not in text
                for card in document.cards:
                    assert card.number.text not in text


@pytest.mark.parametrize("name", FILES)
def test_a_route_is_short(name):
    routes = routes_of(name)
    lines = written(routes, system_of(routes), examples=False).splitlines()
    yaml = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    assert len(yaml) <= LINES * max(1, len(routes)) + 4


@pytest.mark.parametrize("name", FILES)
def test_the_same_recording_gives_the_same_proposal(name):
    first, second = routes_of(name), routes_of(name)
    assert written(first, "same") == written(second, "same")


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in FILES
        if "form " in str(expected()[name]) or "json " in str(expected()[name])
    ],
)
def test_p15_readers_of_others_see_nothing_else_change(name):
    """Not our own readers: Python's json and urllib."""
    routes = routes_of(name)
    pack = load_pack_text(written(routes, system_of(routes)), "proposal")
    for rule, route in zip(pack.routes, routes, strict=True):
        for message in route.request.messages:
            if not message.cards:
                continue
            document = message.documents[0]
            if document.taken.format not in {"json", "form"} or route.pushed:
                continue
            if not route.request.acting or len(message.documents) > 1:
                continue
            card = document.cards[0].number
            token = b'"tok_1_Example000001"' if card.number else b"tok_1_Example000001"
            body = message.body.replace(card.text.strip().encode(), token, 1)
            _, trial = try_message(rule, "request", body)
            before, after = plain(body, message), plain(trial.after, message)
            fields = {leaf.name for one in document.cards for leaf in one.leaves}
            assert [one for one in before if one[0] not in fields and one not in after] == []
            assert trial.after.count(b"4111111111111111") > body.count(b"4111111111111111")


def plain(body, message):
    if message.documents[0].taken.format == "form":
        return parse_qsl(body.decode(), keep_blank_values=True)
    return list(flat(json.loads(body)))


def flat(value, name=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from flat(inner, name)
    else:
        yield name, value


@pytest.mark.parametrize("name", FILES)
def test_its_examples_come_out(name):
    routes = routes_of(name)
    pack = load_pack_text(written(routes, system_of(routes)), "proposal")
    assert [one.mistakes for one in run_examples(pack) if one.mistakes] == []
    assert pack.examples or name in REFUSED
