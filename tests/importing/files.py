"""Files as another provider makes them, with the real OpenSSL."""

from __future__ import annotations

import functools
import io
import shlex
import subprocess

from gateway.cards.pan import luhn_ok
from gateway.cli.cards_import import command_for
from gateway.importing import keys
from gateway.importing.service import Importing
from gateway.vault.service import utc_now
from tests.vault.makers import NOON

HEADER = "pan,expiry,token,holder,booking,departure\n"
PANS = ("4929000000000006", "5555555555554444", "4111111111111111")


@functools.cache
def key():
    """A pair; making one takes a second."""
    return keys.new_key(NOON)


@functools.cache
def private():
    return keys.load(key())


def row(n, *, pan=None, expiry="2029-08", token=None):
    """A card of its own for each number."""
    return f"{pan or number(n)},{expiry},{token or f'old-{n}'},Ana Example,RES-{n},2026-04-01\n"


def number(n):
    return next(f"49290{n:010d}{check}" for check in range(10) if luhn_ok(f"49290{n:010d}{check}"))


def encrypt(directory, content, *, more=(), without=(), certificate=None):
    """Runs the command that `cards import-key` prints; gives the encrypted file."""
    (directory / "import.pem").write_text(certificate or key().certificate)
    (directory / "cards.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    words = [word for word in shlex.split(command_for("import.pem")) if word not in without]
    subprocess.run([*words, *more], cwd=directory, check=True, capture_output=True)
    (directory / "cards.csv").unlink()
    return directory / "cards.cms"


def importing(vault, product, provider="pci-booking"):
    kept = [keys.load(one) for one in vault.import_keys.all()]
    return Importing(vault, product, provider, kept or [private()], utc_now)


def imported(vault, product, file, provider="pci-booking"):
    """What is told of each line."""
    one = importing(vault, product, provider)
    with file.open("rb") as opened:
        looked = one.look(opened, lambda _: None)
        return looked, list(one.run(opened, looked, lambda _: None))


def pieces(content, size=7):
    read = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    return iter(lambda: read.read(size), b"")
