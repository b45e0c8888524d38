from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.control.exchanges import Exchanges
from tests.control.kept import CANARY, Replay, spool
from tests.control.serving import serving
from tests.vault.makers import NOON, Clock, answer, opened, quarantine


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def vault(tmp_path, clock):
    with opened(tmp_path, clock=clock) as opened_:
        yield opened_


@pytest.fixture
def replay():
    return Replay()


@pytest.fixture
def control(vault, replay, clock):
    with serving([Exchanges(vault.answers, replay, vault.requests, clock).router]) as running:
        yield running


@pytest.fixture
def some(vault, clock):
    """Seven of four kinds; the last is the newest."""
    for minute, (name, more) in enumerate(
        {
            "mine-a": {},
            "mine-b": {"hotels": ("1", "2"), "echo": "e-b"},
            "mine-hilltop": {"products": ("hilltop",)},
            "mine-mixed": {"products": ("hilltop", "seaside")},
            "mine-none": {"products": ()},
            "theirs-a": {"client": "spa"},
        }.items()
    ):
        spool(vault, name, at=NOON + timedelta(minutes=minute), **more)
    bad = answer("mine-bad", at=NOON + timedelta(minutes=6), body=CANARY.encode())
    quarantine(vault, bad, "card_disguised")
