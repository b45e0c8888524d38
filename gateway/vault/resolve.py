"""From tokens to cards: who may have which, and opening it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from gateway.cards.card import Card
from gateway.cards.token import Token
from gateway.secret import Secret
from gateway.vault import cvcs, records
from gateway.vault.entries import unstamp
from gateway.vault.envelope import Sealer
from gateway.vault.keyring import Keyring
from gateway.vault.model import Found, Wanted
from gateway.vault.rows import CardRow, CvcRow, LinkRow
from gateway.vault.store import Store


def token_of(row: CardRow, sealer: Sealer) -> Token:
    """The token of a card's row, which is opened for it. Raises RecordDamaged."""
    test = bool(row.test)
    where = records.card_place(row.product, row.iduser, test=test)
    plaintext = sealer.open(row.sealed, where)
    tokenuser = records.tokenuser_of(plaintext, Card(*records.read_card(plaintext)))
    return Token(row.iduser, tokenuser, test)


class Resolver:
    """Reads the store, writes nothing. Everything blocks, and raises VaultUnavailable."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store, self._keyring = store, keyring

    def entitled(self, wanted: Sequence[Wanted]) -> list[int]:
        """The idusers whose security codes `wanted` may take. No card is opened for it: whoever does
        not have the token shall neither get its code nor have it erased.
        """
        asked = [want for want in wanted if want.with_cvc]
        rows = self._store.found([want.token.iduser for want in asked])
        permitted = [self.permitted(want, rows.get(want.token.iduser)) for want in asked]
        return list(dict.fromkeys(row[0].iduser for row in permitted if row is not None))

    def resolve(
        self, wanted: Sequence[Wanted], taken: Mapping[int, CvcRow], now: datetime
    ) -> list[Found | None]:
        """The cards of `wanted`, in order, with the security codes that were `taken` for them: one
        that is wanted twice gets it once. Raises RecordDamaged.
        """
        left = dict(taken)
        rows = self._store.found([want.token.iduser for want in wanted])
        answers = []
        for want in wanted:
            found = self._open(want, rows.get(want.token.iduser))
            if found is not None and want.with_cvc:
                found = self._with_cvc(found, left.pop(found.token.iduser, None), now)
            answers.append(found)
        return answers

    def permitted(
        self, want: Wanted, row: tuple[CardRow, LinkRow | None] | None
    ) -> tuple[CardRow, LinkRow | None] | None:
        """`row`, what is there under the token's iduser, if `want` may have it. Opens nothing."""
        token, hashing = want.token, self._keyring.tokenuser
        parts = records.tokenuser_parts(token.iduser, token.tokenuser)
        # 1. Always one hash and one comparison, also when there is no such card.
        stored = hashing.digest() if row is None else row[0].tokenuser_hash
        genuine = hashing.matches(stored, *parts)
        # 2. All three must hold before anything is opened.
        if row is None or not genuine:
            return None
        card, test = row[0], bool(row[0].test)
        if card.product not in want.products or (test != token.test and not want.any_mode):
            return None
        return row

    def _open(self, want: Wanted, row: tuple[CardRow, LinkRow | None] | None) -> Found | None:
        permitted = self.permitted(want, row)
        if permitted is None:
            return None
        # 3. The place names product, mode and iduser: a row that was altered does not open.
        card, link = permitted
        test, sealer = bool(card.test), self._keyring.sealer
        where = records.card_place(card.product, card.iduser, test=test)
        pan, expiry = records.read_card(sealer.open(card.sealed, where))
        holder, booking = None, None
        if link is not None:
            where = records.link_place(card.product, card.iduser, link.booking_hash, test=test)
            content = records.read_link(sealer.open(link.sealed, where))
            holder = content.get("holder")
            booking = records.booking_of(link, content)
        clear = Card(pan, expiry, None if holder is None else Secret(holder))
        return Found(replace(want.token, test=test), card.product, clear, booking)

    def _with_cvc(self, found: Found, row: CvcRow | None, now: datetime) -> Found:
        if row is None or not cvcs.is_held(row, now):
            return found
        cvc = cvcs.unseal(self._keyring.cvc, row, found.product, test=found.token.test)
        return replace(found, cvc=cvc, cvc_until=unstamp(row.until))
