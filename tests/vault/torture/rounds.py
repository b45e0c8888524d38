"""The rounds: processes that write to one vault at once, each killed at a random moment, then a look.

Each vault is used for some rounds, so that looking at it stays quick, and then the next is begun: the
first start of a vault is tortured as well. Where the store is a server, it is killed now and then, while
they write.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.vault.places import Place
from gateway.vault.postgres.place import PostgresPlace
from tests.children import Child, start
from tests.vault.torture.stores import Store
from tests.vault.torture.verify import Said, verify

WRITERS = 2
_ROUNDS_OF_A_VAULT = 10
_LONGEST = 0.4  # seconds that a writer lives
_EARLY = 0.15  # of the rounds: killed from the start on, before the vault is open
_OPENING = 60.0

Progress = Callable[[int, "Tally"], None]


@dataclass(slots=True)
class Tally:
    """What was done, so that nobody takes an idle run for a good one."""

    kills: int = 0
    harms: int = 0  # of the store itself
    kept: int = 0  # messages answered
    found: int = 0  # tokens opened by a writer
    cards: int = 0  # that were looked up after a kill, all rounds together


class RoundFailed(AssertionError):
    """What must hold did not, in a round; `directory` has its vault."""

    def __init__(self, failed: Exception, number: int, seed: int, directory: Path) -> None:
        super().__init__(f"round {number} of seed {seed}: {type(failed).__name__}: {failed}")
        self.directory = directory


def torture(
    store: Store, directory: Path, *, rounds: int, seed: int, progress: Progress | None = None
) -> Tally:
    """Does it, in folders of `directory`; the same seed gives the same messages and moments, as far as
    the machine's own time goes. Raises RoundFailed.
    """
    tally, folder, place, said = Tally(), directory, None, Said()
    for number in range(rounds):
        if place is None or number % _ROUNDS_OF_A_VAULT == 0:
            folder, said = directory / f"vault-{number}", Said()
            folder.mkdir()
            place = store.place(folder)
        kept, found = len(said.kept), len(said.found)
        try:
            _round(store, folder, place, said, f"{seed}-{number}", tally)
        except Exception as failed:  # a record that does not open, as well
            raise RoundFailed(failed, number, seed, folder) from failed
        tally.kept += len(said.kept) - kept
        tally.found += len(said.found) - found
        tally.cards += len(said.tokens)
        if progress is not None:
            progress(number + 1, tally)
    return tally


def _round(store: Store, folder: Path, place: Place, said: Said, seed: str, tally: Tally) -> None:
    dice = random.Random(seed)
    with ExitStack() as undo:
        writers = [_Writer(folder, place, seed, name) for name in map(str, range(WRITERS))]
        for one in writers:
            undo.callback(one.kill)
        if dice.random() >= _EARLY:
            for one in writers:
                one.wait_until_open()
        actions = [(dice.random() * _LONGEST, one.kill) for one in writers]
        harm = store.harm(dice)
        if harm is not None:
            tally.harms += 1
            actions.append((dice.random() * _LONGEST / 2, harm))
        began = time.monotonic()
        for at, action in sorted(actions, key=lambda one: one[0]):
            time.sleep(max(0.0, began + at - time.monotonic()))
            action()
    for one in writers:
        tally.kills += 1
        said.take(one.said())
    store.settle()
    verify(folder, place, said)


class _Writer:
    """A writer's process, and the file that it says what it did in."""

    def __init__(self, folder: Path, place: Place, seed: str, name: str) -> None:
        self._output, self._errors = folder / f"said-{name}", folder / f"stderr-{name}"
        where = place.url if isinstance(place, PostgresPlace) else place
        words = (folder, where, f"{seed}-{name}", name)
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            module = "tests.vault.torture.writer"
            self._child: Child = start(module, *words, stdout=output, stderr=errors)

    def wait_until_open(self) -> None:
        until = time.monotonic() + _OPENING
        while not self._output.stat().st_size:
            assert self._child.poll() is None, self._errors.read_text()[-1000:]
            assert time.monotonic() < until, "a writer does not open the vault"
            time.sleep(0.002)

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # it was killed already, and is not waited for yet
            self._child.kill()

    def said(self) -> str:
        """All of it. Raises AssertionError where it ended otherwise than by being killed."""
        code = self._child.wait(60)
        assert code == -signal.SIGKILL, self._errors.read_text()[-1000:]
        return self._output.read_text()
