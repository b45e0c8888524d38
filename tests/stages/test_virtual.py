"""What a message says of a virtual card's balance: its currency, and where its point goes."""

from __future__ import annotations

import json

import pytest

from gateway.cards.card import Virtual
from gateway.codecs import open_document
from gateway.codecs.paths import parse_path
from gateway.rules.model_shapes import VirtualPlace
from gateway.stages.virtual import read_virtual

RULE = VirtualPlace(
    flag=parse_path("virtual", "json"),
    balance=parse_path("balance", "json"),
    currency=parse_path("currency", "json"),
    decimals=parse_path("decimals", "json"),
)


class Shape:
    virtual = RULE
    holder = None


class Place:
    shape, card = Shape, None

    def __init__(self, document):
        self.node = document.root


@pytest.mark.parametrize(
    "said, balance, currency",
    [
        ({"balance": "6755", "decimals": "2", "currency": "EUR"}, "67.55", "EUR"),
        ({"balance": 10000, "decimals": 2, "currency": "eur"}, "100.00", "EUR"),
        ({"balance": "0", "decimals": "2"}, "0.00", None),
        ({"balance": "1500", "decimals": "0", "currency": "JPY"}, "1500", "JPY"),
        ({"balance": "67.55", "decimals": "2"}, "67.55", None),  # it has its point
        ({"balance": "6755"}, "6755", None),
        ({"balance": "6755", "decimals": "many", "currency": "Euro"}, "6755", None),
        ({"decimals": "2"}, None, None),
    ],
)
def test_a_balance_has_its_point_and_its_currency(said, balance, currency):
    document = open_document("json", json.dumps({"virtual": "true"} | said).encode())
    found = read_virtual(document, Place(document))
    assert found == Virtual(None, None, balance, currency)
