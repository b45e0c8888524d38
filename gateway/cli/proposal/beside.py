"""What a proposal says of two cards flat beside each other in one node: `own_card`, and what is inserted for which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.cli.proposal.plan import Planned, Side
from gateway.cli.proposal.scalars import scalar
from gateway.cli.proposal.shapes import Draft

_IN_WORDS: Final = {
    "xml": (
        'xml: "<Card{n}Token>{{alias}}</Card{n}Token>"',
        'xml: "<Card{n}Error>{{error}}</Card{n}Error>"',
    ),
    "json": ('json: {{ card{m}_token: "{{alias}}" }}', 'json: {{ card{m}_error: "{{error}}" }}'),
}


def is_another(name: str, draft: Draft, routes: Sequence[Planned]) -> bool:
    """Whether a shape takes out another card than one before it, in the same node."""
    for route in routes:
        sides = [route.response, route.request] if route.pushed else [route.response]
        for side in sides:
            if name in side.names and _place(draft) in _before(side, name):
                return draft.flat
    return False


def _before(side: Side, name: str) -> list[tuple[object, ...]]:
    return [_place(one) for one in side.shapes[: side.names.index(name)] if one.flat]


def _place(draft: Draft) -> tuple[object, ...]:
    return (draft.layout, draft.booking, draft.card)


def insertions(side: Side) -> Iterator[str]:
    """What is inserted for each of the shapes' cards, by another name for each; nothing where no two cards
    stand beside each other."""
    named = zip(side.names, side.shapes, strict=True)
    drafts = {name: one for name, one in named if one.format in _IN_WORDS}
    if not any(one.flat for one in drafts.values()):
        return
    for key, which, note in (
        ("insert", 0, "   # the names are yours to choose"),
        ("on_failure", 1, ""),
    ):
        yield f"{key}:{note}"
        for n, (name, draft) in enumerate(drafts.items(), 1):
            words = _IN_WORDS[draft.format][which]
            told = words.format(n=n if n > 1 else "", m=f"_{n}" if n > 1 else "")
            yield f"  - {{ into: ., of: card, each: card, for: {scalar(name)}, {told} }}"
