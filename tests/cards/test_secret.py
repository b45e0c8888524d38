"""No way to see a secret but `reveal()`."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback

import pytest

from gateway.cards.card import Booking, Card, Failure, Virtual
from gateway.cards.expiry import Expiry
from gateway.secret import Secret

NUMBER = "4111111111111111"


def test_p16_nothing_shows_it(caplog):
    secret = Secret(NUMBER)
    assert secret.reveal() == NUMBER
    card = Card(secret, Expiry(2029, 1), holder=Secret("ANN DOE"), cvc=Secret("123"))
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>30}",
        f"{secret} {secret!r}",
        repr(card),
    ]
    logging.getLogger().warning("%s", secret)
    shown.append(caplog.text)
    try:
        json.dumps(secret)
    except TypeError:
        shown.append(traceback.format_exc())
    for text in shown:
        assert "4111" not in text
        assert "ANN" not in text
        assert "123" not in text.replace("line 123", "")


@pytest.mark.parametrize(
    "act",
    [
        lambda s: s == s,
        lambda s: s != s,
        hash,
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        lambda s: s.__getstate__(),
        vars,
        len,
        lambda s: s[0],
        lambda s: {s},
    ],
)
def test_p16_nothing_gets_it_out(act):
    with pytest.raises(TypeError) as caught:
        act(Secret(NUMBER))
    assert "4111" not in str(caught.value)


def test_cards_words():
    assert Failure.NUMBER_INVALID == "number_invalid"
    assert Booking("siteminder").virtual is None
    assert Virtual().balance is None
