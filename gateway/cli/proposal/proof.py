"""Whether a proposed pack does what it should with the very message that it was made of.

1. It loads, its examples come out, and its routes take what was asked for.
2. On the route's own path through the codecs and stages it finds each card that was found here.
3. It changes their texts and no other one: what the message says before and after is compared, text by
   text, with everything that `rules new` has read in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.cards import pan
from gateway.cli.examples import run_examples
from gateway.cli.outside import find_outside
from gateway.cli.proposal.leaves import Leaf, Steps, Taken, take_apart
from gateway.cli.proposal.messages import Message
from gateway.cli.proposal.plan import Planned
from gateway.cli.proposal.shapes import Layer
from gateway.cli.proposal.texts import in_columns, same_but
from gateway.cli.trial import example_token
from gateway.cli.trying import try_message
from gateway.codecs import base64
from gateway.codecs.document import Change, Document, Known, Node, Set
from gateway.codecs.envelope import open_layout
from gateway.errors import ConfigurationError, GatewayError, LabelWrong, TargetAmbiguous
from gateway.rules.load import load_pack_text
from gateway.rules.match import allows
from gateway.rules.model import Route
from gateway.rules.model_shapes import Shape
from gateway.stages import labels
from gateway.stages.messages import layout_of
from gateway.stages.select import bookings_of


@dataclass(frozen=True, slots=True)
class Proven:
    """What was seen: cards that the rules find, of how many; what is wrong; what stands elsewhere."""

    found: int = 0
    cards: int = 0
    wrong: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()  # requests whose Content-Type says another format
    targets: tuple[str, ...] = ()  # requests whose URL can be read in two ways

    @property
    def good(self) -> bool:
        """Whether the rules find every card and touch nothing else."""
        return not self.wrong and self.found == self.cards


def prove(text: str, routes: Sequence[Planned]) -> Proven:
    """Puts the recording through the pack. Raises nothing that is foreseen."""
    try:
        pack = load_pack_text(text, "the proposal")
    except ConfigurationError as error:
        return Proven(wrong=tuple(f"line {one.line}: {one.message}" for one in error.problems))
    wrong = [
        f"example, line {one.example.source}: {one.mistakes[0]}"
        for one in run_examples(pack)
        if one.mistakes
    ]
    found = cards = 0
    outside: list[str] = []
    targets: list[str] = []
    for route, planned in zip(pack.routes, routes, strict=True):
        missed, ambiguous = _targets(route, planned)
        wrong += missed
        targets += ambiguous
        for side in (planned.request, planned.response):
            for message in side.messages:
                cards += message.cards if side.acting else 0
                if side.acting and message.cards:
                    seen, mistakes, elsewhere = _prove_message(route, planned, message)
                    found += seen
                    wrong += mistakes
                    outside += elsewhere
    told = tuple(dict.fromkeys(outside))
    return Proven(found, cards, tuple(wrong), told, _labels(routes), tuple(targets))


def _targets(route: Route, planned: Planned) -> tuple[list[str], list[str]]:
    """The requests whose URL the route does not take, and those that no route takes, for it can be read in
    two ways. A recording of plain HTTP has another scheme than any target."""
    missed, ambiguous = [], []
    for message in planned.request.messages:
        authority, path = message.recorded.authority, message.recorded.path
        if route.to is None or authority is None or authority.scheme != "https":
            continue
        try:
            if not allows(route, authority, authority.host, path):
                missed.append(f"{message.recorded.place}: the proposed URL does not take it")
        except TargetAmbiguous:
            ambiguous.append(message.recorded.place)
    return missed, ambiguous


def _labels(routes: Sequence[Planned]) -> tuple[str, ...]:
    """Where the gateway would refuse a charge for its label, which no rule can mend."""
    wrong = []
    for route in routes:
        for message in route.request.messages if route.request.acting and not route.pushed else ():
            headers = message.recorded.headers
            try:
                if message.cards and "Content-Type" in headers:
                    taken = message.documents[0].taken
                    labels.check(headers, taken.format, message.recorded.body)
            except LabelWrong:
                wrong.append(message.recorded.place)
    return tuple(wrong)


def examples_fail(text: str) -> bool:
    """Whether a pack's examples do not come out, or it does not load with them."""
    try:
        return any(one.mistakes for one in run_examples(load_pack_text(text, "the proposal")))
    except ConfigurationError:
        return True


