"""The finder: both sides of the corpus, windows, random spellings, and a second opinion."""

from __future__ import annotations

import base64
import itertools
import random
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.cards import pan, scan
from gateway.cards.near import Piece
from gateway.cards.scan import find_cards, has_long_number
from gateway.errors import CardDisguised
from gateway.stages.guard import guard_body
from tests.cards.card_spellings import SEPARATORS, SPELLINGS, luhn_completed, second_opinion

CORPUS = Path(__file__).parent.parent / "corpus" / "guard"
SAMPLES = Path(__file__).parents[3] / "shared" / "samples"


def table(name):
    for line in (CORPUS / name).read_text().splitlines():
        if not line.startswith("#"):
            first, text, *rest = line.split("\t")
            yield pytest.param(
                text.encode().decode("unicode_escape").encode("latin-1"), *rest, id=first
            )


def digits(found):
    return " ".join(one.digits.reveal() for one in found) or "-"


@pytest.mark.parametrize(("text", "numbers", "views"), list(table("found.tsv")))
def test_p11_found(text, numbers, views):
    found = find_cards(text)
    assert digits(found) == numbers
    assert (" ".join(one.view for one in found) or "-") == views
    for one in found:
        assert one.in_place == (one.view != "base64")
        assert not one.known
        assert one.start >= 0
        assert one.end <= len(text)
        if one.in_place:
            assert len(one.spans) == len(one.digits.reveal())


@pytest.mark.parametrize(("text",), list(table("untouched.tsv")))
def test_p15_untouched(text):
    assert find_cards(text) == []


@pytest.mark.parametrize("where", [0, 1, 100, 32750, 32768, 33270, 65530, 98304])
@pytest.mark.parametrize(
    "card",
    [b"4111111111111111", b"4111 1111 1111 1111", b"&#52;" * 1 + b"111111111111111"],
    ids=["plain", "spaced", "reference"],
)
def test_p11_wherever_windows_end(where, card):
    body = b"x" * where + b"|" + card + b"|" + b"y" * 40000
    assert digits(find_cards(body)) == "4111111111111111"
    assert find_cards(body)[0].start == where + 1


@pytest.mark.parametrize("length", [8180, 8192, 8200, 16384, 40000])
def test_p11_known_at_the_end_of_a_long_run(length):
    body = b"1" * length + b"4000000000000002"
    found = find_cards(body, known=["4000000000000002"])
    assert digits(found) == "4000000000000002"
    assert found[0].start == length
    assert found[0].known


def test_p15_a_seam_makes_no_number():
    """Long runs are read in parts; what a part begins with may be the end of something longer."""
    seam = scan._MOST - scan._SEAM
    body = b"9" * seam + b"4111111111111111" + b" 1" + b" 12" * 500
    assert [start for start, _ in scan._stretches(body)] == [0, seam]  # the case is what it says
    assert find_cards(body) == []
    assert digits(find_cards(body[:seam] + b"|" + body[seam:])) == "4111111111111111"


def test_p11_known_needs_no_luhn_and_wins():
    assert digits(find_cards(b"x4111111111111112y", known=["4111111111111112"])) != "-"
    both = find_cards(b"4111111111111111 4111111111111112", known=["4111111111111112"])
    assert [one.known for one in both] == [False, True]
    twice = find_cards(b"9" * 16, known=["9" * 12])
    assert len(twice) == 1  # two that overlap are one


def test_p11_long_texts_of_marks():
    for filler in (
        b"&#1074;&#53;x",
        b"%35%41",
        b"\\u0035z",
        b"5<!-- -->x5",
        b"5 <?a?>5z",
        b"\xef\xbc\x95a",
    ):
        body = filler * 9000 + b" &#52;111-11<!-- -->11-1111-1111 " + filler * 9000
        assert digits(find_cards(body)) == "4111111111111111", filler


