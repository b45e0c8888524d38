"""A part of the evidence, and the page that is to be read first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway import __version__
from gateway.evidence.folder import MANIFEST, SIGNATURE
from gateway.evidence.requirements import STANDARD


@dataclass(frozen=True, slots=True)
class Part:
    """A file, what it is, what it says in short; `found`: it found something that somebody has to see."""

    file: str
    title: str
    says: str
    found: bool = False


def readme(parts: Sequence[Part], now: datetime) -> str:
    """README.md."""
    return "\n".join(_lines(parts, now)) + "\n"


def _lines(parts: Sequence[Part], now: datetime) -> Iterator[str]:
    yield "# Evidence of a card gateway\n"
    yield f"Made on {now:%Y-%m-%d} at {now:%H:%M} UTC by card-gateway {__version__}, for {STANDARD}. No card number,"
    yield "secret or guest's name is in it: cards are named by their tokens. It shows what this gateway does and"
    yield "did; that a requirement is met is the assessor's to say.\n"
    yield "| file | what | in short | |"
    yield "|---|---|---|---|"
    for part in parts:
        mark = "**look here**" if part.found else ""
        yield f"| [{part.file}]({part.file}) | {part.title} | {part.says} | {mark} |"
    yield f"\n`sha256sum -c {MANIFEST}` checks the files. `card-gateway evidence verify` checks {SIGNATURE} besides:"
    yield "the HMAC of the manifest under the vault's audit key, which only a gateway with this vault can make."
    yield "\nNot in here, and needed as well: what `card-gateway pages verify` said each week, run from outside;"
    yield "reviews of the audit; who has keys to the machine, the key-encryption key and the backups."
