"""`foreign: true`: a number's place that holds a partner's own token."""

from __future__ import annotations

import json

import pytest

from gateway.cards.bins import Bins
from gateway.cards.card import Failure
from gateway.codecs import open_document
from gateway.codecs.paths import parse_path
from gateway.rules.model_directions import Tokenize
from gateway.rules.model_shapes import Field, Shape
from gateway.stages.reading import read_bookings
from gateway.stages.tokenize import take_out

TOKEN = Shape(
    name="token",
    format="json",
    card=parse_path("card", "json"),
    number=Field(parse_path("token", "json")),
    cvc=Field(parse_path("cvv", "json")),
    foreign=True,
)


def hidden(body):
    """The cards of a message, and what it is afterwards."""
    document = open_document("json", body)
    bookings = read_bookings(document, (TOKEN,), "octorate")
    changes = take_out(document, bookings, Tokenize((TOKEN,)), Bins())
    return [card for one in bookings for card in one.cards], document.splice(changes).body


@pytest.mark.parametrize(
    "token",
    [
        "550e8400-e29b-41d4-a716-446655440000",
        "f0ba9c1e",
        "4111111111111112",  # fails the check digit
        "900104900104900104",  # nobody issues it
        "oct_live/ab+c==",
        "411111******1111",
        "",
    ],
)
def test_a_partners_token_stays(token):
    body = json.dumps({"card": {"token": token}}).encode()
    (card,), after = hidden(body)
    assert card.left_alone
    assert after == body


@pytest.mark.parametrize("text", ["4111111111111111", "4111 1111 1111 1111", 4111111111111111])
def test_p03_a_card_where_the_token_stands_is_a_card(text):
    (card,), after = hidden(json.dumps({"card": {"token": text}}).encode())
    assert card.card is not None
    assert card.card.pan.reveal() == "4111111111111111"
    assert json.loads(after)["card"]["token"].replace(" ", "") == "411111******1111"


def test_p03_a_card_within_a_token_fails_and_is_masked():
    (card,), after = hidden(b'{"card":{"token":"card 4111111111111111 cvc 123"}}')
    assert card.failure is Failure.NUMBER_INVALID
    assert b"1111" not in after


def test_p03_a_clear_code_beside_a_token_goes():
    _, after = hidden(b'{"card":{"token":"f0ba9c1e","cvv":"123"}}')
    assert json.loads(after) == {"card": {"token": "f0ba9c1e"}}


def test_p03_only_an_object_holds_a_token():
    """A text in the card's own place is no token: nothing says that it is none of a card's fields."""
    _, after = hidden(b'{"card":"4444444444444444"}')
    assert b"4444" not in after
