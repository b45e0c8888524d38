"""A process that keeps and reads cards for ever, until it is killed: what `rounds.py` starts.

python -m tests.vault.torture.writer DIRECTORY PLACE SEED WRITER

Says on its standard output, a line each, written once the gateway would have answered:
`kept EXCHANGE NUMBER=ALIAS …`, `found EXCHANGE NUMBER=ALIAS`, and `wrong …` for what a token must never
open to. `open` comes first. A refusal is not said: the client has no answer then.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gateway.audit import Action, Entry, Outcome
from gateway.cards.token import parse_alias
from gateway.errors import GatewayError, VaultUnavailable
from gateway.vault.answer import Answer
from gateway.vault.kek.file import KekFile
from gateway.vault.model import Kept, Wanted
from gateway.vault.places import Place
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.service import Vault
from tests.vault.makers import NOON, answer, booking, entry, new, pan

CARDS = 3000
PRODUCT = frozenset({"seaside"})
_AGAIN = 0.02  # seconds


def place_in(said: str) -> Place:
    """A file of SQLite's by its whole path, or what libpq reads, as the command line says it."""
    return Path(said) if said.startswith("/") else PostgresPlace(said)


def sink_of(directory: Path, writer: str) -> Path:
    """Where the audit of a writer goes besides."""
    return directory / f"audit-{writer}.jsonl"


def is_spooled(exchange: str) -> bool:
    """Whether the message's answer is kept."""
    return exchange[-1] in "02468"


def size_of(exchange: str) -> int:
    """How many cards the message has."""
    return int(exchange.split(".")[1])


def rewritten(exchange: str, kept: Sequence[Kept]) -> Answer:
    """The answer with its tokens; the longer ones are compressed."""
    body = " ".join(one.token.alias for one in kept).encode()
    return answer(exchange, body=body * (20 if len(kept) > 2 else 1))


class Client:
    """Sends messages to one vault. `seed` names all of them."""

    def __init__(self, vault: Vault, seed: str) -> None:
        self._vault, self._seed = vault, seed
        self._dice = random.Random(seed)
        self._count = 0
        self._known: list[tuple[int, str]] = []

    async def go_on(self) -> None:
        while True:
            sent = [self._keep() for _ in range(self._dice.randrange(1, 5))]
            if self._known and self._dice.random() < 0.3:
                sent.append(self._find(*self._dice.choice(self._known)))
            await asyncio.gather(*sent)

    async def _keep(self) -> None:
        numbers = [self._dice.randrange(CARDS) for _ in range(self._dice.choice((1, 1, 2, 5, 240)))]
        exchange = self._next(len(numbers))
        cards = [new(pan(n), at=booking(f"RES-{self._dice.randrange(50)}")) for n in numbers]
        rewrite = partial(rewritten, exchange) if is_spooled(exchange) else None
        try:
            kept = await self._vault.keep(cards, [entry(exchange) for _ in cards], rewrite)
        except GatewayError:
            await asyncio.sleep(_AGAIN)
            return
        pairs = [(n, one.token.alias) for n, one in zip(numbers, kept, strict=True)]
        self._known += pairs
        say("kept", exchange, *(f"{n}={alias}" for n, alias in pairs))

    async def _find(self, number: int, alias: str) -> None:
        exchange = self._next(1) + "f"
        token = parse_alias(alias)
        assert token is not None
        intent = Entry(NOON, exchange, Action.DETOKENIZE, Outcome.INTENT, iduser=token.iduser)
        try:
            (found,) = await self._vault.find([Wanted(token, PRODUCT)], [intent])
        except GatewayError:
            await asyncio.sleep(_AGAIN)
            return
        right = found is not None and found.card.pan.reveal() == pan(number)
        say("found" if right else "wrong", exchange, f"{number}={alias}")

    def _next(self, size: int) -> str:
        self._count += 1
        return f"{self._seed}.{size}.{self._count}"


def say(*words: str) -> None:
    os.write(1, f"{' '.join(words)}\n".encode())


def opened(directory: Path, place: Place, writer: str) -> Vault:
    """As a gateway that is started again until it can."""
    while True:
        try:
            return Vault.open(place, KekFile(directory / "kek"), sinks=[sink_of(directory, writer)])
        except VaultUnavailable:
            time.sleep(_AGAIN)


if __name__ == "__main__":
    folder, where, seed, name = sys.argv[1:]
    vault = opened(Path(folder), place_in(where), name)
    say("open")
    asyncio.run(Client(vault, seed).go_on())
