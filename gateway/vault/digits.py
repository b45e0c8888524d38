"""Tokens of digits: one for each card that is shown as one, drawn here, found again by a hash.

1. A card has one, whoever keeps it, and when: it is what a system knows the card by (P25).
2. It is sealed in the place of its card, and found by a hash under a key of its own, for its product and
   mode alone. What a hash leads to must be what was asked: a row that was changed by hand leads to no
   card.
3. It leads to a token of ours, and no further. Who may open that one, and what the audit says of it, is
   decided as for every other (`resolve.py`). It goes with its card.
"""

# ruff: noqa: S608  # statements are put together from the constants here, never from values
from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from gateway.cards.digits import DigitsToken, draw_digits
from gateway.cards.token import Token
from gateway.errors import RecordDamaged, VaultUnavailable
from gateway.vault.aside import Aside
from gateway.vault.database import Connection, Database
from gateway.vault.envelope import Sealer, place
from gateway.vault.keyring import Keyring
from gateway.vault.model import Carried, Carry, Kept, NewCard
from gateway.vault.resolve import token_of
from gateway.vault.rows import CardRow, DigitsRow
from gateway.vault.store import Store

# Padding hides how long a number is.
_LENGTH: Final = 24
# Among a million cards of a product one draw in ninety million is taken. Of twelve digits there are
# only so many: more rounds than this mean that hardly one is left.
_ROUNDS: Final = 64
_CARD: Final = "product, test, look_up, card.iduser, tokenuser_hash, card.sealed, created"
_FOUND: Final = (
    f"SELECT digit_token.hash, digit_token.sealed, {_CARD}"
    " FROM digit_token JOIN card USING (iduser) WHERE digit_token.hash IN (%s)"
)
_ANY: Final = "SELECT 1 FROM digit_token LIMIT 1"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose tokens count."""

    product: str
    test: bool


class DigitsTable:
    """Tokens of digits by their hashes. Every method raises VaultUnavailable."""

    def __init__(self, database: Database, keyring: Keyring, aside: Aside) -> None:
        self._database, self._keyring, self._aside = database, keyring, aside

    async def ours(
        self, tokens: Sequence[DigitsToken], owners: Sequence[Owner]
    ) -> list[Token | None]:
        """Our tokens of the same cards, in order. None: none of `owners` has such a one; or several
        have, and nothing says which is meant. Raises RecordDamaged.
        """

        def work() -> list[Token | None]:
            hashes = [self._hashes(one, owners) for one in tokens]
            wanted = list(dict.fromkeys(chain.from_iterable(hashes)))
            rows = self._database.read(lambda c: self._rows(c, wanted))
            return [self._only(one, own, rows) for one, own in zip(tokens, hashes, strict=True)]

        return await self._aside.run(work) if tokens and owners else [None] * len(tokens)

    async def has_any(self) -> bool:
        """Whether a card of this vault is shown so."""

        def work(connection: Connection) -> bool:
            return connection.execute(_ANY).fetchone() is not None

        return await self._aside.run(lambda: self._database.read(work))

    def _hashes(self, token: DigitsToken, owners: Sequence[Owner]) -> dict[bytes, Owner]:
        return {
            hash: who
            for who in owners
            for hash in self._keyring.digits.digests(*hash_parts(who.product, token, test=who.test))
        }

    def _rows(
        self, connection: Connection, hashes: Sequence[bytes]
    ) -> dict[bytes, tuple[bytes, CardRow]]:
        return {
            hash: (sealed, CardRow(*card))
            for hash, sealed, *card in connection.among(_FOUND, hashes)
        }

    def _only(
        self,
        asked: DigitsToken,
        hashes: Mapping[bytes, Owner],
        rows: Mapping[bytes, tuple[bytes, CardRow]],
    ) -> Token | None:
        """The token of the one card that was found; None where there is none, or another."""
        found = {}
        for hash, who in hashes.items():
            if hash not in rows:
                continue
            sealed, card = rows[hash]
            if (card.product, bool(card.test)) != (who.product, who.test):
                raise RecordDamaged  # the hash names another product
            stands = unseal(self._keyring.sealer, sealed, card.product, card.iduser, test=who.test)
            if not hmac.compare_digest(stands.text, asked.text):
                raise RecordDamaged
            found[card.iduser] = card
        if len(found) != 1:
            return None
        return token_of(next(iter(found.values())), self._keyring.sealer)


def plan(
    store: Store, keyring: Keyring, cards: Sequence[NewCard], kept: list[Kept]
) -> tuple[list[Kept], list[DigitsRow]]:
    """`kept`, with the tokens of digits of those of `cards` that want one; and the rows of the new ones.

    Raises VaultUnavailable, also where no free one is found, and RecordDamaged.
    """
    wanted = {one.token.iduser: new for new, one in zip(cards, kept, strict=True) if new.digits}
    if not wanted:
        return kept, []
    tokens = {
        iduser: unseal(
            keyring.sealer, sealed, wanted[iduser].product, iduser, test=wanted[iduser].test
        )
        for iduser, sealed in store.digits(list(wanted)).items()
    }
    fresh = {iduser: new for iduser, new in wanted.items() if iduser not in tokens}
    drawn = _free(store, keyring, fresh)
    tokens.update({iduser: token for iduser, (token, _) in drawn.items()})
    rows = [
        DigitsRow(iduser, hash, seal(keyring.sealer, token, fresh[iduser], iduser))
        for iduser, (token, hash) in drawn.items()
    ]
    return [
        one._replace(digits=tokens[one.token.iduser]) if new.digits else one
        for new, one in zip(cards, kept, strict=True)
    ], rows


def plan_again(
    store: Store,
    keyring: Keyring,
    cards: Sequence[NewCard],
    kept: list[Kept],
    again: Sequence[tuple[Carry, Sequence[Carried]]],
) -> tuple[list[Kept], list[Sequence[Carried]], list[DigitsRow]]:
    """As `plan`, also for the cards of `again` that are handed out once more; those of each, with their
    tokens of digits where they want some. Where what one of them has does not open, they get none.
    """
    wanted = [(carry, one) for carry, group in again if carry.digits for one in group]
    news = [NewCard(carry.product, carry.test, one.card, digits=True) for carry, one in wanted]
    stand = [Kept(one.token, created=False) for _, one in wanted]
    try:
        both, rows = plan(store, keyring, [*cards, *news], [*kept, *stand])
    except RecordDamaged:
        kept, rows = plan(store, keyring, cards, kept)
        return kept, [group for _, group in again], rows
    shown = {one.token: one.digits for one in both[len(cards) :]}
    carried: list[Sequence[Carried]] = [
        [replace(one, digits=shown[one.token]) for one in group] if carry.digits else group
        for carry, group in again
    ]
    return both[: len(cards)], carried, rows


def _free(
    store: Store, keyring: Keyring, fresh: Mapping[int, NewCard]
) -> dict[int, tuple[DigitsToken, bytes]]:
    """A token that no card has for each, with its hash."""
    free: dict[int, tuple[DigitsToken, bytes]] = {}
    left = dict(fresh)
    for _ in range(_ROUNDS):
        if not left:
            return free
        drawn = {iduser: draw_digits(new.card.pan.reveal()) for iduser, new in left.items()}
        # Those of others may still be hashed under an older key.
        hashes = {
            iduser: keyring.digits.digests(*hash_parts(new.product, drawn[iduser], test=new.test))
            for iduser, new in left.items()
        }
        taken = store.digits_taken(list(chain.from_iterable(hashes.values())))
        taken |= {hash for _, hash in free.values()}
        for iduser, mine in hashes.items():
            if taken.isdisjoint(mine):
                free[iduser] = (drawn[iduser], mine[0])
                taken.add(mine[0])
                del left[iduser]
    if left:
        raise VaultUnavailable
    return free


def hash_parts(product: str, token: DigitsToken, *, test: bool) -> tuple[bytes, ...]:
    """What the hash is made of."""
    return product.encode(), b"test" if test else b"live", token.text.encode("ascii")


def place_of(product: str, iduser: int, *, test: bool) -> bytes:
    """Where one stands."""
    return place("digits", product, iduser, test=test)


def seal(sealer: Sealer, token: DigitsToken, new: NewCard, iduser: int) -> bytes:
    """The digits, padded."""
    plaintext = token.text.encode("ascii").ljust(_LENGTH)
    return sealer.seal(plaintext, place_of(new.product, iduser, test=new.test))


def unseal(sealer: Sealer, sealed: bytes, product: str, iduser: int, *, test: bool) -> DigitsToken:
    """Raises RecordDamaged."""
    return read(sealer.open(sealed, place_of(product, iduser, test=test)))


def read(plaintext: bytes) -> DigitsToken:
    """What was sealed."""
    return DigitsToken(plaintext.rstrip().decode("ascii"))
