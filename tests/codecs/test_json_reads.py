"""How often an object's names are read: once, however many cards ask for them."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from gateway.codecs import open_document
from gateway.codecs.json_scan import Scan
from gateway.codecs.paths import parse_path

CARDS = 50


@pytest.mark.parametrize("sizes", [(99_990, 1), (60_000, 60_000)])
def test_large_objects_around_the_cards_are_not_read_for_each_of_them(monkeypatch, sizes):
    """Their names alone are as many as are kept of others, or more: they stay all the same."""
    around = {
        f"a{which}": {**{f"k{n}": 1 for n in range(size)}, "month": "08"}
        for which, size in enumerate(sizes)
    }
    body = json.dumps({**around, "cards": [{"n": str(n), "e": 1, "c": 2} for n in range(CARDS)]})
    read: Counter[int] = Counter()
    names = Scan.names

    def counted(self, container, most):
        read[container] += 1
        return names(self, container, most)

    monkeypatch.setattr(Scan, "names", counted)
    document = open_document("json", body.encode())
    for card in document.select(parse_path("$.cards[*]", "json")):
        for path in ("n", "$.a0.month", "e", "$.a1.month", "c"):
            assert len(document.select(parse_path(path, "json"), card)) == 1
    assert max(read.values()) == 1
    assert len(read) == CARDS + 3
