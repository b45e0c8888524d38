"""`retention:` of a product: its defaults, and what is said about mistakes."""

from datetime import timedelta

import pytest

from gateway.config import read_config
from gateway.vault.configured import retention_of
from gateway.vault.terms import Terms
from tests.config.files import PYTHON, messages

PRODUCT = """\
products:
  seaside:
    merchant_code: abc123
    terminal: 1
    mode: test
    retention: {said}
clients:
  pms: {{ networks: [127.0.0.0/8] }}
"""


def days(*numbers):
    return Terms(*(timedelta(days=number) for number in numbers))


def test_each_product_has_its_own_and_the_defaults(write):
    text = PRODUCT.format(said="{ after_departure: 7 }")
    read = retention_of(read_config(write("", base=text), python=PYTHON))
    assert read.of("seaside") == days(7, 90, 540, 1095)
    assert read.of("one that is gone from the file") == days(30, 90, 540, 1095)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{ after_departure: -1 }", "after_departure"),
        ("{ after_departure: 3651 }", "after_departure"),
        ("{ without_departure: 0 }", "without_departure"),
        ("{ stub: ten }", "stub"),
        ("{ farthest_departure: 9999 }", "farthest_departure"),
        ("{ farthest_departure: 0 }", "farthest_departure"),
        ("{ after_departur: 7 }", "after_departure"),
        ("30", "retention"),
    ],
)
def test_a_mistake_is_told_with_its_line(write, said, message):
    ((line, told),) = messages(write("", base=PRODUCT.format(said=said)))
    assert line == 6
    assert message in told