def test_p11_long_comments_and_none_that_end():
    split = b"4111" + b"<!--" + b"x" * 3_000_000 + b"-->" + b"111111111111"
    assert digits(find_cards(split)) == "4111111111111111"
    assert find_cards(b"1<!--" * 20000) == []
    assert find_cards(b"1<?" * 20000) == []
    assert digits(find_cards(b"4<!-- 4111<!-- 3 -->1111 1111 1111 111")) == "4111111111111111"


def test_p11_interleaved_numbers_both_count():
    found = find_cards(b"4111<!-- 5555555555554444 -->1111 11111111")
    assert sorted(digits(found).split()) == ["4111111111111111", "5555555555554444"]


def test_p11_base64_that_holds_a_message():
    inner = b'{"holder":"Ann","pan":"\\u0034111111111111111","note":"' + b"n" * 200 + b'"}'
    once = base64.b64encode(inner)
    assert digits(find_cards(b"data=" + once)) == "4111111111111111"
    assert digits(find_cards(base64.b64encode(once))) == "4111111111111111"
    assert digits(find_cards(base64.encodebytes(inner))) == "4111111111111111"
    in_json = base64.encodebytes(inner).replace(b"\n", b"\\n")
    assert digits(find_cards(in_json)) == "4111111111111111"


def test_p11_base64_longer_than_a_piece():
    inner = random.Random(2).randbytes(150_000) + b" \\u0034111111111111111 " + b"\xff" * 90_000
    assert "4111111111111111" in digits(find_cards(base64.b64encode(inner)))
    assert "4111111111111111" in digits(find_cards(base64.urlsafe_b64encode(inner)))


def test_has_long_number():
    assert has_long_number(b"id 123456789012")
    assert has_long_number(b"&#49;23456789012")
    assert has_long_number(base64.b64encode(b"123456789012"))
    assert has_long_number(base64.b64encode(b"x" * 150 + b"123456789012"))
    assert has_long_number(base64.b64encode(b"x" * 150 + b"\\u003123456789012"))
    assert not has_long_number(b"id 12345678901, 2026-03-12T10:11:12Z")
    assert not has_long_number(base64.b64encode(b"x" * 300))
    assert not has_long_number(base64.b64encode(base64.b64encode(base64.b64encode(b"x" * 300))))


def test_a_finding_shows_no_digits():
    assert "4111" not in repr(find_cards(b"4111111111111111"))


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples carry their owners' licences")
def test_p15_only_card_fields_of_real_messages():
    """Every finding in the samples was looked at: all stand in card fields, none is anything else."""
    seen = set()
    for file in sorted(SAMPLES.rglob("*.*")):
        if file.is_file():
            seen |= {one.digits.reveal() for one in find_cards(file.read_bytes())}
    assert seen == {
        "4111111111111111", "5413541354135413", "4242424242424242", "4321432143214327",
        "4010401040104010", "4580458045804580", "4000002500003155",
    }  # fmt: skip


# --- random spellings -------------------------------------------------------------------------------

cards = st.builds(
    luhn_completed,
    st.sampled_from(["4", "51", "2221", "6011", "62", "3530"]),
    st.just(16),
    st.integers(0, 10**16),
) | st.builds(luhn_completed, st.sampled_from(["34", "37"]), st.just(15), st.integers(0, 10**15))
around = st.sampled_from([b"", b" ", b'"', b"<a>", b"</a>", b"note: ", b"\n", b"x", b"|", b";"])


@st.composite
def spelled(draw):
    number = draw(cards)
    separator = draw(st.sampled_from(SEPARATORS))
    spellings = draw(st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=3))
    out = b""
    for place, digit in enumerate(number):
        if place and place % 4 == 0 and separator:
            out += separator
        out += draw(st.sampled_from(spellings))(digit)
    return number, draw(around) + out + draw(around)


