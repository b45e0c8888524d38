from __future__ import annotations

import json
import pathlib

import pytest

from tests.codecs.corpus import corpus, outcome_of


@pytest.mark.parametrize("file", corpus("json"))
def test_p13_each_message_of_the_corpus_has_its_outcome(file: pathlib.Path) -> None:
    expected, _, _ = file.stem.partition("--")
    assert outcome_of("json", "$.card.number", file.read_bytes()) == expected


@pytest.mark.parametrize("file", corpus("json"))
def test_p13_another_reader_agrees_on_what_is_malformed(file: pathlib.Path) -> None:
    expected, _, _ = file.stem.partition("--")
    try:
        json.loads(file.read_bytes().decode("utf-8-sig"))
        reads = True
    except (ValueError, RecursionError):
        reads = False
    if expected in ("card", "none"):
        assert reads
    if expected == "message_malformed" and "two-marks" not in file.stem:
        assert not reads
