"""A number that this exchange put in, in pieces: a processor's error page, a number written as an amount."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cards.scan import find_cards
from gateway.errors import CardDisguised
from gateway.stages.guard import guard_body

PAN = "4539578763621486"
ALIAS = "tok_77_AbCdEfGhIjKlM"
PUT_IN = {PAN: ALIAS}
BETWEEN = (
    "/", "_", ",", ", ", "'", "|", ":", "~", "\u2022", "\u00b7", "\u2019", "\u202a", "\u2066", "    ", "*", "#",
    "=\r\n", "=\n", "<br>", "<br/>\n", "<wbr>", "</b> <b>", '</span><span class="group">', "&lrm;",
    "&ZeroWidthSpace;", "&numsp;", ")(", '","', "\\/",
)  # fmt: skip


def pieces(*sizes, by):
    at, parts = 0, []
    for size in sizes:
        parts.append(PAN[at : at + size])
        at += size
    assert at == len(PAN)
    return by.join(parts)


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("sizes", [(4, 4, 4, 4), (1, 3, 3, 3, 3, 3), (6, 10), (2,) * 8])
def test_p11_a_known_number_is_found_whatever_stands_between_its_pieces(between, sizes):
    body = f"<p>Card {pieces(*sizes, by=between)}.</p>".encode()
    (one,) = find_cards(body, known=PUT_IN)
    assert (one.digits.reveal(), one.known) == (PAN, True)
    guarded = guard_body(body, None, PUT_IN)
    assert guarded.echoed == 1
    assert ALIAS.encode() in guarded.body
    assert guarded.body.startswith(b"<p>Card ")
    assert guarded.body.endswith(b".</p>")
    assert not any(digit in guarded.body.replace(ALIAS.encode(), b"") for digit in b"0123456789")


@pytest.mark.parametrize(
    ("format", "body", "outcome"),
    [
        ("json", '{"m": "card 4,539,578,763,621,486 declined"}', f'{{"m": "card {ALIAS} declined"}}'),
        ("json", r'{"m": "4539\/5787\/6362\/1486"}', f'{{"m": "{ALIAS}"}}'),
        ("json", '{"m": [4539, 5787, 6362, 1486]}', f'{{"m": ["{ALIAS}"]}}'),
        ("json", '{"m": ["4539", "5787", "6362", "1486"]}', None),
        ("json", r'{"m": "4539\u002f5787\u002f6362\u002f1486"}', f'{{"m": "{ALIAS}"}}'),
        ("form", "a=b&m=4539%2C5787%2C6362%2C1486", f"a=b&m={ALIAS}"),
        ("form", "a=b&m=4539,5787,6362,1486&c=d", f"a=b&m={ALIAS}&c=d"),
        ("xml", "<a><b>4539</b><b>5787</b><b>6362</b><b>1486</b></a>", f"<a><b>{ALIAS}</b><b></b><b></b><b></b></a>"),
        ("xml", "<a b='4539&#44;5787&#44;6362&#44;1486'/>", f"<a b='{ALIAS}'/>"),
    ],
)  # fmt: skip
def test_p11_p15_in_its_format_it_becomes_its_alias_or_is_refused(format, body, outcome):
    if outcome is None:
        with pytest.raises(CardDisguised):
            guard_body(body.encode(), format, PUT_IN)
        return
    guarded = guard_body(body.encode(), format, PUT_IN).body.decode()
    assert guarded == outcome
    if format == "json":
        json.loads(guarded)


@pytest.mark.parametrize(
    "body",
    [
        "453957******1486",
        "4539********1486, 4539********5787",
        "45395787xxxx 63621486",  # letters
        '{"first": "45395787", "last": "63621486"}',
        "453957876362" + "-" * 97 + "1486",
        ",".join(PAN),  # sixteen pieces are a list of numbers
        "4539578763621485, 4539 5787 6362 1485",
        "6814 1263 6787 5934",
    ],
)
def test_p15_what_is_no_known_number_stays(body):
    known = {PAN, "424242424242424242"}
    assert not any(one.known for one in find_cards(body.encode(), known=known))


def test_p15_a_masked_number_beside_another_is_none():
    masks = b"424242******4242, 424242******4242 / 424242******4242"
    assert find_cards(masks, known={"4242424242424242"}) == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(1, 15), min_size=1, max_size=7, unique=True).map(sorted),
    st.lists(st.sampled_from(BETWEEN), min_size=7, max_size=7),
    st.text(st.characters(codec="utf-8", exclude_categories=["N"]), max_size=30),
)
def test_p11_any_pieces(cuts, between, around):
    edges = [0, *cuts, 16]
    parts = [PAN[start:end] for start, end in pairwise(edges)]
    number = "".join(part + gap for part, gap in zip(parts, between, strict=False))
    number += "" if len(parts) <= len(between) else parts[-1]
    found = find_cards((around + number + around).encode(), known=PUT_IN)
    assert [one.digits.reveal() for one in found if one.known] == [PAN]


def test_p11_at_every_edge_of_what_is_looked_at_at_once():
    number = pieces(4, 4, 4, 4, by=", ").encode()
    for before in range((1 << 18) - 30, (1 << 18) + 3, 3):
        found = find_cards(b"x" * before + number + b"x" * 2000, known=PUT_IN)
        assert [(one.start, one.end) for one in found] == [(before, before + len(number))]


def test_it_costs_no_more_the_more_often_it_stands_there():
    def spent(times):
        body = (pieces(4, 4, 4, 4, by=",") + "; ").encode() * times
        start = time.process_time()
        assert len(find_cards(body, known=PUT_IN)) == times
        return time.process_time() - start

    spent(100)
    few = min(spent(1000) for _ in range(3))
    assert min(spent(10_000) for _ in range(3)) < 30 * few


def test_numbers_that_could_begin_at_each_second_digit_are_found_once():
    found = find_cards(b"4242," * 4000, known=["4242424242424242"])
    assert [(one.start, one.end) for one in found] == [(at, at + 19) for at in range(0, 20_000, 20)]
