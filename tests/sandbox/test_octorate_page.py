"""docs/octorate.md: its calls do what it says (those through the gateway: tests/e2e/test_octorate.py)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.sandbox.octorate import OTAS

TEXT = (Path(__file__).parents[2] / "docs" / "octorate.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the page's calls are curl's")


def run(script):
    """What a block printed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_curl
def test_the_calls(sandbox, ca):
    block = BLOCKS[0].replace("https://127.0.0.1:9452", sandbox.url("octorate"))
    told = run(block.replace("state/sandbox/sandbox-ca.pem", ca))
    assert '"access_token":"' in told
    assert told.count('"refer":"OCT900101"') == 2
    assert told.count('"card":null') == 1
    (added,) = re.findall(r'"reservationId":900103,"card":\{"token":"([^"]+)"', told)
    assert told.count(added) == 2
    (card,) = sandbox.received.cards("octorate")
    assert (card.number, card.holder) == ("4111111111111111", "Ada Example")


@needs_curl
def test_the_switches(sandbox, ca):
    told = run(f"url={sandbox.url('octorate')}\nca={ca}\n{BLOCKS[2]}")
    assert told == '{"cards":[]}{"networks":["203.0.113.0/24"]}{"expired":0}'


def test_the_reservations_and_names_are_the_ones_that_there_are(sandbox):
    rows = re.findall(r"^\| ([0-9, ]+) \| (.*?) \|$", TEXT, re.MULTILINE)
    told = {int(id): words for ids, words in rows for id in ids.split(", ")}
    every = range(900000, 901000)
    there = [id for id in every if sandbox.octorate.reservations.one(id)]
    assert sorted(told) == there
    for id, words in told.items():
        card = sandbox.octorate.reservations.one(id).card
        assert words.startswith("none") == (card is None), id
        assert ("`cardVirtual` is true" in words) <= (card or {}).get("cardVirtual", False), id
    assert all(f"`{name}`" in TEXT for name in OTAS)
