"""Every way to take entries out of a short list and to put one or two in: one separator between any two."""

from __future__ import annotations

from itertools import combinations

import pytest

from gateway.codecs.edits import apply_edits
from gateway.codecs.sequence import Addition, edit_sequence


@pytest.mark.parametrize("length", range(6))
def test_p15_one_separator_stays_between_any_two_entries(length: int) -> None:
    entries = [b"%d" % place for place in range(length)]
    body = b"[" + b",".join(entries) + b"]"
    spans = [(1 + 2 * place, 2 + 2 * place) for place in range(length)]
    gone = [set(some) for count in range(length + 1) for some in combinations(range(length), count)]
    last = length - 1
    ways = [(), *((place,) for place in range(min(last, 0), length))]
    ways += [(one, other) for (one,) in ways[1:] for (other,) in ways[1:]]
    for removed in gone:
        for places in ways:
            added = [Addition(place, b"abc"[at : at + 1], b",") for at, place in enumerate(places)]
            edits = list(edit_sequence(spans, (1, len(body) - 1), removed, added))
            expected: list[bytes] = []
            for place in range(min(last, 0), length):
                expected += [entries[place]] if place >= 0 and place not in removed else []
                expected += [one.entry for one in added if one.place == place]
            assert apply_edits(body, edits).body == b"[" + b",".join(expected) + b"]"
