"""Tokens are unguessable, and one for each card, whoever writes."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from gateway.cards.token import IDUSER_MAX, Token, parse_alias
from gateway.errors import VaultUnavailable
from gateway.vault import draw as drawing
from gateway.vault import plan
from gateway.vault.draw import draw
from gateway.vault.service import Vault
from tests.gate import together
from tests.vault.makers import (
    entry,
    find,
    keep,
    many,
    new,
    opened,
    pan,
    place,
)

# --- P26 ------------------------------------------------------------------------------------------


def test_p26_tokens_are_unguessable() -> None:
    tokens = draw([False] * 100_000)
    idusers = {token.iduser for token in tokens}
    tokenusers = {token.tokenuser for token in tokens}
    assert len(idusers) == len(tokenusers) == 100_000
    assert min(idusers) >= 1
    assert max(idusers) <= IDUSER_MAX
    assert all(len(text) == 13 for text in tokenusers)
    signs = Counter("".join(tokenusers))
    assert len(signs) == 62
    expected = 1_300_000 / 62
    # chi squared with 61 degrees of freedom: 130 is passed by chance once in a million runs
    assert sum((count - expected) ** 2 / expected for count in signs.values()) < 130
    for position in range(13):
        at = Counter(text[position] for text in tokenusers)
        assert sum((c - 1e5 / 62) ** 2 / (1e5 / 62) for c in at.values()) < 140
    for bit in range(31):
        assert abs(sum(iduser >> bit & 1 for iduser in idusers) - 50_000) < 1000


def test_p26_unfair_values_are_thrown_away_and_zero_is_no_iduser() -> None:
    given_out = []

    def random(count: int) -> bytes:
        given_out.append(count)
        if len(given_out) == 1:
            return bytes(4) + b"\x80\0\0\0" + b"\0\0\0\1"
        if len(given_out) == 2:
            return b"\x80\0\0\1\0\0\0\2"
        if len(given_out) == 3:
            return b"\0\0\0\3"
        return bytes(range(248 - 4, 256)) + bytes(count - 12)

    tokens = draw([True, False, True], random=random)
    assert [(token.iduser, token.test) for token in tokens] == [(1, True), (2, False), (3, True)]
    assert tokens[0].tokenuser == "wxyz000000000"
    assert parse_alias(tokens[0].alias) == tokens[0]
    assert len(given_out) > 3


def test_an_iduser_that_is_in_use_is_drawn_again(vault: Vault, monkeypatch) -> None:
    (kept,) = keep(vault, new())
    drawn: list[Token] = [Token(kept.token.iduser, "A" * 13, test=True)]

    def rigged(modes):
        return [drawn.pop() if drawn else drawing.draw([mode])[0] for mode in modes]

    monkeypatch.setattr(plan, "draw", rigged)
    (other,) = keep(vault, new(pan(1)))
    assert other.token.iduser != kept.token.iduser
    assert not drawn


# --- several writers ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 20])
def test_p25_32_writers_of_one_card_get_one_token(vault: Vault, size: int) -> None:
    cards = many(size)

    async def all_at_once():
        return await asyncio.gather(
            *(vault.keep(cards, [entry(f"exchange-{n}")] * size) for n in range(32))
        )

    answers = asyncio.run(all_at_once())
    assert len({tuple(one.token for one in kept) for kept in answers}) == 1
    assert sum(one.created for kept in answers for one in kept) == size
    assert vault.count_by_product() == {"seaside": size}
    assert len(vault.entries(limit=10_000)) == 32 * size


def test_p25_two_processes_give_one_token(tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib, sys\n"
        "from tests import gate\n"
        "from tests.vault.makers import many, open_vault\n"
        "vault = open_vault(pathlib.Path(sys.argv[1]))\n"
        "gate.wait(sys.argv[2])\n"
        "async def main():\n"
        "    cards = many(60)\n"
        "    parts = [cards[n:n + 3] for n in range(0, 60, 3)] + [cards]\n"
        "    kept = await asyncio.gather(*(vault.keep(part) for part in parts))\n"
        "    print([one.token.alias for part in kept for one in part])\n"
        "asyncio.run(main())\n"
        "vault.close()\n"
    )
    place(tmp_path)  # a database on PostgreSQL, with nothing in it
    assert len(set(together(script, 2, tmp_path))) == 1
    with opened(tmp_path) as vault:
        assert vault.count_by_product() == {"seaside": 60}


def test_p25_who_is_never_first_gives_up(vault: Vault, monkeypatch) -> None:
    """A planner that never sees what stands: each of its cards is taken."""
    keep(vault, *many(20))
    monkeypatch.setattr(vault._store, "filed", lambda wanted: [])
    for cards in (many(20), many(20)[:1]):
        with pytest.raises(VaultUnavailable) as refused:
            keep(vault, *cards)
        assert refused.value.__context__ is None
    assert vault.count_by_product() == {"seaside": 20}


def test_p25_a_link_that_changed_meanwhile_is_read_again(tmp_path: Path, monkeypatch) -> None:
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        (kept,) = keep(vault, new())
        changed = [new(holder="B"), *many(16)]
        planned = vault._keeping._plan(changed, [])
        keep(other, new(holder="C"))

        plans = iter([planned])
        whole = vault._keeping._plan
        monkeypatch.setattr(vault._keeping, "_plan", lambda *a: next(plans, None) or whole(*a))
        again = keep(vault, *changed)
        assert again[0].token == kept.token
        found = find(vault, kept.token)
        assert found is not None
        assert found.card.holder is not None
        assert found.card.holder.reveal() == "B"
