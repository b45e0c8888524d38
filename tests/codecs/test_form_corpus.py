from __future__ import annotations

import io
import pathlib
from urllib.parse import parse_qsl

import pytest
from werkzeug.formparser import FormDataParser

from tests.codecs.corpus import corpus, outcome_of


@pytest.mark.parametrize("file", corpus("form"))
def test_p14_each_message_of_the_corpus_has_its_outcome(file: pathlib.Path) -> None:
    expected, _, _ = file.stem.partition("--")
    assert outcome_of("form", "card[number]", file.read_bytes()) == expected


ACCEPTED = [file for file in corpus("form") if file.id.startswith(("card--", "none--"))]


@pytest.mark.parametrize("file", ACCEPTED)
def test_p14_two_other_parsers_agree_on_the_value(file: pathlib.Path) -> None:
    expected, _, _ = file.stem.partition("--")
    body = file.read_bytes()
    assert value_by_urllib(body) == value_by_werkzeug(body)
    assert ("card" if value_by_urllib(body) else "none") == expected


def value_by_urllib(body: bytes) -> str:
    pairs = parse_qsl(body.decode(), keep_blank_values=True)
    return "".join(value for name, value in pairs if name == "card[number]").replace(" ", "")


def value_by_werkzeug(body: bytes) -> str:
    pairs = all_by_werkzeug(body)
    return "".join(value for name, value in pairs if name == "card[number]").replace(" ", "")


def all_by_werkzeug(body: bytes) -> list[tuple[str, str]]:
    """Every pair, names in the order of their first appearance."""
    parser = FormDataParser(max_form_memory_size=None)
    label = "application/x-www-form-urlencoded"
    _, form, _ = parser.parse(io.BytesIO(body), label, len(body), None)
    return list(form.items(multi=True))
