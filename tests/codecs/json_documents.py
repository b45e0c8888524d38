"""Generated JSON: values with their spelling, and a plain model of them to compare with."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from gateway.codecs.paths import Path, Step

NAMES = ["card", "number", "cvc", "a b", "é", "明", 'na"me', "back\\slash", "x/y", "😀", "", "n0"]


@dataclass(eq=False)
class Value:
    """One JSON value. `scalar` is its spelling unless `members` or `items` are set."""

    scalar: str = ""
    members: list[tuple[str, Value]] | None = None
    items: list[Value] | None = None
    steps: tuple[Step, ...] = field(default=())

    def children(self) -> list[Value]:
        if self.members is not None:
            return [value for _, value in self.members]
        return self.items or []

    def all(self) -> list[Value]:
        return [self, *(deep for child in self.children() for deep in child.all())]

    @property
    def path(self) -> Path:
        return Path("$", self.steps, absolute=True)


def spellings(text: str, source: random.Random) -> str:
    """A JSON string that spells `text` in one of the allowed ways."""
    out = []
    for sign in text:
        if sign in '"\\' or sign < " ":
            out.append(json.dumps(sign)[1:-1])
        elif source.random() < 0.15:
            escaped = json.dumps(sign)[1:-1] if sign > "\x7f" else f"\\u{ord(sign):04x}"
            out.append(escaped.upper().replace("\\U", "\\u") if source.random() < 0.5 else escaped)
        else:
            out.append("\\/" if sign == "/" and source.random() < 0.5 else sign)
    return f'"{"".join(out)}"'


def space(source: random.Random) -> str:
    return "".join(source.choices(" \t\r\n", k=source.choice([0, 0, 0, 1, 1, 3])))


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(NAMES)
_SCALARS = (
    st.sampled_from(
        ["0", "-0", "4111111111111111", "1e5", "1.50", "-2E-3", "true", "false", "null"]
    )
    | st.integers().map(str)
    | _TEXTS.map(lambda text: ("text", text))
)
_TREES: Any = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(NAMES) | _TEXTS, inner, max_size=6)
    ),
    max_leaves=20,
)


def build(tree: Any, source: random.Random, steps: tuple[Step, ...] = ()) -> Value:
    if isinstance(tree, dict):
        return Value(
            members=[
                (name, build(inner, source, (*steps, Step("member", name))))
                for name, inner in tree.items()
            ],
            steps=steps,
        )
    if isinstance(tree, list):
        return Value(
            items=[
                build(inner, source, (*steps, Step("item", index=index)))
                for index, inner in enumerate(tree)
            ],
            steps=steps,
        )
    return Value(spellings(tree[1], source) if isinstance(tree, tuple) else tree, steps=steps)


def render(value: Value, source: random.Random) -> str:
    gap = lambda: space(source)  # noqa: E731 - one word for a short template
    if value.members is not None:
        members = [
            f"{gap()}{spellings(name, source)}{gap()}:{gap()}{render(inner, source)}{gap()}"
            for name, inner in value.members
        ]
        return "{" + (",".join(members) or gap()) + "}"
    if value.items is not None:
        items = [f"{gap()}{render(inner, source)}{gap()}" for inner in value.items]
        return "[" + (",".join(items) or gap()) + "]"
    return value.scalar


@st.composite
def documents(draw: st.DrawFn) -> tuple[Value, bytes]:
    """A value, and bytes that spell it."""
    source = draw(st.randoms(use_true_random=True))
    value = build(draw(_TREES), source)
    mark = draw(st.sampled_from(["", "", "\ufeff"]))
    return value, f"{mark}{space(source)}{render(value, source)}{space(source)}".encode()


def model(value: Value) -> Any:
    """What a reader that keeps order and spelling reads."""
    if value.members is not None:
        return ("object", [(name, model(inner)) for name, inner in value.members])
    if value.items is not None:
        return ("array", [model(inner) for inner in value.items])
    if value.scalar.startswith('"'):
        return ("text", json.loads(value.scalar))
    return ("bare", value.scalar)


def read(body: bytes) -> Any:
    """The same, by the standard library's reader."""
    shown = json.loads(
        body.decode("utf-8-sig"),
        object_pairs_hook=lambda pairs: {"object": pairs},
        parse_int=lambda text: {"bare": text},
        parse_float=lambda text: {"bare": text},
    )
    return _tagged(shown)


def _tagged(shown: Any) -> Any:
    if isinstance(shown, dict) and "object" in shown:
        return ("object", [(name, _tagged(inner)) for name, inner in shown["object"]])
    if isinstance(shown, list):
        return ("array", [_tagged(inner) for inner in shown])
    if isinstance(shown, str):
        return ("text", shown)
    return ("bare", shown["bare"] if isinstance(shown, dict) else json.dumps(shown))
