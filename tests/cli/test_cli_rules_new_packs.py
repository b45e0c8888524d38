"""What `rules new` makes of the shipped packs' own examples: it finds the cards that the packs find."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.proposal.plan import plan
from gateway.cli.proposal.proof import prove
from gateway.cli.proposal.written import written
from gateway.cli.recorded import Recorded
from gateway.cli.trying import try_message
from gateway.errors import GatewayError
from gateway.rules.load import load_every_pack
from gateway.rules.model import Example, Pack

ROOT = Path(__file__).parent.parent.parent
# `token` holds a card's number there, and nobody else calls one so; a card whose expiry is no month.
KNOWN = {"octorate": 1, "siteminder": 1}


def examples() -> Iterator[tuple[Pack, Example]]:
    for pack in load_every_pack(ROOT / "rules").packs:
        for example in pack.examples:
            yield pack, example


def cards_of(pack: Pack, example: Example) -> tuple[bytes, int, bool]:
    """The message with its cards in it, how many they are, and whether it is pushed."""
    route = next(one for one in pack.routes if one.name == example.route)
    body = example.message.encode()
    try:
        action, trial = try_message(route, example.direction, body)
    except GatewayError:
        return body, 0, False
    if action == "detokenize":
        return trial.after, len(trial.cards), False
    clear = sum(not card.left_alone and card.failure is None for card in trial.cards)
    return body, clear if action == "tokenize" else 0, example.direction == "request"


@pytest.mark.parametrize("system", sorted({pack.system for pack, _ in examples()}))
def test_p15_the_proposal_finds_what_the_shipped_pack_finds(system):
    missed = looked_at = 0
    for pack, example in examples():
        body, cards, pushed = cards_of(pack, example)
        if pack.system != system or not cards:
            continue
        looked_at += 1
        recorded = Recorded(example.direction, 1, Path("example"), 1, body=body)
        routes = plan([recorded], push=pushed, way=None)
        proven = prove(written(routes, "proposed"), routes)
        missed += not proven.good or proven.found != cards
    assert missed == KNOWN.get(system, 0)
    assert looked_at or system in {"paycomet", "redsys", "travelgate", "channelconnect"}
