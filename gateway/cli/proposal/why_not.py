"""Why nothing is proposed: the nearest reason, and what to record instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.cards.scan import find_cards
from gateway.cli.hiding import hide
from gateway.cli.proposal import dialects
from gateway.cli.proposal.mended import COMMA, PART
from gateway.cli.proposal.messages import CODED, Message
from gateway.cli.proposal.plan import Planned
from gateway.cli.proposal.sealed import is_sealed
from gateway.cli.recorded import Recorded

_NOT_IN_URLS: Final = (
    "No rule takes it out there, and the gateway refuses it: have it sent in a body."
)
_DUMPED: Final = re.compile(
    rb"\A\s*(?:Array|\w+ Object)\s*\(|[\"\w]\s*=>\s*[\"\[{\d]|\A\s*array\(\d+\)"
    rb"|\A\s*(?:<QueryDict: )?\{\s*(?:'\w+'|[A-Za-z_]\w*)\s*:"
)
_SCRUBBED: Final = re.compile(rb"filtered|redacted|scrubbed|x{4}|\*{4}", re.IGNORECASE)


def why_nothing(routes: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    """Reasons, each with what to do; never empty."""
    messages = [
        m for route in routes for side in (route.request, route.response) for m in side.messages
    ]
    yield "No card was found in the recording.", ""
    told = False
    for message in messages:
        for reason in _reasons(message):
            told = True
            yield reason
    if not told:
        yield (
            "Nothing in it looks like a card's number, nor is anything called so.",
            "Record a message with a test card, whole, with its body.",
        )


def _reasons(message: Message) -> Iterator[tuple[str, str]]:
    place = f"{message.recorded.place} ({message.way})"
    yield from _hidden(message, place)
    for path, why, _ in message.not_cards:
        yield (
            f"{place}: {path} could pass for a card's number, but {why}.",
            "Where it is one: write the rule by hand, docs/rules.md.",
        )
    for path, text in message.in_texts.items():
        stripe = dialects.track_in(text)
        if stripe is not None:
            yield f"{place}: {path}: {stripe.why}.", stripe.action
            continue
        yield (
            f"{place}: a card's number stands within a longer text: {path}.",
            "No rule takes it out: the guard masks it on its way to the PMS."
            if message.way == "response"
            else "No rule that could be proposed leads to it: have the PMS send each of the card's fields by itself, or write a shape with an `envelope` and `format: text` (docs/rules.md).",
        )
    for path in dict.fromkeys(message.called) if not message.scrubbed else ():
        yield (
            f"{place}: {path} is called as a card's number is, but holds none: that is 12 to 19 digits, with a check digit.",
            "Is it a token? Then record the request that brings the card; else record this one with a published test card.",
        )
    yield from _in_names(message, place)
    if message.unreadable:
        yield _unreadable(message, place)
    if _in_url(message.recorded):
        yield (
            f"{place}: a card's number stands in the URL.",
            _NOT_IN_URLS,
        )
    if not message.recorded.complete:
        yield f"{place}: its body was not recorded.", "Record it with a proxy, or as a HAR."


def _hidden(message: Message, place: str) -> Iterator[tuple[str, str]]:
    """What stands in a card's place instead of one."""
    if message.encrypted:
        paths = ", ".join(dict.fromkeys(path for path, _ in message.encrypted))
        yield (
            f"{place}: {paths} is encrypted: nobody between can look into it.",
            "The proposal refuses such bodies. Have the PMS send the card's fields to the gateway instead.",
        )
    if message.sealed and message.way == "request" and not message.encrypted:
        yield (
            f"{place}: {', '.join(dict.fromkeys(message.sealed))} holds what nobody between can read: encrypted?",
            "Where it is, refuse such bodies (opaque: { because: encrypted }, docs/rules.md), and have the PMS send the card's fields.",
        )
    if message.signed and message.cards:
        yield (
            f"{place}: the card stands in a text that is signed: {message.signed[0]}.",
            "The proposal refuses such bodies: who signs the token signs no card. Ask for an interface without.",
        )
    if message.scrubbed:
        yield (
            f"{place}: {', '.join(dict.fromkeys(message.scrubbed))} holds a mask, or a word in its place.",
            "Record it with a published test card, and before it is masked.",
        )


def _unreadable(message: Message, place: str) -> tuple[str, str]:
    why, action = next(_why_unreadable(message))
    return f"{place}: {why}{'' if why.endswith('?') else '.'}", action


def _why_unreadable(message: Message) -> Iterator[tuple[str, str]]:
    """What is known of a body that nobody could read, the surest first."""
    if is_sealed(message.body.decode("latin-1")):
        yield (
            "it is what nobody between can read: encrypted?",
            "Have the PMS send the card's fields to the gateway, as XML, JSON or a form.",
        )
    if _DUMPED.search(message.body):
        yield (
            "it is what a program prints of its own data (PHP, Ruby, Python, JavaScript), not what goes over the line",
            "Record the message itself: with a proxy, as a HAR, or what the HTTP library tells.",
        )
    if message.unreadable == CODED:
        yield CODED, "Record it without, or with its bytes as they are."
    known = dialects.why_not(message.body)
    if known is not None:
        yield known.why, known.action
    if find_cards(message.body):
        yield (
            f"a card's number stands {dialects.where_in(message.body)}, but {message.unreadable}",
            "Where it is text, write a shape with `format: text` (docs/rules.md): no name of a card's field leads to it.",
        )
    if _SCRUBBED.search(message.body):
        yield (
            "it was scrubbed so that it can not be read any more",
            "Record it with a published test card, and before it is scrubbed.",
        )
    yield (
        f"{message.unreadable}, and no card's number was seen in it",
        "Record the message itself, whole: with a proxy, as a HAR, or what the HTTP library tells.",
    )


def remarks(routes: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    """What is to be said of a recording in which cards were found: where others stand that no rule takes
    out, and what was the matter with it. Each with what to do."""
    for message in [
        m for one in routes for side in (one.request, one.response) for m in side.messages
    ]:
        place = f"{message.recorded.place} ({message.way})"
        whole_part = message.mended == PART and message.recorded.way is not None
        if message.cards and (message.mended == COMMA or whole_part):
            what = "its XML has no element around all of it" if whole_part else message.mended
            yield (
                f"{place}: {what}. As it stands it is refused (message_malformed).",
                "Where the PMS does send it so: have that mended, or write a shape with `format: text` (docs/rules.md).",
            )
        yield from _in_names(message, place)
        if _in_url(message.recorded):
            yield f"{place}: a card's number stands in the URL.", _NOT_IN_URLS
        named = [
            name.decode("latin-1") for name, value in message.recorded.headers if find_cards(value)
        ]
        for name in dict.fromkeys(named):
            yield (
                f"{place}: a card's number stands in the header {name}.",
                "No rule takes it out there: the guard masks it on its way to the PMS.",
            )


def _in_names(message: Message, place: str) -> Iterator[tuple[str, str]]:
    for path in dict.fromkeys(message.in_names):
        yield (
            f"{place}: a card's number is itself a name, in {hide(path)}.",
            "No rule takes it out: the guard refuses such a message towards the PMS. Ask the partner for a list of cards.",
        )


def _in_url(recorded: Recorded) -> bool:
    return recorded.way == "request" and bool(find_cards(recorded.path.encode("utf-8", "replace")))
