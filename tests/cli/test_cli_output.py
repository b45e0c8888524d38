"""What commands print stays what it is."""

from __future__ import annotations

import pytest

from gateway.cli import output


@pytest.mark.parametrize("tell", [output.say, output.done, output.complain])
def test_a_fingerprint_is_printed_as_it_is(capsys, tell):
    tell("0B:AB:59:02")
    tell("0b:ab:59:02")
    printed = "".join(capsys.readouterr())
    assert "0B:AB:59:02" in printed
    assert "0b:ab:59:02" in printed


def test_so_it_is_in_a_table(capsys):
    output.table(["WHAT", "SHA-256"], [["ca", "0B:AB:59:02"], ["endpoints", "0b:ab:59:02"]])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["SHA-256", "0B:AB:59:02", "0b:ab:59:02"]


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("card",), "0 cards"),
        (1, ("card",), "1 card"),
        (2, ("card",), "2 cards"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
    ],
)
def test_one_is_no_plural(number, words, said):
    assert output.counted(number, *words) == said