def _prove_message(
    route: Route, planned: Planned, message: Message
) -> tuple[int, list[str], list[str]]:
    expected = {card.number.steps for one in message.with_cards for card in one.cards}
    ours = {leaf.steps for one in message.with_cards for card in one.cards for leaf in card.leaves}
    place = f"{message.recorded.place} ({message.way})"
    try:
        if message.way == "request" and not planned.pushed:
            body, count = _with_tokens(route, message)
            _, trial = try_message(route, message.way, body)
            seen = min(count, len(trial.cards))
        else:
            body = message.body
            _, trial = try_message(route, message.way, body)
            seen = sum(not card.left_alone and card.failure is None for card in trial.cards)
    except GatewayError as error:
        return 0, [f"{place}: the gateway refuses it with {error.code}: {error.text}"], []
    wrong = []
    failed = [card.failure.value for card in trial.cards if card.failure is not None]
    if failed:
        wrong.append(f"{place}: {len(failed)} of its cards fail: {', '.join(sorted(set(failed)))}")
    if message.left_out:
        wrong.append(
            f"{place}: cards stand in documents of two kinds; a route has one kind of shapes"
        )
    if seen != len(expected):
        wrong.append(f"{place}: {len(expected)} cards are there, the rules find {seen}")
    if not _same_but(body, trial.after, message, ours):
        wrong.append(f"{place}: more changes than the card's own texts")
    edits = list(trial.edits)
    return seen, wrong, [f"{one} ({message.way})" for one in find_outside(body, edits)]


def _with_tokens(route: Route, message: Message) -> tuple[bytes, int]:
    """The message as a PMS would send it: our tokens in the numbers' places, nothing else changed."""
    shapes: Sequence[Shape] = route.request.detokenize
    document = open_layout(layout_of(shapes), message.body, Known(doctype=route.doctype))
    changes: list[Change] = []
    for shape in shapes:
        for node in _numbers(document, shape):
            changes.append(Set(node, example_token(len(changes) + 1).alias))
    body = document.splice(changes).body
    document.close()
    return body, len(changes)


def _numbers(document: Document, shape: Shape) -> Iterator[Node]:
    for booking in bookings_of(document, shape):
        for card in document.select(shape.card, booking):
            for node in document.select(shape.number.at, card):
                if pan.digits_of(document.text(node)) is not None:
                    yield node


def _same_but(before: bytes, after: bytes, message: Message, ours: set[Steps]) -> bool:
    """Whether all texts but ours, and those of envelopes around ours, are as they were.

    What was inserted is new; what was removed of ours (a code) is gone.
    """
    for document in message.documents:
        if document.taken.format == "text":
            was_text, is_text = (_content(one, document.layers) for one in (before, after))
            if was_text is None or is_text is None:
                return was_text is is_text
            return same_but(was_text, is_text, in_columns(document.taken, ours))
        was, now = _inside(before, document.layers), _inside(after, document.layers)
        if was is None or now is None:
            return was is now
        around = {
            one.layers[len(document.layers)].steps
            for one in message.documents
            if len(one.layers) > len(document.layers)
        }
        held = [
            leaf
            for leaf in was.leaves
            if leaf.steps not in around and not _goes(leaf.steps, leaf.text, ours)
        ]
        if _said(held) - _said(now.leaves):
            return False
    return True


def _goes(steps: Steps, text: str, ours: set[Steps]) -> bool:
    """Whether a text is a card's, stands in the node of one that goes (a code), or is the nothing in a node
    into which something was inserted."""
    return any(
        steps[: len(one)] == one or (not text and one[: len(steps)] == steps) for one in ours
    )


def _said(leaves: Sequence[Leaf]) -> Counter[tuple[tuple[str, ...], str]]:
    """What is said where, without the count of those of one name: where one goes, others move up."""
    return Counter((tuple(step.name for step in leaf.steps), leaf.text) for leaf in leaves)


def _inside(body: bytes, layers: Sequence[Layer]) -> Taken | None:
    """The document that stands in these envelopes."""
    content = _content(body, layers)
    return take_apart(content) if content is not None else None


def _content(body: bytes, layers: Sequence[Layer]) -> bytes | None:
    """The bytes that stand in these envelopes."""
    content = body
    for layer in layers:
        taken = take_apart(content)
        leaf = taken.at(layer.steps) if taken is not None else None
        if leaf is None:
            return None
        if layer.coding == "text":
            content = leaf.text.encode("utf-8", "replace")
            continue
        try:
            content, _ = base64.read(leaf.text.encode("ascii", "replace"), layer.coding)
        except GatewayError:
            return None
    return content
