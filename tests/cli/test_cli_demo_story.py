"""How the demo is told: colours, what changed, and that no clear number is shown or left in a file."""

from __future__ import annotations

import io
import sqlite3
import time
from contextlib import closing

import pytest
from rich.console import Console

from gateway.cards.scan import find_cards
from gateway.cli import (
    demo,
    spans,
)
from gateway.cli.demo_scan import finds_a_decoy, look
from gateway.cli.demo_scene import NoSequel
from gateway.cli.story import Story
from gateway.sandbox.cards import MASTERCARD, VISA

# --- the teller ---------------------------------------------------------------------------------


def terminal(width=100):
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        width=width,
        highlight=False,
    )


def test_on_a_terminal_changed_spans_are_coloured():
    out = terminal()
    story = Story(out)
    story.chapter("One")
    story.compare(("before", f'<a n="{VISA}"/>'), ("after", '<a n="444433******1111"/>'))
    text = out.file.getvalue()
    assert f"\x1b[1;31m{VISA}" in text
    assert "\x1b[1;32m444433******1111" in text
    assert "[-" not in text
    assert "{+" not in text


def test_the_part_after_never_shows_a_clear_number():
    out = Console(file=io.StringIO(), width=100)
    Story(out).compare(("before", "number=tok_1_x"), ("after", f"number={VISA}"))
    text = out.file.getvalue()
    assert VISA not in text
    assert "{+444433xxxxxx1111+}" in text


def test_a_fact_never_holds_a_clear_number():
    story = Story()
    story.chapter("One")
    assert not story.check("the number", VISA, MASTERCARD)
    assert VISA not in str(story.not_as_told())
    assert MASTERCARD not in str(story.not_as_told())


def test_a_chapter_that_breaks_off_is_not_as_told():
    def chapter(scene):
        scene.story.chapter("One")
        raise NoSequel("nothing came")

    class Stage:
        story = Story()

    demo._play(chapter, Stage)
    (wrong,) = Stage.story.not_as_told()
    assert wrong == "1. One: the chapter is told: nothing came, and not to its end"


def test_slow_waits_after_each_chapter(monkeypatch):
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    story = Story(pause=3.0)
    story.chapter("One")
    story.chapter("Two")
    assert waited == [3.0]


def changed(lines):
    return [piece.text for line in lines for piece in line if piece.changed]


@pytest.mark.parametrize(
    ("before", "after", "gone", "come"),
    [
        ("same", "same", [], []),
        ('<a n="1" c="2"/>', '<a n="3"/>', ["1", ' c="2"'], ["3"]),
        ("<a></a>", "<a><b>1</b></a>", [], ["<b>1</b>"]),
        ('{"n": "1",\n "c": "2",\n "d": 1}', '{"n": "x",\n "d": 1}', ["1", '"c": "2"'], ["x"]),
        ("", "new", [], ["new"]),
    ],
)
def test_what_changed(before, after, gone, come):
    sides = spans.compare(before, after)
    assert changed(sides.before) == gone
    assert changed(sides.after) == come


def test_only_lines_with_a_change_and_no_more_of_a_long_one_than_needed():
    filler = " ".join(f"word{n}" for n in range(100))
    before = f"first\n    {filler} old {filler}\nlast"
    sides = spans.compare(before, before.replace(" old ", " new "))
    ((start, piece, end),) = sides.before
    assert piece.text == "old"
    assert start.text.startswith("…")
    assert end.text.endswith("…")
    assert len(start.text) + len(end.text) < 140


@pytest.mark.parametrize("text", [VISA, "4444 3333 2222 1111", "%34444333322221111", "a\n" + VISA])
def test_hidden(text):
    hidden = spans.hide_cards(f"<{text}>")
    assert text not in hidden
    assert "x" in hidden


# --- the search ---------------------------------------------------------------------------------


def test_the_search_finds_and_skips(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "pack.yaml").write_text(VISA)
    (tmp_path / "a.log").write_text(f"nothing\n{VISA}\n")
    (tmp_path / "b.log").write_text(f"id 9{VISA}9\n")  # inside a longer run: only known ones
    looked = look(tmp_path, known=(VISA,), skip=tmp_path / "rules")
    assert looked.files == ("a.log", "b.log")
    assert {one.partition(":")[0] for one in looked.clear} == {"a.log", "b.log"}
    assert not any(VISA in one for one in looked.clear)
    assert looked.unreadable == ()
    assert finds_a_decoy(VISA)


def test_values_side_by_side_in_a_database_are_no_card_but_a_known_number_is(tmp_path):
    """A sealed value that ends in a digit, a departure, and a day: a number of a Mir card."""
    file = tmp_path / "vault.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE link (sealed BLOB, departure TEXT, seen TEXT)")
        values = (b"\xff2", "2027-03-15", "2026-11-22T04:00:00Z")
        database.execute("INSERT INTO link VALUES (?, ?, ?)", values)
    assert find_cards(file.read_bytes())
    assert look(tmp_path, known=(VISA,)).clear == ()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("INSERT INTO link VALUES (?, 'here', 'now')", (VISA.encode(),))
        database.execute("DELETE FROM link WHERE departure = 'here'")
    assert look(tmp_path, known=(VISA,)).clear == ("vault.db: 444433******1111",)
