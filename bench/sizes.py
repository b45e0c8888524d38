"""`python -m bench.sizes COUNT [sqlite|postgres …]`: a vault of COUNT cards, by the operator's own commands.

An import of COUNT lines, `vault verify`, `audit verify`, and a purge of all of them: seconds, lines a second,
the command's largest memory, and the longest that somebody else's new card waited meanwhile. Every number of
cards is one line of the table, so that what grows faster than its input shows. Not part of `make bench`:
a million takes most of an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Booking, Card
from gateway.cards.expiry import Expiry
from gateway.config import read_config
from gateway.sandbox.cards import generated
from gateway.secret import Secret
from gateway.vault.configured import open_vault
from gateway.vault.model import NewCard
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
    print(f"{'':9} {'cards':>8}  {'':13} {'s':>7} {'/s':>7} {'MB':>5}  waited s")
    for store in chosen.stores:
        with tempfile.TemporaryDirectory(prefix="card-gateway-sizes-") as directory:
            measure(store, chosen.count, Path(directory))


def measure(store: str, count: int, directory: Path) -> None:
    """Prints a line for each command. Raises AssertionError where one fails."""
    server = Server(disk=Path(tempfile.gettempdir())) if store == "postgres" else None
    try:
        (directory / "state").mkdir()
        url = "" if server is None else f"postgresql://postgres@/postgres?host={server.data}"
        config = configured(directory, url, days=30)
        run(config, "cards", "import-key", "--out", "import.pem")
        encrypt(directory, count)
        whole = "cards", "import", "cards.cms", "--product", "seaside", "--provider", "old"
        for name, words in {
            "import": (*whole, "--refused", "refused.csv", "--map", "map.csv"),
            "import again": (*whole, "--refused", "refused-2.csv", "--map", "map-2.csv"),
            "vault verify": ("vault", "verify"),
            "audit verify": ("audit", "verify"),
            "audit export": ("audit", "export"),
            "vault purge": ("vault", "purge"),
        }.items():
            config = configured(directory, url, days=0 if name == "vault purge" else 30)
            with beside(config) as waited:
                seconds, megabytes = run(config, *words)
            print(
                f"{store:9} {count:8}  {name:13} {seconds:7.1f} {count / seconds:7.0f} {megabytes:5.0f}"
                f"  {max(waited):.2f}",
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
    """`cards.cms`: each line a card of its own, its booking over ten days ago."""
    departure = f"{datetime.now(UTC) - timedelta(days=10):%Y-%m-%d}"
    command = "openssl cms -encrypt -binary -stream -outform DER -aes-256-gcm -out cards.cms -recip import.pem"
    padding = "-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256"
    made = subprocess.Popen(
        [*command.split(), *padding.split()], cwd=directory, stdin=subprocess.PIPE, text=True
    )
    assert made.stdin is not None
    with made.stdin as lines:
        lines.write("pan,expiry,token,holder,booking,departure\n")
        for n in range(count):
            lines.write(f"{generated(n)},2031-08,old-{n:08x},Ana Example,RES-{n},{departure}\n")
    assert made.wait() == 0


def run(config: Path, *words: str) -> tuple[float, float]:
    """Seconds, and the most memory in MB, of a command."""
    started = time.monotonic()
    with (config.parent / "said").open("wb") as said:
        child = subprocess.Popen(
            [*COMMAND, *words, "--config", config.name], cwd=config.parent, stdout=said, stderr=said,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        _, status, used = os.wait4(child.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, (config.parent / "said").read_text()[-2000:]
    return time.monotonic() - started, used.ru_maxrss / 1024


@contextmanager
def beside(config: Path) -> Iterator[list[float]]:
    """How long each new card of a gateway waits that runs beside; one every now and then."""
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
        yield waited
    finally:
        ending.set()
        thread.join()
        vault.close()


if __name__ == "__main__":
    main()
