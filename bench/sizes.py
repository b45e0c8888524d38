"""`python -m bench.sizes COUNT [sqlite|postgres …]`: a vault of COUNT cards, by the operator's own commands.

An import of COUNT lines that is killed half way and run again, the checks, a backup and a drill, new keys and a
purge of a tenth: seconds, those of the command's processor, lines a second, the command's largest memory, and how long
somebody else's new card waited meanwhile (the 99th of a hundred, and the longest). Every number of cards is a table
of its own, so that what grows faster than its input shows. Not part of `make bench`: a million takes hours.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Booking, Card
from gateway.cards.expiry import Expiry
from gateway.config import read_config
from gateway.sandbox.cards import generated
from gateway.secret import Secret
from gateway.vault.configured import open_vault
from gateway.vault.model import NewCard
from gateway.vault.service import Vault
from tests.postgres import Server

ROOT = Path(__file__).parent.parent
COMMAND = (sys.executable, "-m", "gateway.cli.main")
SETTINGS = """\
products: {{ seaside: {{ merchant_code: abc123, terminal: 1, mode: test,
                         retention: {{ after_departure: {days} }} }} }}
clients: {{ pms: {{ networks: [127.0.0.0/8] }} }}
state: {directory}/state
"""
_OTHERS = 8_000_000  # the numbers of whoever writes beside; MOST is far beyond
_BREATH = 0.05  # seconds between two of them


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.sizes", description=__doc__)
    parser.add_argument("count", type=int, help="how many cards: 10000, 200000, 1000000")
    parser.add_argument("stores", nargs="*", default=["sqlite", "postgres"])
    chosen = parser.parse_args()
    print(
        f"{'':9} {'cards':>8}  {'':14} {'s':>7} {'cpu s':>7} {'/s':>7} {'MB':>5}  waited s: 99 %, all"
    )
    for store in chosen.stores:
        with tempfile.TemporaryDirectory(prefix="card-gateway-sizes-") as directory:
            measure(store, chosen.count, Path(directory))


def measure(store: str, count: int, directory: Path) -> None:
    """Prints a line for each command. Raises AssertionError where one fails."""
    # Durable and on a disk, as an operator's is.
    server = Server(fsync="on", disk=Path(tempfile.gettempdir())) if store == "postgres" else None
    try:
        (directory / "state").mkdir()
        url = "" if server is None else f"postgresql://postgres@/postgres?host={server.data}"
        config = configured(directory, url, days=30)
        run(config, "cards", "import-key", "--out", "import.pem")
        encrypt(directory, count)
        whole = "cards", "import", "cards.cms", "--product", "seaside", "--provider", "old"
        for name, words in {
            "import, killed": (*whole, "--refused", "refused.csv", "--map", "map.csv"),
            "import, again": (*whole, "--refused", "refused-2.csv", "--map", "map-2.csv"),
            "vault status": ("vault", "status"),
            "vault verify": ("vault", "verify"),
            "audit verify": ("audit", "verify"),
            "audit export": ("audit", "export"),
            "vault backup": ("vault", "backup", "now.backup"),
            "vault drill": ("vault", "drill", "now.backup"),
            "vault rotate": ("vault", "rotate"),
            "vault rewrap": ("vault", "rewrap"),
            "vault purge": ("vault", "purge"),  # of a tenth
        }.items():
            config = configured(directory, url, days=0 if name == "vault purge" else 30)
            half = count // 2 if name == "import, killed" else None
            with beside(config) as (vault, waited):
                took = run(config, *words, until=half and (vault, half))
            done = {"import, killed": count // 2, "vault purge": count // 10}.get(name, count)
            waited.sort()
            print(
                f"{store:9} {count:8}  {name:14} {took.seconds:7.1f} {took.cpu:7.1f} {done / took.seconds:7.0f}"
                f" {took.megabytes:5.0f}  {waited[len(waited) * 99 // 100]:.2f} {waited[-1]:.2f}",
                flush=True,
            )
    finally:
        if server is not None:
            server.close()


def configured(directory: Path, url: str, *, days: int) -> Path:
    vault = f"vault: {{ url: '{url}' }}\n" if url else ""
    file = directory / "gateway.yaml"
    file.write_text(SETTINGS.format(directory=directory, days=days) + vault, encoding="utf-8")
    return file


def encrypt(directory: Path, count: int) -> None:
    """`cards.cms`: each line a card of its own; of every tenth the booking was over ten days ago."""
    over, later = (f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}" for days in (-10, 60))
    command = "openssl cms -encrypt -binary -stream -outform DER -aes-256-gcm -out cards.cms -recip import.pem"
    padding = "-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256"
    made = subprocess.Popen(
        [*command.split(), *padding.split()], cwd=directory, stdin=subprocess.PIPE, text=True
    )
    assert made.stdin is not None
    with made.stdin as lines:
        lines.write("pan,expiry,token,holder,booking,departure\n")
        for n in range(count):
            departure = later if n % 10 else over
            lines.write(f"{generated(n)},2031-08,old-{n:08x},Ana Example,RES-{n},{departure}\n")
    assert made.wait() == 0


class Took(NamedTuple):
    """What a command took: `cpu` seconds of a processor, the most memory."""

    seconds: float
    cpu: float
    megabytes: float


def run(config: Path, *words: str, until: tuple[Vault, int] | None = None) -> Took:
    """Runs a command to its end, or kills it once the vault has so many cards."""
    started = time.monotonic()
    with (config.parent / "said").open("wb") as said:
        child = subprocess.Popen(
            [*COMMAND, *words, "--config", config.name], cwd=config.parent, stdout=said, stderr=said,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        while until is not None and sum(until[0].count_by_product().values()) < until[1]:
            time.sleep(_BREATH)
        if until is not None:
            child.kill()
        _, status, used = os.wait4(child.pid, 0)
    ended = 0 if until is None else -signal.SIGKILL
    assert os.waitstatus_to_exitcode(status) == ended, (config.parent / "said").read_text()[-2000:]
    cpu = used.ru_utime + used.ru_stime
    return Took(time.monotonic() - started, cpu, used.ru_maxrss / 1024)


@contextmanager
def beside(config: Path) -> Iterator[tuple[Vault, list[float]]]:
    """The vault, and how long each new card of a gateway waits that runs beside; one every now and then."""
    vault, ending, waited = open_vault(read_config(config)), threading.Event(), [0.0]

    def write() -> None:
        number = _OTHERS + time.monotonic_ns() // 1_000_000 % 900_000
        while not ending.wait(_BREATH):
            number += 1
            card = Card(Secret(generated(number)), Expiry(2031, 8), None, None)
            new = NewCard(
                "seaside", True, card, Booking("siteminder", "1", f"B-{number}", None, None)
            )
            entry = Entry(datetime.now(UTC), f"e-{number}", Action.TOKENIZE, Outcome.DONE)
            started = time.monotonic()
            asyncio.run(vault.keep([new], [entry]))
            waited.append(time.monotonic() - started)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield vault, waited
    finally:
        ending.set()
        thread.join()
        vault.close()


if __name__ == "__main__":
    main()
