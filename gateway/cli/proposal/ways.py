"""The paths, in the language of the rules, that lead to what was found."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from gateway.cli.proposal import words
from gateway.cli.proposal.called import said_by
from gateway.cli.proposal.leaves import Leaf, Step, Steps, Taken
from gateway.codecs.around import made_ready, mistake
from gateway.codecs.paths import PathError, parse_path

_JSON_NAME: Final = re.compile(r"[^\W\d][\w-]*")
_XML_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")
_LONG: Final = re.compile(r"[0-9]{12}")
_ROW: Final = re.compile(
    r"(?P<list>[^\[\]]+(?:\[[^\[\]]*[^\[\]0-9][^\[\]]*\])*)\[[0-9]+\](?P<below>\[.+\])"
)
_SCHEME: Final = re.compile(
    r"visa|mastercard|master|amex|ecmc|maestro|discover|jcb|-ssl", re.IGNORECASE
)


def can_be_written(steps: Steps, format: str) -> bool:
    """Whether the language has a path for a way, and no name on it could be a card's number."""
    if any(_LONG.search(step.name) for step in steps):
        return False
    if format == "text":
        return not mistake(text_path(steps))
    if format == "form":
        return _is_path(steps[0].name)
    if format == "xml":
        return all(_XML_NAME.fullmatch(step.name) for step in steps)
    return all(
        "'" not in step.name and step.name.isprintable() and (step.name or step.axis != "member")
        for step in steps
    )


def _is_path(name: str) -> bool:
    """Whether a form's field can be named by a path: not where brackets or percent signs say something else."""
    try:
        parse_path(name, "form")
    except PathError:
        return False
    return "'" not in name


def text_path(steps: Steps) -> str:
    """What stands around a value of a text."""
    return next((step.name for step in steps if step.axis == "field"), "{line}")


def to_card(taken: Taken, scope: Steps, number: Leaf) -> tuple[str, Steps]:
    """The path to a card's node, and the node that the other paths start from."""
    if taken.format in {"form", "multipart"}:
        row = _ROW.fullmatch(number.name) if taken.format == "form" else None
        return (f"{row['list']}[*]" if row else "$"), ()
    if taken.format == "text":
        part = number.steps[0]
        return (part.name or "{line}" if part.axis == "item" else "$"), ()
    if taken.format == "json":
        return absolute(taken, scope), scope
    scope = scope or number.steps[:1]  # the number is all of the document
    if len(scope) > 1 and _SCHEME.search(
        scope[-1].name
    ):  # `VISA-SSL`: other schemes have other names
        scope = scope[:-1]
    return f"//{scope[-1].name}", scope


def absolute(taken: Taken, steps: Steps) -> str:
    """From the document's root."""
    if taken.format in {"form", "multipart"}:
        return steps[0].name if steps else "$"
    if taken.format == "text":
        return text_path(steps)
    if taken.format == "xml":
        return "".join(_xml_step(step) for step in steps)
    return "$" + "".join(_json_step(taken, steps, n, every=True) for n in range(len(steps)))


def relative(taken: Taken, scope: Steps, steps: Steps, *, any_depth: bool = False) -> str:
    """From a card's node, or a booking's, to a text."""
    if taken.format == "form":
        row = _ROW.fullmatch(steps[0].name)
        return row["below"] if row else steps[0].name
    if taken.format == "multipart":
        return steps[0].name
    if taken.format == "text":
        return text_path(steps)
    shared = 0
    while shared < min(len(scope), len(steps)) and scope[shared] == steps[shared]:
        shared += 1
    up = "../" * sum(1 for step in scope[shared:] if step.axis != "item")
    if taken.format == "xml":
        below = "".join(_said_step(taken, steps, n) for n in range(shared, len(steps)))
        path = up + below.removeprefix("/")
        if any_depth and not up and len(steps) - shared > 1:
            return ".//" + _shorter(taken, steps, shared)
        return path or "."
    below = "".join(_json_step(taken, steps, n, every=False) for n in range(shared, len(steps)))
    return up + below.removeprefix(".") or "."


def _shorter(taken: Taken, steps: Steps, shared: int) -> str:
    """Without the first of the steps, whose name is another one for each scheme."""
    return "".join(_said_step(taken, steps, n) for n in range(shared + 1, len(steps))).removeprefix(
        "/"
    )


def _xml_step(step: Step) -> str:
    return f"/@{step.name}" if step.axis == "attribute" else f"/{step.name}"


def _said_step(taken: Taken, steps: Steps, n: int) -> str:
    """With what a field beside says, where several have one name."""
    step = steps[n]
    plain = _xml_step(step)
    if step.axis == "attribute":
        return plain
    if taken.index.alike(steps[:n], step.name) < 2:
        return plain
    said = said_by(taken, steps[: n + 1])
    if said is not None and said[0] == n + 1:
        return f"{plain}[{said[1]}{said[2]}='{said[3]}']"
    return plain if not step.nth else f"{plain}[{step.nth + 1}]"


def _json_step(taken: Taken, steps: Steps, n: int, *, every: bool) -> str:
    step = steps[n]
    if step.axis == "item":
        said = said_by(taken, steps[: n + 1])
        if said is not None and said[0] == n + 1 and n + 1 < len(steps):
            return f"[{said[2]}='{said[3]}']"
        return "[*]" if every else f"[{step.nth}]"
    if is_keyed(taken, steps[: n + 1]):
        return ".*"  # `guests: {"Ada Doe": {…}}`: the next message has another name
    return f".{step.name}" if _JSON_NAME.fullmatch(step.name) else f"['{step.name}']"


def is_keyed(taken: Taken, steps: Steps) -> bool:
    """Whether a node is one of many in JSON, each under a name of its own: `bookings: {"4711": {…}}`."""
    step = steps[-1]
    named = step.axis == "member" and taken.format == "json" and not _LONG.search(step.name)
    return named and words.may_be_a_value(step.name) and taken.at(steps) is None


def leads_to(body: bytes, path: str, value: str, span: tuple[int, int] | None) -> bool:
    """Whether a path leads to this value, and to nothing else; `span`: within a card's part of the text."""
    if mistake(path):
        return False
    places = list(islice(made_ready(path).pattern.finditer(body, *(span or (0,))), 2))
    return len(places) == 1 and places[0][places[0].lastindex or 0].strip() == value.encode()
