"""A vault that is moved, and one that is written to meanwhile by a process of its own.

python -m tests.vault.moving DIRECTORY    keeps cards in the vault of DIRECTORY until it was moved, and
                                          says what became of each, a line each
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from contextlib import contextmanager
from pathlib import Path

from gateway.audit import Action, Entry, Outcome
from gateway.errors import VaultClosed
from gateway.vault import closing
from gateway.vault.closing import Closed
from gateway.vault.copying import sums
from gateway.vault.database import no_step
from gateway.vault.kek.file import KekFile
from gateway.vault.model import Wanted
from gateway.vault.moving import Moving, Unwatched
from gateway.vault.moving_ends import Filling, Leaving, Mover
from gateway.vault.places import open_database
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.service import Vault, utc_now
from tests.vault.makers import NOON, booking, entry, new, open_vault, pan, place
from tests.vault.outside import outside

BY = "command line: test"
# So many as fast as they can be kept. Then others have a turn: what is kept for as long as a busy machine takes
# to move it must be moved, too.
AT_FIRST = 1000
PAUSE = 0.05  # seconds
NOW = "2026-03-01T12:00:00.000000+00:00"


def named(said):
    """A place, as text has it."""
    return (
        PostgresPlace(said)
        if said.startswith(("postgresql:", "host=", "user=", "dbname="))
        else Path(said)
    )


@contextmanager
def both(directory, target, *, step=no_step, run="run", sinks=()):
    """The two ends."""
    mover = Mover(run, BY, [KekFile(directory / "kek")], utc_now, sinks)
    source = place(directory)
    one, other = (
        open_database(source, now=NOW, step=step),
        open_database(target, now=NOW, step=step),
    )
    try:
        yield Leaving(one, source, target, mover), Filling(other, target, mover)
    finally:
        one.close()
        other.close()


def move(directory, target, *, step=no_step, watcher=None, **more):
    """Moves the vault of `directory` to `target`; how it went."""
    with both(directory, target, step=step, **more) as (leaving, filling):
        return Moving(leaving, filling, place(directory), watcher=watcher, step=step).run()


@contextmanager
def moved(directory, target):
    """The vault where it is by now, with the same KEK."""
    vault = Vault.open(target, KekFile(directory / "kek"))
    try:
        yield vault
    finally:
        vault.close()


def state(at):
    with outside(at) as connection:
        return closing.why(connection.raw)


def everything(at):
    """What a place holds, in sums, and whether it is closed."""
    database = open_database(at, now=NOW)
    try:
        return database.read(sums), database.read(closing.why)
    finally:
        database.close()


def said(at):
    """What the audit says of moves: detail, outcome, origin."""
    with outside(at) as connection:
        found = connection.execute(
            "SELECT detail, outcome, origin FROM audit WHERE action = 'vault_move' ORDER BY id"
        ).fetchall()
    assert all(origin == BY for _, _, origin in found)
    return [f"{detail} {outcome}" for detail, outcome, _ in found]


class Watching(Unwatched):
    """Does something when a phase begins, once."""

    def __init__(self, **what) -> None:
        self.what, self.phases = what, []

    def begins(self, phase, rows):
        self.phases.append(phase)
        self.what.pop(phase.value, lambda: None)()


def interrupt():
    """As Ctrl-C does."""
    raise KeyboardInterrupt


def opens(at, directory):
    """Whether it opens as a vault."""
    try:
        with moved(directory, at):
            return True
    except VaultClosed:
        return False


def once(at, work):
    """A step's hook that does something the first time."""
    left = [work]

    def step(name):
        if name == at and left:
            left.pop()()

    return step


async def load(vault, seed):
    """Keeps and forgets cards for ever. `kept N alias`, `gone alias`; `closed` where it was refused."""
    dice = random.Random(seed)
    forgotten = Entry(NOON, "forget", Action.FORGET, Outcome.INTENT, client="pms")
    tokens, count = [], 0
    while True:
        if count > AT_FIRST:
            await asyncio.sleep(PAUSE)
        numbers = [dice.randrange(100_000, 200_000) for _ in range(dice.choice((1, 1, 3, 30)))]
        cards = [new(pan(n), at=booking(f"RES-{n % 50}")) for n in numbers]
        try:
            kept = await vault.keep(cards, [entry(f"load-{n}") for n in numbers])
            count += len(kept)
            for number, one in zip(numbers, kept, strict=True):
                tell("kept", number, one.token.alias)
                tokens.append(one.token)
            if dice.random() < 0.3:
                token = tokens.pop(dice.randrange(len(tokens)))
                tokens = [one for one in tokens if one != token]
                tell("going", token.alias)
                await vault.cards.forget(wanted(token), forgotten, None)
                tell("gone", token.alias)
        except VaultClosed as error:
            tell("closed", error.code)
            if vault._database.read(closing.why) is Closed.MOVED:
                tell("moved")
                return
            await asyncio.sleep(0.01)


def wanted(token):
    return Wanted(token, frozenset({"seaside"}))


def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def main() -> None:
    vault = open_vault(Path(sys.argv[1]), busy_seconds=20.0)
    tell("ready")
    asyncio.run(load(vault, int(sys.argv[2])))
    vault.close()


if __name__ == "__main__":
    main()
