"""What people are told of a card that got no token."""

from __future__ import annotations

from gateway.cards.card import Failure
from gateway.cards.failures import ADVICE, UNKNOWN, advice


def test_every_failure_has_its_advice_and_no_two_the_same_reason() -> None:
    assert set(ADVICE) == set(Failure)
    assert len({one.reason for one in ADVICE.values()}) == len(Failure)
    for failure in Failure:
        told = advice(failure.value)
        assert told is ADVICE[failure]
        assert told.action.endswith(".")
    assert advice("a_code_of_another_version") is UNKNOWN
