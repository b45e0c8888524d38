"""docs/sandbox-bookingsync.md: its calls do what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.sandbox.bookingsync_records import RENTALS

PAGE = Path(__file__).parents[2] / "docs" / "sandbox-bookingsync.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the page's calls are curl's")


def run(script):
    """What a block printed, its pauses left out."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("sleep 2", "true")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def here(block, sandbox, ca):
    fixed = {
        "https://127.0.0.1:9450": sandbox.url("bookingsync"),
        "state/sandbox/sandbox-ca.pem": ca,
    }
    for name, own in fixed.items():
        block = block.replace(name, own)
    return block


@needs_curl
def test_the_four_calls(sandbox, ca):
    sandbox.bookingsync.account.settings = type(sandbox.bookingsync.settings)(capture_seconds=0)
    told = run(here(BLOCKS[0], sandbox, ca))
    assert '"status":"Tentative"' in told
    assert "200\n" in told
    assert re.search(r'"transaction_id":"[A-Z]+"', told)
    (card,) = sandbox.received.cards("bookingsync")
    assert (card.number, card.reference) == ("4111111111111111", "101")


@needs_curl
def test_the_switches(sandbox, ca):
    settings = f"url={sandbox.url('bookingsync')}\nca={ca}\n"
    told = run(settings + BLOCKS[2])
    assert '{"cards":[]}{"captured":[]}' in told
    assert told.endswith('{"capture_seconds":60,"challenges":false,"fails_with":"api"}')


def test_the_table_of_rentals():
    rows = re.findall(r"^\| ([0-9]) \| ([A-Z]{3}) \| (.*?) \|", TEXT, re.MULTILINE)
    assert rows == [
        (
            str(rental.id),
            rental.currency,
            f"`{rental.gateway.id}`, `{rental.gateway.name}`" if rental.gateway else "none",
        )
        for rental in RENTALS.values()
    ]
