"""P24, P25, P36: two processes that write to one vault, killed at random: `make torture`, in short."""

from __future__ import annotations

import os

import pytest

from tests.vault.torture.rounds import WRITERS, torture
from tests.vault.torture.stores import PostgresStore, SqliteStore

ROUNDS = 6
SEED = int.from_bytes(os.urandom(4), "big")  # a failure says which


def assert_held(store, directory) -> None:
    try:
        tally = torture(store, directory, rounds=ROUNDS, seed=SEED)
    finally:
        store.close()
    assert tally.kills == ROUNDS * WRITERS
    assert tally.kept > 0, f"nobody wrote anything, with seed {SEED}"
    assert tally.cards > 0, f"nothing was looked up, with seed {SEED}"


@pytest.mark.slow
def test_p24_p25_p36_of_writers_killed_at_random_nothing_is_lost(tmp_path) -> None:
    assert_held(SqliteStore(), tmp_path)


@pytest.mark.slow
def test_p24_p25_p36_of_writers_and_a_server_killed_at_random_nothing_is_lost(tmp_path) -> None:
    assert_held(PostgresStore(harmed=1), tmp_path)
