"""What processors issued for cards: bound to card, product and processor, and gone with the card."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cards.expiry import Expiry
from gateway.errors import RecordDamaged, TokenNotIssued, TokenUnknown, VaultUnavailable
from gateway.secret import Secret
from gateway.vault.envelope import Sealer
from gateway.vault.foreign import place_of
from gateway.vault.model import Wanted
from gateway.vault.service import Vault
from tests.children import run
from tests.vault.makers import entry, find, keep, new, open_vault, opened, pan, rows
from tests.vault.test_vault_secrecy import spellings

ISSUED = b'{"idUser": 778123, "tokenUser": "Zq8830917264Kk"}'


def foreign(vault: Vault, iduser: int, product="seaside", processor="paycomet") -> bytes | None:
    found = asyncio.run(vault.foreign.read(iduser, product, processor))
    return None if found is None else found.reveal()


def keep_foreign(
    vault: Vault, iduser: int, value=ISSUED, product="seaside", processor="paycomet"
) -> bytes:
    return asyncio.run(vault.foreign.keep(iduser, product, processor, Secret(value))).reveal()


def test_what_a_processor_issued_comes_back_for_its_card_product_and_processor(vault) -> None:
    one, other = (kept.token.iduser for kept in keep(vault, new(), new(pan(1), product="city")))
    assert foreign(vault, one) is None
    assert keep_foreign(vault, one) == ISSUED
    assert keep_foreign(vault, one, b"", processor="stripe") == b""
    assert foreign(vault, one) == ISSUED
    assert foreign(vault, one, processor="stripe") == b""
    for absent in ((one, "city"), (other, "city"), (other, "seaside"), (one, "seaside", "adyen")):
        assert foreign(vault, *absent) is None


def test_it_is_forgotten_if_it_is_what_was_used(vault) -> None:
    (kept,) = keep(vault, new())
    one = kept.token.iduser
    keep_foreign(vault, one)
    for value, product, processor in (
        (b"older", "seaside", "paycomet"), (ISSUED, "city", "paycomet"), (ISSUED, "seaside", "other"),
    ):  # fmt: skip
        asyncio.run(vault.foreign.forget(one, product, processor, Secret(value)))
        assert foreign(vault, one) == ISSUED
    for _ in range(2):
        asyncio.run(vault.foreign.forget(one, "seaside", "paycomet", Secret(ISSUED)))
        assert foreign(vault, one) is None
    assert keep_foreign(vault, one, b"new") == b"new"


def test_p06_a_foreign_token_is_kept_for_the_products_own_card_only(vault: Vault) -> None:
    (kept,) = keep(vault, new())
    for iduser, product in ((kept.token.iduser, "city"), (kept.token.iduser ^ 1, "seaside")):
        with pytest.raises(TokenUnknown):
            keep_foreign(vault, iduser, product=product)
        assert foreign(vault, iduser, product) is None


def test_what_was_issued_for_another_expiry_is_not_kept(vault: Vault) -> None:
    """The card was sent, its claim was over, and the expiry was changed before the answer came."""
    (kept,) = keep(vault, new())
    iduser, sent = kept.token.iduser, find(vault, kept.token)
    assert sent is not None
    change = vault.cards.change_expiry(
        Wanted(kept.token, frozenset({"seaside"})), Expiry(2031, 2), entry(), None, lambda _: b""
    )
    asyncio.run(change)
    with pytest.raises(TokenNotIssued):
        asyncio.run(vault.foreign.keep(iduser, "seaside", "paycomet", Secret(ISSUED), sent))
    assert foreign(vault, iduser) is None
    now = find(vault, kept.token)
    asyncio.run(vault.foreign.keep(iduser, "seaside", "paycomet", Secret(ISSUED), now))
    assert foreign(vault, iduser) == ISSUED


@pytest.mark.parametrize("processes", [1, 2])
def test_p25_the_first_foreign_token_wins_and_the_others_are_told(tmp_path, processes) -> None:
    with opened(tmp_path) as vault, opened(tmp_path) as second:
        iduser = keep(vault, new())[0].token.iduser
        used = [vault, second][:processes]

        async def main() -> set[bytes]:
            calls = [
                used[n % processes].foreign.keep(iduser, "seaside", "paycomet", Secret(b"%d" % n))
                for n in range(32)
            ]
            return {one.reveal() for one in await asyncio.gather(*calls)}

        (won,) = asyncio.run(main())
        assert foreign(vault, iduser) == foreign(second, iduser) == won
        assert keep_foreign(vault, iduser) == won


def test_a_foreign_token_goes_with_its_card(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        iduser = keep(vault, new())[0].token.iduser
        keep_foreign(vault, iduser)
        with rows(tmp_path) as connection:
            connection.with_cascades()
            connection.execute("DELETE FROM link")
            assert connection.execute("SELECT count(*) FROM foreign_token").fetchone() == (0,)
        assert foreign(vault, iduser) is None
        with pytest.raises(TokenUnknown):
            keep_foreign(vault, iduser)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE foreign_token SET processor = 'stripe' WHERE iduser = {one}",
        "UPDATE card SET product = 'city' WHERE iduser = {one}",
        "UPDATE card SET test = 0 WHERE iduser = {one}",
        "UPDATE foreign_token SET sealed = b.sealed FROM foreign_token AS b WHERE foreign_token.iduser = {one} AND b.iduser = {other}",
        "UPDATE foreign_token SET sealed = substr(sealed, 1, 80)",
    ],
)
def test_p17_a_foreign_token_that_was_moved_does_not_open(tmp_path: Path, change: str) -> None:
    with opened(tmp_path) as vault:
        one, other = (kept.token.iduser for kept in keep(vault, new(), new(pan(1))))
        for iduser in (one, other):
            keep_foreign(vault, iduser)
        with rows(tmp_path) as connection:
            connection.execute(change.format(one=one, other=other))
        product = "city" if "city" in change else "seaside"
        processor = "stripe" if "stripe" in change else "paycomet"
        with pytest.raises(RecordDamaged) as damaged:
            foreign(vault, one, product, processor)
        assert damaged.value.__context__ is None
        with pytest.raises(RecordDamaged):
            keep_foreign(vault, one, product=product, processor=processor)


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
places = st.tuples(st.integers(1, 9), names, names, st.booleans())


@given(places, places)
def test_p17_no_two_foreign_tokens_share_a_place(one, other) -> None:
    first, second = (place_of(*said[:3], test=said[3]) for said in (one, other))
    assert (first == second) == (one == other)


@pytest.mark.sqlite_alone("reads SQLite's own files; test_postgres.py looks into PostgreSQL's")
def test_p16_a_foreign_token_stands_in_no_file_and_under_a_key_of_its_own(
    tmp_path: Path, monkeypatch
) -> None:
    sealing = []
    seal = Sealer.seal
    with opened(tmp_path) as vault:
        iduser = keep(vault, new())[0].token.iduser
        monkeypatch.setattr(Sealer, "seal", lambda self, *a: sealing.append(self) or seal(self, *a))
        keep_foreign(vault, iduser)
        assert sealing == [vault._keyring.foreign]
        assert "Zq883" not in repr(asyncio.run(vault.foreign.read(iduser, "seaside", "paycomet")))
        for path in (tmp_path / "state").iterdir():
            for spelling in (*spellings("Zq8830917264Kk"), b"778123"):
                assert spelling not in path.read_bytes()


def test_p27_what_can_not_be_stored_is_a_failure_without_the_value(tmp_path: Path) -> None:
    vault = open_vault(tmp_path)
    iduser = keep(vault, new())[0].token.iduser
    with pytest.raises(VaultUnavailable) as unavailable:
        keep_foreign(vault, iduser, processor="\ud800")
    assert unavailable.value.__context__ is None
    vault.close()
    for call in (lambda: keep_foreign(vault, iduser), lambda: foreign(vault, iduser)):
        with pytest.raises(VaultUnavailable):
            call()


KILLED = """
import os, pathlib, signal, sys
from tests.vault.makers import keep, new, open_vault
from tests.vault.test_vault_foreign import keep_foreign
def step(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(pathlib.Path(sys.argv[1]), step=step)
keep_foreign(vault, keep(vault, new())[0].token.iduser)
"""


@pytest.mark.parametrize(
    "at, there", [("foreign:row", False), ("foreign:written", False), ("foreign:committed", True)]
)
def test_p24_killed_at_each_step_a_foreign_token_is_there_or_not(tmp_path, at, there) -> None:
    done = run(KILLED, tmp_path, at)
    assert done.returncode == -signal.SIGKILL
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
        assert (foreign(vault, kept.token.iduser) == ISSUED) == there
