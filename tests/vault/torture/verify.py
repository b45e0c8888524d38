"""What must hold of a vault after a kill, whatever was killed when.

1. Every token that was answered opens to its card, and one card has one token.
2. What was answered is in the audit, and what was read was there before it was read. A message is in
   it with all of its cards, or with none.
3. No card without its entries and links, no entry without its card; an answer is kept with its
   message and not without, and has the message's tokens.
4. The audit's chain is whole; every record opens; the counts agree; the database is sound.
5. What the database has of the audit, the sinks have.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from gateway.cards.token import parse_alias
from gateway.vault.kek.file import KekFile
from gateway.vault.model import Wanted
from gateway.vault.places import Place
from gateway.vault.service import Vault
from gateway.vault.terms import Retention, Terms
from tests.vault.makers import NOON, pan
from tests.vault.outside import outside
from tests.vault.torture.writer import PRODUCT, is_spooled, size_of

_LONG = Terms(*[timedelta(days=3650)] * 4)
_LONE = {
    "a card without an entry": "card WHERE iduser NOT IN (SELECT iduser FROM audit WHERE iduser IS NOT NULL)",
    "a card without a link": "card WHERE iduser NOT IN (SELECT iduser FROM link)",
    "an entry without a card": "audit WHERE iduser NOT IN (SELECT iduser FROM card)",
}
# What a line has the id under → where the database has it.
_IN_SINKS = {"id": "audit", "anchor": "audit_anchor"}


@dataclass(slots=True)
class Said:
    """What clients were answered, by one vault."""

    tokens: dict[int, str] = field(default_factory=dict)  # a card's number → its token
    kept: dict[str, list[str]] = field(default_factory=dict)  # exchange → tokens
    found: set[str] = field(default_factory=set)  # exchanges

    def take(self, text: str) -> None:
        """Takes what a writer said; its last line may be cut. Raises AssertionError."""
        for line in text.split("\n")[:-1]:
            what, *words = line.split(" ")
            if what == "open":
                continue
            exchange, *pairs = words
            assert what != "wrong", f"a token opens to another card, or to none: {exchange}"
            for pair in pairs:
                number, alias = pair.split("=")
                assert self.tokens.setdefault(int(number), alias) == alias, "one card, two tokens"
            if what == "found":
                self.found.add(exchange)
            else:
                self.kept[exchange] = [pair.split("=")[1] for pair in pairs]


def verify(directory: Path, place: Place, said: Said) -> None:
    """Raises AssertionError."""
    _verify_rows(place, said, directory)
    vault = Vault.open(place, KekFile(directory / "kek"))
    try:
        _verify_opened(vault)
        asyncio.run(_verify_tokens(vault, said))
        asyncio.run(_verify_answers(vault, said))
    finally:
        vault.close()


def _verify_rows(place: Place, said: Said, directory: Path) -> None:
    with outside(place) as connection:
        if "audit" not in connection.tables():
            assert not said.kept, "answered, and there is no vault"
            return  # killed before there was any
        connection.assert_sound()
        asked = "SELECT exchange, count(*) FROM audit GROUP BY exchange"
        counts = dict(connection.execute(asked).fetchall())
        for exchange in (*said.kept, *said.found):
            assert exchange in counts, "answered, and not recorded"
        for exchange, count in counts.items():
            assert count == size_of(exchange), "a message is half recorded"
        kept = {exchange for (exchange,) in connection.execute("SELECT exchange FROM answer")}
        assert kept == {one for one in counts if is_spooled(one)}, "a message without its answer"
        for what, rows in _LONE.items():
            (count,) = connection.execute(f"SELECT count(*) FROM {rows}").fetchone()
            assert count == 0, what
        recorded = {
            (what, id, hashed.hex())
            for what, table in _IN_SINKS.items()
            for id, hashed in connection.execute(f"SELECT id, hash FROM {table}").fetchall()
        }
    assert recorded <= _in_sinks(directory), "an entry or an anchor is in no sink"


def _in_sinks(directory: Path) -> set[tuple[str, int, str]]:
    """Of every whole line what it is, its id and its hash."""
    found = set()
    for sink in directory.glob("audit-*.jsonl"):
        for line in sink.read_text().splitlines():
            try:
                one = json.loads(line)
            except ValueError:  # its process was killed while it wrote
                continue
            what = "anchor" if "anchor" in one else "id"
            found.add((what, one[what], one["hash"]))
    return found


def _verify_opened(vault: Vault) -> None:
    assert vault.audit.check().findings == [], "the audit's chain is broken"
    report = vault.verification.check(Retention({}, _LONG), NOON, lambda _done, _of: None)
    assert report.findings == (), f"not as it was kept: {report.findings}"


async def _verify_tokens(vault: Vault, said: Said) -> None:
    wanted = []
    for alias in said.tokens.values():
        token = parse_alias(alias)
        assert token is not None
        wanted.append(Wanted(token, PRODUCT))
    for number, card in zip(said.tokens, await vault.find(wanted), strict=True):
        assert card is not None, "a token was lost"
        assert card.card.pan.reveal() == pan(number), "a token opens to another card"
    assert vault.count_by_product().get("seaside", 0) >= len(wanted)


async def _verify_answers(vault: Vault, said: Said) -> None:
    for row in await vault.answers.listed(limit=10**6):
        there = await vault.answers.open(row.exchange, client="pms")
        assert there is not None
        aliases = " ".join(said.kept.get(row.exchange, [])).encode()
        assert there.body.startswith(aliases), "an answer has other tokens"
