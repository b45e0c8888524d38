"""What a text is called: its own name, or what stands beside it or above where that says nothing."""

from __future__ import annotations

import re
from typing import Final

from gateway.cli.proposal import iso8583, words
from gateway.cli.proposal.leaves import Leaf, Steps, Taken

_WORD: Final = re.compile(r"(?!.*[0-9]{3})[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_SAID_BY: Final = frozenset(
    {"name", "key", "field", "id", "label", "param", "fieldname", "fieldid"}
)


def said_by(taken: Taken, steps: Steps) -> tuple[int, str, str, str] | None:
    """Where a field beside says what a text is (`<name>cc</name><value>…`): how many steps lead to the node
    that says it, `@` where an attribute does, its name, and its text, which is what a card's field is called."""
    for length in range(len(steps), max(len(steps) - 4, 0), -1):
        if steps[length - 1].axis not in {"element", "item"}:
            continue
        for leaf in taken.index.beside(steps[:length]):
            if leaf.steps == steps:
                continue
            said = leaf.text.strip()
            if words.squash(leaf.name) not in _SAID_BY or not _WORD.fullmatch(leaf.name):
                continue
            numbered = taken.numbered and bool(iso8583.number_of(said))
            if not (_WORD.fullmatch(said) or numbered):
                continue
            if numbered or words.names_field(said):
                at = "@" if leaf.steps[-1].axis == "attribute" else ""
                return length, at, leaf.name, said
    return None


def called(taken: Taken, leaf: Leaf) -> str:
    """What a text is called: its name, or what stands beside it, or above, where that says nothing."""
    name = leaf.name
    if taken.numbered:
        said = said_by(taken, leaf.steps)
        known = iso8583.meaning(said[3]) if said is not None else iso8583.meaning(name)
        if known:
            return known
    if not words.is_generic(name):
        return name
    said = said_by(taken, leaf.steps)
    if said is not None:
        return said[3]
    above = [step.name for step in leaf.steps if step.name][:-1]
    return f"{above[-1]}_{name}" if above else name
