"""Which token of ours is meant: by its own text, by its digits, or by another vault's that it replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.access.clients import Access
from gateway.cards.digits import DigitsToken
from gateway.cards.token import OldToken, Presented, Token
from gateway.vault.digits import DigitsTable
from gateway.vault.old_tokens import OldTokenTable


class HasOldTokens(Protocol):
    """The part of the vault that matters here."""

    old_tokens: OldTokenTable
    digits: DigitsTable


class Naming:
    """The one place where digits, or another vault's token, become ours. What comes of it is a token like every
    other: the vault gives its card to whoever may have it, and the audit has that first.
    """

    def __init__(self, access: Access, vault: HasOldTokens) -> None:
        self._access, self._vault = access, vault

    async def ours(
        self, presented: Sequence[Presented], products: frozenset[str]
    ) -> list[Token | None]:
        """The tokens that are meant, in order, for a caller who may use `products`: another vault's
        where one of them accepts its tokens, or a card's digits, else ours, if it has the form. None:
        it is no token; or it is two cards', and nothing says which is meant.

        Raises VaultUnavailable, RecordDamaged.
        """
        by_old = await self._by_old(presented, products)
        by_digits = await self._by_digits(presented, products)
        if not by_old and not by_digits:
            return [one.ours for one in presented]
        named = []
        for one in presented:
            found = {by_old.get(one.old), by_digits.get(one.digits)} - {None}
            named.append(found.pop() if len(found) == 1 else one.ours)
        return named

    async def _by_old(
        self, presented: Sequence[Presented], products: frozenset[str]
    ) -> dict[OldToken | None, Token | None]:
        olds = [one.old for one in presented if one.old is not None]
        accepted = self._access.accepted(products) if olds else []
        if not accepted:
            return {}
        return dict(zip(olds, await self._vault.old_tokens.ours(olds, accepted), strict=True))

    async def _by_digits(
        self, presented: Sequence[Presented], products: frozenset[str]
    ) -> dict[DigitsToken | None, Token | None]:
        texts = [one.digits for one in presented if one.digits is not None]
        if not texts:
            return {}
        return dict(zip(texts, await self.of_digits(texts, products), strict=True))

    async def of_digits(
        self, tokens: Sequence[DigitsToken], products: frozenset[str]
    ) -> list[Token | None]:
        """The cards' tokens, in order; None: none of `products` has it. Raises as `ours` does."""
        return await self._vault.digits.ours(tokens, self._access.owners(products))

    async def has_digits(self) -> bool:
        """Whether a card is shown by its digits at all. Raises VaultUnavailable."""
        return await self._vault.digits.has_any()
