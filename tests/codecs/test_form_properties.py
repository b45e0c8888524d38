from __future__ import annotations

import random
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs.document import Add, Change, Remove, Set
from gateway.codecs.edits import Spliced
from gateway.codecs.form import open_form
from gateway.codecs.paths import Path, Step, parse_path
from gateway.errors import MessageForbidden
from tests.codecs.test_form_corpus import all_by_werkzeug
from tests.codecs.test_json_properties import check_edits

_NAMES = st.sampled_from(["a", "b", "card[number]", "card[cvc]", "x y", "é", "n;m", "明", "q[]"])
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def spelled(text: str, source: random.Random, bare: str) -> str:
    """One of the ways in which a name or value may be escaped."""
    out = []
    for sign in text:
        if sign == " " and source.random() < 0.5:
            out.append("+")
        elif sign in bare and source.random() < 0.7:
            out.append(sign)
        else:
            escaped = "".join(f"%{byte:02X}" for byte in sign.encode())
            out.append(escaped.lower() if source.random() < 0.5 else escaped)
    return "".join(out)


@st.composite
def forms(draw: st.DrawFn) -> tuple[list[tuple[str, str]], bytes]:
    """Pairs with different names, and bytes that spell them, with empty pairs between."""
    source = draw(st.randoms(use_true_random=True))
    pairs = draw(st.lists(st.tuples(_NAMES, _TEXTS), max_size=8, unique_by=lambda pair: pair[0]))
    out = []
    for name, value in pairs:
        out += [""] * source.choice([0, 0, 0, 1, 2])
        plain = "abcdefghijklmnopqrstuvwxyz0123456789_.-~"
        spelled_name = spelled(name, source, plain + "[];")
        spelled_value = spelled(value, source, plain + "[];=/:,!*()'@$")
        bare = not value and source.random() < 0.5
        out.append(spelled_name if bare else f"{spelled_name}={spelled_value}")
    out += [""] * source.choice([0, 0, 1])
    return pairs, "&".join(out).encode()


def read(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode(), keep_blank_values=True)


def find(name: str) -> Path:
    return parse_path(name, "form")


@settings(deadline=None)
@given(forms())
def test_p14_two_other_parsers_read_the_same(form: tuple[list[tuple[str, str]], bytes]) -> None:
    pairs, body = form
    document = open_form(body)
    ours = [(name, document.text(document.select(find(name))[0])) for name, _ in pairs]
    assert ours == pairs == read(body) == all_by_werkzeug(body)
    assert document.splice([]) == Spliced(body, [])


@settings(deadline=None)
@given(forms(), st.randoms(use_true_random=True))
def test_p15_changes_change_what_they_name_only(
    form: tuple[list[tuple[str, str]], bytes], source: random.Random
) -> None:
    pairs, body = form
    document = open_form(body)
    changes: list[Change] = []
    expected: list[tuple[str, str]] = []
    for place, (name, value) in enumerate(pairs):
        (node,) = document.select(find(name))
        action = source.choice(["keep", "set", "remove"])
        if action == "set":
            changes.append(Set(node, "new é&="))
            expected.append((name, "new é&="))
        elif action == "remove":
            changes.append(Remove(node))
        else:
            expected.append((name, value))
        if source.random() < 0.3:
            added = Path("", (Step("field", f"added [{place}]"),))
            changes.append(Add(document.root, added, node, "x&"))
            expected.append((f"added [{place}]", "x&"))
    source.shuffle(changes)
    spliced = document.splice(changes)
    check_edits(body, spliced)
    assert read(spliced.body) == all_by_werkzeug(spliced.body) == expected


@settings(deadline=None)
@given(forms(), st.randoms(use_true_random=True))
def test_p14_a_second_spelling_of_a_selected_field_is_refused(
    form: tuple[list[tuple[str, str]], bytes], source: random.Random
) -> None:
    pairs, body = form
    if not pairs:
        return
    name, _ = source.choice(pairs)
    again = "".join(f"%{byte:02x}" for byte in name.encode())
    document = open_form(body + f"&{again}={quote_plus('4111111111111111')}".encode())
    with pytest.raises(MessageForbidden):
        document.select(find(name))
