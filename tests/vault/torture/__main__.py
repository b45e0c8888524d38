"""Kills processes that write to a vault, at random, again and again, and looks whether anything is lost.

    python -m tests.vault.torture --rounds 1000 --store sqlite|postgres|both [--seed N]

`verify.py` says what is looked for after each round, `rounds.py` what a round is. The seed is printed,
to do a run again; where something does not hold, its vault is kept and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.vault.torture.rounds import RoundFailed, Tally, torture
from tests.vault.torture.stores import STORES, Store

_TOLD = 50  # rounds, where nobody watches


def run(store: Store, rounds: int, seed: int) -> bool:
    """Whether all of it held; tells what was done."""
    print(f"{store.name}: {rounds} rounds, seed {seed}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="card-gateway-torture-"))
    began = time.monotonic()

    def progress(done: int, tally: Tally) -> None:
        line = f"{store.name}: round {done} of {rounds}, {_said(tally)}"
        if sys.stdout.isatty():
            print(f"\r{line}", end="" if done < rounds else "\n", flush=True)
        elif done % _TOLD == 0 or done == rounds:
            print(line, flush=True)

    try:
        torture(store, directory, rounds=rounds, seed=seed, progress=progress)
    except RoundFailed as failed:
        store.save(failed.directory)
        print(f"\n{store.name}: {failed}\nIts vault is kept in {failed.directory}")
        print(f"To do it again: python -m tests.vault.torture --store {store.name} --seed {seed}")
        return False
    shutil.rmtree(directory)
    print(f"{store.name}: nothing lost, in {time.monotonic() - began:.0f} s", flush=True)
    return True


def _said(tally: Tally) -> str:
    harmed = f", the server {tally.harms} times" if tally.harms else ""
    return (
        f"{tally.kills} processes killed{harmed}; {tally.kept} messages and {tally.found} tokens"
        f" answered, {tally.cards} cards looked up after"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--store", choices=[*STORES, "both"], default="both")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    chosen = parser.parse_args()
    held = []
    for name in STORES if chosen.store == "both" else [chosen.store]:
        store = STORES[name]()
        try:
            held.append(run(store, chosen.rounds, chosen.seed))
        finally:
            store.close()
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
