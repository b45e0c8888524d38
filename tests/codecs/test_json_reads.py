"""How often an object's names are read: once, however many cards ask for them."""

from __future__ import annotations

import json
from collections import Counter

from gateway.codecs import open_document
from gateway.codecs.json_scan import Scan
from gateway.codecs.paths import parse_path

CARDS = 50


def test_a_large_object_around_the_cards_is_not_read_for_each_of_them(monkeypatch):
    """All of its names alone are more than are kept of others: it stays all the same."""
    cards = [{"n": str(number), "e": 1, "c": 2} for number in range(CARDS)]
    body = json.dumps({**{f"k{n}": 1 for n in range(99_990)}, "month": "08", "cards": cards})
    read: Counter[int] = Counter()
    names = Scan.names

    def counted(self, container, most):
        read[container] += 1
        return names(self, container, most)

    monkeypatch.setattr(Scan, "names", counted)
    document = open_document("json", body.encode())
    for card in document.select(parse_path("$.cards[*]", "json")):
        for path in ("n", "$.month", "e"):
            assert len(document.select(parse_path(path, "json"), card)) == 1
    assert max(read.values()) == 1
    assert len(read) == CARDS + 1
