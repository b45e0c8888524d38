"""Which token of ours is meant: by its own text, or by that of another vault which it replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.access.clients import Access
from gateway.cards.token import Presented, Token
from gateway.vault.old_tokens import OldTokenTable


class HasOldTokens(Protocol):
    """The part of the vault that matters here."""

    old_tokens: OldTokenTable


class Naming:
    """The one place where another vault's token becomes ours. What comes of it is a token like every
    other: the vault gives its card to whoever may have it, and the audit has that first.
    """

    def __init__(self, access: Access, vault: HasOldTokens) -> None:
        self._access, self._vault = access, vault

    async def ours(
        self, presented: Sequence[Presented], products: frozenset[str]
    ) -> list[Token | None]:
        """The tokens that are meant, in order, for a caller who may use `products`: another vault's
        where one of them accepts its tokens, else ours, if it has the form. None: it is no token.

        Raises VaultUnavailable, RecordDamaged.
        """
        olds = [one.old for one in presented if one.old is not None]
        accepted = self._access.accepted(products) if olds else []
        if not accepted:
            return [one.ours for one in presented]
        found = dict(zip(olds, await self._vault.old_tokens.ours(olds, accepted), strict=True))
        return [(found[one.old] if one.old else None) or one.ours for one in presented]
