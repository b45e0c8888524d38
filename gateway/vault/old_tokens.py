"""Tokens that other vaults issued, each for a card that was imported with it.

1. A token is kept as a hash under a key of its own, bound to product, mode and provider. It is found
   for those alone, and the database holds nothing that it could be read from.
2. What a hash leads to is bound to it: a row that was changed by hand leads to no card.
3. It leads to a token of ours, and no further. Who may open that one, and what the audit says of it, is
   decided as for every other (`resolve.py`).
4. One token is one card's for good: another card never takes it over. It goes with its card.
"""

# ruff: noqa: S608  # statements are put together from the constants here, never from values
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Final, NamedTuple

from gateway.audit import Entry, Outcome
from gateway.cards.token import OldToken, Token
from gateway.errors import RecordDamaged, VaultUnavailable
from gateway.vault import records
from gateway.vault.aside import Aside
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp
from gateway.vault.keyring import Keyring
from gateway.vault.model import NewCard, Taken
from gateway.vault.plan import Planner
from gateway.vault.resolve import token_of
from gateway.vault.rows import CardRow
from gateway.vault.store import Store

_AT_ONCE: Final = 100  # as `store.py`
_ATTEMPTS: Final = 3
_CARD: Final = "product, test, look_up, card.iduser, tokenuser_hash, card.sealed, card.created"
_FOUND: Final = (
    f"SELECT old_token.hash, old_token.bound, {_CARD} FROM old_token JOIN card USING (iduser)"
    " WHERE old_token.hash IN (%s)"
)
_ADD: Final = (
    "INSERT INTO old_token (hash, iduser, bound, provider, created) VALUES (?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Whose tokens count for a product."""

    product: str
    test: bool
    provider: str


@dataclass(frozen=True, slots=True)
class OldCard:
    """A card to import, and the token that it had."""

    old: OldToken
    new: NewCard


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one. `token` None: the old one is another card's."""

    token: Token | None
    created: bool  # the old token was not known before


class _Row(NamedTuple):
    """An old token with its card."""

    hash: bytes
    bound: bytes
    card: CardRow


class OldTokenTable:
    """Old tokens by their hashes. Every method raises VaultUnavailable and RecordDamaged."""

    def __init__(  # noqa: PLR0917  # what a table of cards needs
        self,
        database: Database,
        store: Store,
        keyring: Keyring,
        clock: Callable[[], datetime],
        aside: Aside,
        step: Step = no_step,
    ) -> None:
        self._database, self._store, self._keyring = database, store, keyring
        self._clock, self._aside, self._step = clock, aside, step

    async def ours(
        self, tokens: Sequence[OldToken], accepted: Sequence[Accepted]
    ) -> list[Token | None]:
        """Our tokens of the same cards, in order. None: nobody of `accepted` issued it for a card that
        is here; or it leads to several, as of two products, and nothing says which is meant.
        """

        def work() -> list[Token | None]:
            hashes = [[self._hash(one, who) for who in accepted] for one in tokens]
            wanted = list(dict.fromkeys(chain.from_iterable(hashes)))
            rows = {row.hash: row for row in self._database.read(lambda c: self._rows(c, wanted))}
            return [
                self._only(
                    [
                        (rows[hash], who)
                        for hash, who in zip(own, accepted, strict=True)
                        if hash in rows
                    ]
                )
                for own in hashes
            ]

        return await self._aside.run(work) if tokens and accepted else [None] * len(tokens)

    def put(self, cards: Sequence[OldCard], provider: str, entry: Entry) -> list[Imported]:
        """Keeps the cards with their old tokens, durable, in one transaction with an audit entry for
        each token that is new; what became of each. Blocks. A card that is kept already stays as it
        is, and gets what its booking says besides.
        """

        def work(connection: Connection) -> list[Imported]:
            now = stamp(self._clock())
            hashes = [
                self._hash(one.old, Accepted(one.new.product, one.new.test, provider))
                for one in cards
            ]
            cards_of = {row.hash: row.card.look_up for row in self._rows(connection, hashes)}
            fresh: list[int] = []
            known: list[int] = []
            for place, (hash, one) in enumerate(zip(hashes, cards, strict=True)):
                look_ups = self._look_ups(one.new)
                if hash not in cards_of:
                    cards_of[hash] = look_ups[0]
                    fresh.append(place)
                elif cards_of[hash] in look_ups:
                    known.append(place)
            ordered = [*fresh, *known]
            done = replace(entry, outcome=Outcome.DONE)
            plan = Planner(self._store, self._keyring, now).plan(
                [cards[place].new for place in ordered],
                [replace(done, product=cards[place].new.product) for place in fresh],
            )
            self._store.apply(connection, plan.changes)
            tokens = dict(zip(ordered, (kept.token for kept in plan.kept), strict=True))
            connection.executemany(
                _ADD,
                [
                    self._added(hashes[place], tokens[place].iduser, provider, now)
                    for place in fresh
                ],
            )
            self._step("import:rows")
            created = set(fresh)
            return [Imported(tokens.get(place), place in created) for place in range(len(cards))]

        for _ in range(_ATTEMPTS):
            try:
                large = len(cards) > 1
                return self._database.write("import", work, large=large).result()
            except Taken:  # another process was first with a card: it is seen now
                continue
        raise VaultUnavailable

    # --- inside -----------------------------------------------------------------------------------

    def _rows(self, connection: Connection, hashes: Sequence[bytes]) -> list[_Row]:
        """Those of `hashes` that there are. Raises RecordDamaged where one leads astray."""
        found = []
        for start in range(0, len(hashes), _AT_ONCE):
            portion = hashes[start : start + _AT_ONCE]
            statement = _FOUND % ",".join("?" * len(portion))
            for hash, bound, *card in connection.execute(statement, portion):
                row = _Row(hash, bound, CardRow(*card))
                if not self._keyring.old_token.matches(bound, *_bound(hash, row.card.iduser)):
                    raise RecordDamaged
                found.append(row)
        return found

    def _only(self, found: Sequence[tuple[_Row, Accepted]]) -> Token | None:
        """The token of the one card that was found; None where there is none, or another."""
        if len({row.card.iduser for row, _ in found}) != 1:
            return None
        row, who = found[0]
        if (row.card.product, bool(row.card.test)) != (who.product, who.test):
            raise RecordDamaged  # the hash names another product
        return token_of(row.card, self._keyring.sealer)

    def _hash(self, old: OldToken, who: Accepted) -> bytes:
        mode = b"test" if who.test else b"live"
        parts = (who.product.encode(), mode, who.provider.encode(), old.text.encode("ascii"))
        return self._keyring.old_token.digest(b"token", *parts)

    def _look_ups(self, new: NewCard) -> list[bytes]:
        return records.look_ups(self._keyring.look_up, new.product, new.card, test=new.test)

    def _added(
        self, hash: bytes, iduser: int, provider: str, now: str
    ) -> tuple[bytes, int, bytes, str, str]:
        bound = self._keyring.old_token.digest(*_bound(hash, iduser))
        return hash, iduser, bound, provider, now


def _bound(hash: bytes, iduser: int) -> tuple[bytes, bytes, bytes]:
    return b"bound", hash, str(iduser).encode()