@settings(max_examples=400, deadline=None)
@given(spelled(), st.integers(0, 40000))
@example(("4111111111111111", b"x&#52;111111111111111"), 0)
def test_p11_any_spelling_is_caught(case, before):
    number, text = case
    body = b"." * before + b"#" + text + b"#"
    assert number in digits(find_cards(body)).split(), text
    assert number in digits(find_cards(body, known=[number])).split()


@settings(max_examples=400, deadline=None)
@given(
    st.lists(spelled().map(lambda case: case[1]), min_size=1, max_size=2),
    st.sampled_from([b"|", b'","', b"</a><a>"]),
)
@example([b"4000000006185<!-- x -->0<!-- x -->0<!-- x -->5<!-- x -->"], b"|")
def test_p11_nothing_that_a_second_reader_sees_is_missed(texts, between):
    body = between + between.join(texts) + between
    found = {one.digits.reveal() for one in find_cards(body)}
    assert second_opinion(body)
    assert second_opinion(body) <= found


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *"0123456789 -|",
                "4111111111111111",
                "&#52;",
                "%34",
                "\\u0034",
                "<!-- x -->",
                "&#160;",
                "%20",
            ]
        ),
        max_size=40,
    )
    .map("".join)
    .map(str.encode)
)
@example(b"&#52;111111111111111")
@example(b"4111111111111111&#52;09")  # one number of 16 digits, spelled out one of 19
def test_p11_a_second_reader_on_noise(text):
    """Two readings may share digits: what counts is that nothing is left to read."""
    try:
        left = guard_body(text, None, {}).body
    except CardDisguised:
        return
    assert not second_opinion(left, edge=r"[0-9 .+\-\u00a0]")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2000))
def test_p15_findings_are_plausible_and_lie_inside(data):
    last = -1
    for one in find_cards(data):
        assert pan.is_plausible(one.digits.reveal())
        assert 0 <= one.start < one.end <= len(data)
        assert one.start > last or not one.in_place
        last = one.start


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["NDEx", "MTEx", "ICI0"]),
    st.integers(0, 3),
    cards,
)
def test_p11_base64_at_each_alignment(prefix, shift, number):
    raw = base64.b64encode(b"x" * shift + number.encode() + b"y")
    assert number in digits(find_cards(b"value=" + raw + b";")).split()


@pytest.mark.parametrize("size", [1 << 14, 1 << 16])
def test_blocks_of_any_size_find_the_same(monkeypatch, size):
    body = (b"a" * 997 + b",4111 1111 1111 1111," + b"2013-03-12 " * 50) * 40
    before = [one.spans for one in find_cards(body)]
    monkeypatch.setattr(scan, "_BLOCK", size)
    assert [one.spans for one in find_cards(body)] == before
    assert len(before) == 40


@pytest.mark.parametrize(
    "text", [b"378282246310005", b"3782 822463 10005", b"ref 99 378282246310005"]
)
def test_p11_known_numbers_of_two_lengths(text):
    """A shorter one at the end of a run is not taken for the beginning of a longer one."""
    known = ("4111111111111111", "378282246310005")
    (found,) = find_cards(b"<a>note " + text + b" end</a>", known=known)
    assert (found.digits.reveal(), found.known) == ("378282246310005", True)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(SPELLINGS), st.sampled_from("0123456789"), st.sampled_from(SEPARATORS)
        )
        | st.binary(max_size=6),
        max_size=40,
    ),
    st.integers(1, 3),
)
def test_p11_what_is_read_first_is_the_text_that_is_looked_into(spelled, cuts):
    """Only a text that holds a long number is read sign by sign: both must read the same text."""
    body = b"".join(one if isinstance(one, bytes) else one[0](one[1]) + one[2] for one in spelled)
    edges = [len(body) * at // cuts for at in range(cuts + 1)]
    piece = Piece(tuple(itertools.pairwise(edges)), 0, len(body))
    texts = [decoded.text for decoded in scan._levels(body, piece)]
    assert list(scan._texts(body, piece)) == texts
