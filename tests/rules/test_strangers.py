"""Any channel manager in twenty lines: packs of strangers' systems, through the whole pipeline."""

from __future__ import annotations

import pytest

from gateway.cli.recorded import Recorded
from gateway.cli.rehearsal import Rehearsal
from gateway.exchange import Authority
from gateway.headers import Headers
from gateway.rules.load import load_every_pack
from gateway.rules.watch import Rules
from tests.rules.strangers import files, messages_of, numbers_in, pack_of

PACKS = [pytest.param(file, id=file.stem) for file in files()]
MESSAGES = [
    pytest.param(file, message, id=f"{file.stem}-{n}")
    for file in files()
    for n, message in enumerate(messages_of(file), 1)
]


def test_there_are_many_systems():
    assert len(PACKS) >= 140


@pytest.mark.parametrize("file", PACKS)
def test_a_pack_takes_at_most_twenty_lines(file):
    lines = [
        line for line in pack_of(file).splitlines() if line.strip() and not line.startswith("#")
    ]
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 150


@pytest.mark.parametrize(("file", "message"), MESSAGES)
def test_p15_every_card_is_found_and_every_other_byte_stays(file, message, tmp_path):
    (tmp_path / "pack.yaml").write_text(pack_of(file), encoding="utf-8")
    rules = Rules(tmp_path, load_every_pack)
    route = next(one for one in rules.current.packs[0].routes if one.name == message.route)
    recorded = Recorded(
        message.way, 1, file, 1, method="POST", authority=Authority("https", "host.example", 443),
        path="/", status=200, body=message.before,
        headers=Headers([(b"Content-Type", message.label.encode())]),
    )  # fmt: skip
    asks = message.way == "request"
    outcome = Rehearsal(rules).play(route, recorded if asks else None, None if asks else recorded)
    assert (outcome.refused.code if outcome.refused else None) == message.refused
    if message.refused is None:
        assert outcome.bodies[0 if asks else 1] == message.after
        assert (outcome.counts.found, len(outcome.failures)) == (message.cards, message.failed)


@pytest.mark.parametrize(("file", "message"), MESSAGES)
def test_an_independent_finder_finds_no_other_card(file, message):
    """What the corpus marks is all there is: nobody forgot to mark one."""
    text = message.before.decode("utf-16" if message.before[:2] == b"\xff\xfe" else "latin-1")
    assert numbers_in(text) - numbers_in(message.marked) - message.stays == set(), file.name
