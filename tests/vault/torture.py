"""Kills a process that keeps cards, at random, again and again, and looks whether anything is lost.

python -m tests.vault.torture --rounds 1000

After each kill: every token that was answered is there and opens to its card; no entry without its
cards and no card without its entries; every other message has an answer that is kept with it, and no
answer is there without its message; the audit's chain is whole; the database is sound. Prints the seed, to repeat a run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gateway.cards.token import parse_alias
from gateway.vault.answer import Answer
from gateway.vault.model import Kept, Wanted
from gateway.vault.service import Vault
from tests.vault.makers import answer, booking, entry, new, open_vault, opened, pan, rows


def spooled(exchange: str) -> bool:
    """Whether the message's answer is kept."""
    return exchange[-1] in "02468"


def rewritten(exchange: str, kept: Sequence[Kept]) -> Answer:
    """The answer with its tokens; the longer ones are compressed."""
    body = " ".join(one.token.alias for one in kept).encode()
    return answer(exchange, body=body * (20 if len(kept) > 2 else 1))


async def write(vault: Vault, seed: int) -> None:
    """Keeps messages for ever and says what was answered: `exchange number=alias …`."""
    dice = random.Random(seed)
    count = 0

    async def message() -> None:
        nonlocal count
        count += 1
        exchange = f"{seed}-{count}"
        numbers = [dice.randrange(3000) for _ in range(dice.choice((1, 1, 2, 5, 40)))]
        cards = [new(pan(n), at=booking(f"RES-{dice.randrange(50)}")) for n in numbers]
        rewrite = partial(rewritten, exchange) if spooled(exchange) else None
        kept = await vault.keep(cards, [entry(exchange) for _ in cards], rewrite)
        pairs = (f"{n}={k.token.alias}" for n, k in zip(numbers, kept, strict=True))
        os.write(1, f"{exchange} {' '.join(pairs)}\n".encode())

    while True:
        await asyncio.gather(*(message() for _ in range(dice.randrange(1, 5))))


def torture(directory: Path, *, rounds: int, seed: int) -> int:
    """Does it. Gives the number of messages that were answered. Raises AssertionError."""
    dice = random.Random(seed)
    tokens: dict[int, str] = {}
    answered: dict[str, list[str]] = {}
    for number in range(rounds):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.vault.torture",
                "--child",
                directory,
                "--seed",
                str(number),
            ],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.read(1)  # it has begun
        time.sleep(dice.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        lines = process.communicate(timeout=60)[0].decode().split("\n")[:-1]  # the last may be cut
        for line in lines:
            exchange, *pairs = line.split()
            answered[exchange] = pairs
            for pair in pairs:
                n, alias = pair.split("=")
                assert tokens.setdefault(int(n), alias) == alias, "one card, two tokens"
        _verify(directory, tokens, answered)
    return len(answered)


def _verify(directory: Path, tokens: dict[int, str], answered: dict[str, list[str]]) -> None:
    with rows(directory) as connection:
        connection.assert_sound()
        counts = dict(connection.execute("SELECT exchange, count(*) FROM audit GROUP BY exchange"))
        for exchange, pairs in answered.items():
            assert counts.get(exchange) == len(pairs), "answered, and not recorded"
        kept = {exchange for (exchange,) in connection.execute("SELECT exchange FROM answer")}
        assert kept == {exchange for exchange in counts if spooled(exchange)}, (
            "one without the other"
        )
        lone = "SELECT count(*) FROM card WHERE iduser NOT IN (SELECT iduser FROM audit)"
        assert connection.execute(lone).fetchone() == (0,), "a card without an entry"
        lone = "SELECT count(*) FROM card WHERE iduser NOT IN (SELECT iduser FROM link)"
        assert connection.execute(lone).fetchone() == (0,), "a card without a link"
        lone = "SELECT count(*) FROM audit WHERE iduser NOT IN (SELECT iduser FROM card)"
        assert connection.execute(lone).fetchone() == (0,), "an entry without a card"
    with opened(directory) as vault:
        assert vault.audit.check().findings == [], "the audit's chain is broken"
        wanted = []
        for alias in tokens.values():
            token = parse_alias(alias)
            assert token is not None
            wanted.append(Wanted(token, frozenset({"seaside"})))
        found = asyncio.run(vault.find(wanted))
        for n, card in zip(tokens, found, strict=True):
            assert card is not None, "a token was lost"
            assert card.card.pan.reveal() == pan(n), "a token opens to another card"
        assert vault.count_by_product().get("seaside", 0) >= len(tokens)
        for row in asyncio.run(vault.answers.listed(limit=10**6)):
            there = asyncio.run(vault.answers.open(row.exchange, client="pms"))
            assert there is not None
            pairs = answered.get(row.exchange, [])
            aliases = " ".join(pair.split("=")[1] for pair in pairs).encode()
            assert there.body.startswith(aliases), "an answer has other tokens"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--child", type=Path)
    chosen = parser.parse_args()
    if chosen.child:
        vault = open_vault(chosen.child)
        os.write(1, b"\n")
        asyncio.run(write(vault, chosen.seed))
    print(f"seed {chosen.seed}")
    with tempfile.TemporaryDirectory() as directory:
        count = torture(Path(directory), rounds=chosen.rounds, seed=chosen.seed)
    print(f"{chosen.rounds} kills, {count} messages answered, none lost")


if __name__ == "__main__":
    main()
