"""Packs of systems that the project does not ship, as a stranger writes them from `docs/rules.md`.

A file of `tests/corpus/strangers/` is a pack, a line `---`, and messages. In a message `⟦before¦after⟧` is
what changes, and nothing else may: the outcome is written down, byte for byte, without any parser.
`⟪base64 …⟫` and its like write what stands between them in that coding. A message's keys:

- `route`, and `request:` or `response:` with the text; `cards:` how many are found, `failed:` how many fail
- `type` the Content-Type where it is another than its first sign says, `encoding`, `crlf: true`
- `stays`: numbers that look like cards to the finder below, and are none, or not the rule's to change
- `refused`: the code of a message that is refused
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import yaml

STRANGERS = Path(__file__).parent.parent / "corpus" / "strangers"
_CHANGE = re.compile("⟦([^⟦⟧¦]*)¦([^⟦⟧¦]*)⟧")
_CODED = re.compile("⟪(\\w+) ([^⟪⟫]*)⟫")
_CODINGS = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "url": quote_plus,
}
_LABELS = {"<": "text/xml", "{": "application/json", "[": "application/json"}
_DIGITS = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){11,18}(?![0-9])")
_ISSUED = re.compile(r"4|5[1-5]|2[2-7]|3[0-9]|6|50|5[6-9]|9792")


@dataclass(frozen=True, slots=True)
class Stranger:
    """One message of one pack: what comes, and what must go."""

    pack: str
    route: str
    way: str
    label: str
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    cards: int
    failed: int
    refused: str | None
    marked: str  # what the changes hold, for the finder
    stays: frozenset[str]


def files() -> list[Path]:
    return sorted(STRANGERS.glob("*.yaml"))


def pack_of(file: Path) -> str:
    return file.read_text(encoding="utf-8").partition("\n---\n")[0] + "\n"


def messages_of(file: Path) -> Iterator[Stranger]:
    for said in yaml.safe_load(file.read_text(encoding="utf-8").partition("\n---\n")[2]):
        yield _message(file.stem, said)


def _message(pack: str, said: dict[str, Any]) -> Stranger:
    way = "request" if "request" in said else "response"
    text = said[way].replace("\n", "\r\n") if said.get("crlf") else said[way]
    coding = said.get("encoding", "utf-8")
    before, after = (_side(text, side).encode(coding) for side in (1, 2))
    label = _LABELS.get(text.lstrip("\ufeff \n⟦")[:1], "application/x-www-form-urlencoded")
    return Stranger(
        pack, said["route"], way, said.get("type", label), before, after,
        said.get("cards", 0), said.get("failed", 0), said.get("refused"),
        " | ".join(change[1] for change in _CHANGE.finditer(text)), frozenset(said.get("stays", ())),
    )  # fmt: skip


def _side(text: str, side: int) -> str:
    text = _CHANGE.sub(lambda change: change[side], text)
    while _CODED.search(text):
        text = _CODED.sub(lambda coded: _CODINGS[coded[1]](coded[2]), text)
    return text


def numbers_in(text: str) -> set[str]:
    """Every number that could be a card: twelve to nineteen digits, spaces and dashes among them, an issued
    prefix and the check digit. Knows nothing of formats."""
    runs = (re.sub("[ -]", "", run[0]) for run in _DIGITS.finditer(unquote_plus(text)))
    return {run for run in runs if _ISSUED.match(run) and _checks(run)}


def _checks(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(one), 10)) for one in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0
