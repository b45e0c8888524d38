"""A story in numbered chapters whose every fact is checked while it is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.text import Text

from gateway.cli import spans

_INDENT: Final = 3
_TRUE: Final = "true"
_WIDTH: Final = 100  # of told sentences; messages are as wide as they are


@dataclass(frozen=True, slots=True)
class Fact:
    """Something told, what it should have been, what it was. Never holds a clear card number."""

    told: str
    expected: str
    got: str

    @property
    def as_told(self) -> bool:
        return self.expected == self.got

    def __str__(self) -> str:
        if self.expected == _TRUE:
            return self.told if self.as_told else f"{self.told}: that is not so"
        found = f"{self.told}: {self.got or 'nothing'}"
        return found if self.as_told else f"{found}, and not {self.expected}"


@dataclass(slots=True)
class Chapter:
    """A part of the story with its facts, in the order in which they were told."""

    number: int
    title: str
    sentences: tuple[str, ...]
    facts: list[Fact] = field(default_factory=list)


class Story:
    """Tells on `out`, or silently where there is none, and remembers every fact."""

    def __init__(self, out: Console | None = None, *, pause: float = 0.0) -> None:
        self._out, self._pause = out, pause
        self.chapters: list[Chapter] = []

    # --- telling --------------------------------------------------------------------------------

    def open(self) -> None:
        """The first lines: what this is, and how to read it."""
        self.line(
            "A hotel's software (PMS), its partners, and the card gateway between them.", "bold"
        )
        if self._out is None:
            return
        gone, come = ("red", "green") if self._coloured else ("[-these signs-]", "{+these+}")
        self.say(
            f"A message is shown before and after the gateway, only where it changed: {gone} left it, "
            f"{come} came in. ✓ is a fact that was checked while it was told, ✗ one that was not so."
        )

    def chapter(self, title: str, *sentences: str) -> None:
        """Begins a chapter; the one before has been read by then."""
        if self.chapters and self._pause:
            time.sleep(self._pause)
        chapter = Chapter(len(self.chapters) + 1, title, sentences)
        self.chapters.append(chapter)
        self._print("")
        self._print(f"{chapter.number}. {title}", "bold")
        self.say(*sentences)

    def say(self, *sentences: str) -> None:
        """Plain sentences."""
        if sentences:
            self._print(" ".join(sentences), indent=_INDENT, wrap=True)

    def show(self, text: str) -> None:
        """Something that a program printed, line by line. Card numbers in it are hidden."""
        for line in spans.hide_cards(text).splitlines():
            self._print(line, "cyan", indent=_INDENT + 2)

    def compare(self, left: tuple[str, str], right: tuple[str, str]) -> None:
        """A message before and after, each with its name. The part after hides clear numbers, also
        where they belong: a processor's card shows as 444433xxxxxx1111."""
        (name, before), (other, after) = left, right
        sides = spans.compare(before, spans.hide_cards(after))
        self._side(name, sides.before, "bold red", "[-", "-]")
        self._side(other, sides.after, "bold green", "{+", "+}")

    def check(self, told: str, got: object, expected: object = True) -> bool:
        """A fact: told, checked, remembered. Whether it was as told."""
        fact = Fact(told, _text(expected), _text(got))
        self.chapters[-1].facts.append(fact)
        mark, style = ("✓", "green") if fact.as_told else ("✗", "bold red")
        rest = Text(f" {fact}", style="" if fact.as_told else style)
        if self._out is not None:
            self._out.print(Text(" " * _INDENT) + Text(mark, style=style) + rest, soft_wrap=True)
        return fact.as_told

    def break_off(self, why: str) -> None:
        """The chapter could not be told to its end, which is not as told."""
        self.check("the chapter is told", why, "to its end")

    def line(self, text: str, style: str | None = None) -> None:
        """One line outside every chapter."""
        self._print(text, style)

    # --- afterwards -----------------------------------------------------------------------------

    @property
    def facts(self) -> list[Fact]:
        """All facts, in order."""
        return [fact for chapter in self.chapters for fact in chapter.facts]

    def not_as_told(self) -> list[str]:
        """What was not as told, each with its chapter."""
        return [
            f"{chapter.number}. {chapter.title}: {fact}"
            for chapter in self.chapters
            for fact in chapter.facts
            if not fact.as_told
        ]

    @property
    def _coloured(self) -> bool:
        return self._out is not None and bool(self._out.color_system) and not self._out.no_color

    # --- on paper -------------------------------------------------------------------------------

    def _side(
        self, name: str, lines: Sequence[spans.Line], style: str, opening: str, closing: str
    ) -> None:
        if self._out is None or not lines:
            return
        self._print(f"{name}", "dim italic", indent=_INDENT + 2)
        for line in lines:
            text = (
                spans.coloured(line, style)
                if self._coloured
                else Text(spans.plain(line, opening=opening, closing=closing))
            )
            self._out.print(Text(" " * (_INDENT + 5)) + text, soft_wrap=True)

    def _print(
        self, text: str, style: str | None = None, *, indent: int = 0, wrap: bool = False
    ) -> None:
        if self._out is None:
            return
        body = Text(text, style=style or "")
        if not wrap:
            self._out.print(Text(" " * indent) + body, soft_wrap=True)
            return
        width = min(_WIDTH, self._out.width) - indent
        for line in body.wrap(self._out, width):
            line.rstrip()
            self._out.print(Text(" " * indent) + line, soft_wrap=True)


def _text(value: object) -> str:
    """What a fact holds: readable, and without a clear number whatever it was read from."""
    if isinstance(value, bool):
        return _TRUE if value else "false"
    if isinstance(value, list):
        value = ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        value = ", ".join(f"{count} of {name}" for name, count in sorted(value.items())) or "none"
    return spans.hide_cards(str(value))
