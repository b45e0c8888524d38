"""One process at a time asks a processor for a card's token: claims, committed before the card leaves."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import TokenUnknown
from gateway.vault.service import Vault
from tests.children import run
from tests.vault.makers import Clock, keep, new, opened, pan, rows
from tests.vault.test_vault_foreign import foreign, keep_foreign


def claim(vault: Vault, iduser: int, by="one", product="seaside", processor="paycomet", seconds=60):
    return asyncio.run(vault.foreign.claim(iduser, product, processor, by, seconds))


def release(vault: Vault, iduser: int, by="one", processor="paycomet") -> None:
    asyncio.run(vault.foreign.release(iduser, processor, by))


@pytest.fixture
def iduser(vault) -> int:
    return keep(vault, new())[0].token.iduser


def test_only_one_asks_for_a_card_at_a_processor(vault, iduser) -> None:
    assert claim(vault, iduser)
    assert not claim(vault, iduser, "two")
    assert claim(vault, iduser, "two", processor="stripe")
    other = keep(vault, new(pan(1)))[0].token.iduser
    assert claim(vault, other, "two")


def test_a_claim_ends_when_it_is_released_by_whoever_made_it(vault, iduser) -> None:
    assert claim(vault, iduser)
    release(vault, iduser, "two")
    assert not claim(vault, iduser, "two")
    release(vault, iduser)
    assert claim(vault, iduser, "two")
    release(vault, iduser)
    assert not claim(vault, iduser, "three")


def test_nobody_claims_what_is_kept_and_keeping_ends_the_claim(tmp_path, vault, iduser) -> None:
    assert claim(vault, iduser)
    keep_foreign(vault, iduser, b"kept")
    assert not claim(vault, iduser, "two")
    assert foreign(vault, iduser) == b"kept"


def test_a_claim_of_a_process_that_died_is_over_in_time(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        iduser = keep(vault, new())[0].token.iduser
        assert claim(vault, iduser, seconds=60)
        clock.now += timedelta(seconds=59)
        assert not claim(vault, iduser, "two")
        clock.now += timedelta(seconds=1)
        assert claim(vault, iduser, "two", seconds=60)
        release(vault, iduser)  # the first one was only slow
        assert not claim(vault, iduser, "three")


def test_p06_a_claim_is_for_the_products_own_card_only(vault, iduser) -> None:
    for wrong, product in ((iduser, "city"), (iduser ^ 1, "seaside")):
        with pytest.raises(TokenUnknown):
            claim(vault, wrong, product=product)


def test_p25_of_many_in_two_processes_one_claims(tmp_path) -> None:
    with opened(tmp_path) as one, opened(tmp_path) as other:
        iduser = keep(one, new())[0].token.iduser

        async def main() -> list[bool]:
            return await asyncio.gather(
                *(
                    (one, other)[n % 2].foreign.claim(iduser, "seaside", "paycomet", f"c{n}", 60)
                    for n in range(32)
                )
            )

        assert sum(asyncio.run(main())) == 1


def test_a_claim_goes_with_its_card(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        assert claim(vault, keep(vault, new())[0].token.iduser)
        with rows(tmp_path) as connection:
            connection.with_cascades()
            connection.execute("DELETE FROM link")
            assert connection.execute("SELECT count(*) FROM issuing").fetchone() == (0,)


KILLED = """
import os, pathlib, signal, sys
from tests.vault.makers import keep, new, open_vault
from tests.vault.test_vault_claims import claim
from tests.vault.test_vault_foreign import keep_foreign
def step(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(pathlib.Path(sys.argv[1]), step=step)
iduser = keep(vault, new())[0].token.iduser
claim(vault, iduser)
keep_foreign(vault, iduser)
"""


@pytest.mark.parametrize(
    ("at", "claimed"),
    [
        ("foreign_claim:begun", False), ("foreign_claim:written", False),
        ("foreign_claim:committed", True), ("foreign:written", True), ("foreign:committed", False),
    ],
)  # fmt: skip
def test_p24_killed_at_each_step_a_claim_is_there_or_not(tmp_path, at, claimed) -> None:
    done = run(KILLED, tmp_path, at)
    assert done.returncode == -signal.SIGKILL
    with rows(tmp_path) as connection:
        found = connection.execute("SELECT claim FROM issuing").fetchall()
        kept = connection.execute("SELECT count(*) FROM foreign_token").fetchone()[0]
    assert (found, kept) == ([("one",)] if claimed else [], at == "foreign:committed")
