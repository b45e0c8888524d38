"""Completing a recapture counts once, where the request came with an Idempotency-Key.

1. Before the card leaves, its token stands for the answer, durable: whoever sends the request again,
   after a crash too, sends no card, and is told the token and what became of the recapture.
2. With the card that Rapid took comes the answer, in the transaction that says so.
3. Where a card has certainly not been taken nothing is kept: the key may be used again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.audit import Entry
from gateway.cards.token import Token, parse_alias
from gateway.errors import RecaptureInProgress, RecaptureUnknown, RecordDamaged
from gateway.recapture import rounds
from gateway.vault.database import Connection
from gateway.vault.idempotency import Once
from gateway.vault.recapture import Recapture
from gateway.vault.recaptures import Also
from gateway.vault.service import Vault

_STANDS_FOR: Final = b"recapture "  # before the token; no answer begins so


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller is answered, and whether its request counts once."""

    once: Once | None
    answer: Callable[[Recapture, Token], bytes]


class Repeats:
    """Every method that awaits raises VaultUnavailable."""

    def __init__(self, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._vault, self._clock = vault, clock

    async def before(self, id: str, entry: Entry, reply: Reply) -> bytes | None:
        """What the same request was answered, or what came of its card; None: it sent none.

        Raises IdempotencyKeyReused, RecaptureInProgress, RecaptureUnknown, RecordDamaged.
        """
        kept = await self._vault.requests.repeated(entry, reply.once)
        if kept is None or not kept.startswith(_STANDS_FOR):
            return kept
        one = await self._vault.recaptures.open(id)
        if one is None:
            raise RecaptureUnknown
        if rounds.is_sending(one.row, self._clock()):
            raise RecaptureInProgress
        token = parse_alias(kept.removeprefix(_STANDS_FOR).decode("ascii"))
        if token is None:
            raise RecordDamaged
        return reply.answer(one.row, token)

    async def leaves(self, reply: Reply, product: str, token: Token) -> None:
        """Lets the token stand for the answer, durable: the card leaves next.

        Raises IdempotencyKeyReused.
        """
        said = _STANDS_FOR + token.alias.encode("ascii")
        await self._vault.requests.stands(reply.once, product, said)

    def taken(self, reply: Reply, product: str, token: Token) -> Also:
        """Keeps the answer, in the transaction that says that Rapid took the card."""

        def also(connection: Connection, row: Recapture) -> None:
            if reply.once is not None:
                answer = reply.answer(row, token)
                self._vault.idempotency.remember(
                    connection, reply.once, product, answer, self._clock()
                )

        return also

    def not_taken(self, reply: Reply) -> Also:
        """Keeps nothing, in the transaction that says that Rapid did not take the card."""

        def also(connection: Connection, _: Recapture) -> None:
            if reply.once is not None:
                self._vault.idempotency.forget(connection, reply.once)

        return also
