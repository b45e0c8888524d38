from __future__ import annotations

import pytest

from gateway.codecs.template import fill
from gateway.errors import MessageUnfit


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("", ""),
        ("{iduser}", "7"),
        ("a{iduser}b{tokenuser}{iduser}", "a7bx7"),
        ("{position}", "2"),
        ("{} {Iduser} {1} {{iduser}}", "{} {Iduser} {1} {7}"),
        ("{braces}", "{iduser}"),
    ],
)
def test_fill(template: str, filled: str) -> None:
    values = {"iduser": "7", "tokenuser": "x", "braces": "{iduser}"}
    assert fill(template, values, 2) == filled


def test_one_card_is_the_first() -> None:
    assert fill("{position}", {}, None) == "1"


def test_a_name_without_a_value_is_unfit() -> None:
    with pytest.raises(MessageUnfit) as caught:
        fill("{token}", {"iduser": "7"}, None)
    assert caught.value.__suppress_context__
