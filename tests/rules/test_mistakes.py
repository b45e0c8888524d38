"""Every mistake in `tests/corpus/rules` is told at its line and column, in these very words."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.rules.compile import Surroundings
from gateway.rules.load import load_pack_text

CORPUS = Path(__file__).parent.parent / "corpus" / "rules"
AROUND = Surroundings({"acme": "https://ws.acme.example"}, {"channel"}, {"seaside"})


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.yaml")), ids=lambda file: file.stem)
def test_p37_each_mistake_has_file_line_column_and_words(file):
    text = file.read_text(encoding="utf-8")
    expected = [line[3:] for line in text.splitlines() if line.startswith("#! ")]
    assert expected, "what is expected stands at the file's end"
    with pytest.raises(ConfigurationError) as caught:
        load_pack_text(text, file.name, AROUND)
    found = [
        f"{problem.line}:{problem.column}: {problem.message}" for problem in caught.value.problems
    ]
    assert found == expected
    assert all(problem.file == file.name for problem in caught.value.problems)


def test_the_corpus_is_there():
    assert len(list(CORPUS.glob("*.yaml"))) > 160
