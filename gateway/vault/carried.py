"""Carry-forward: a booking that comes again without its card gets the token that it had last.

1. Found by the booking's hash, which holds system and hotel, and only in the product and mode that the message
   is for: another's booking number finds nothing.
2. A link is opened before its card is told: a row that somebody gave another booking's hash does not open.
3. The last are those that one message brought last: a card that was replaced does not come back. `seen` tells:
   whoever plans a message gives all its cards of a booking one moment as soon as they are others than its
   last ones, or one of them changes. Of a message that was refused and is replayed it is the moment when it
   came: its cards, and what it says of the booking, are older than what came since.
4. Where masks stand in the card's place, only a card that fits one is handed out, each to one mask; where a
   mask fits two, nobody knows which is meant, and it gets none.
5. Every token that is handed out stands in the audit, in the same transaction. What does not open is not
   handed out, and that stands there, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from gateway.audit import Entry, Outcome
from gateway.cards.card import Card, Failure
from gateway.cards.hint import Hint
from gateway.cards.token import Token
from gateway.errors import RecordDamaged
from gateway.vault import records
from gateway.vault.entries import stamp
from gateway.vault.keyring import Keyring
from gateway.vault.model import Carried, Carry
from gateway.vault.rows import LinkChange, Linked
from gateway.vault.store import Store

_HOUR: Final = len("2026-01-31T23")

# product, test, the booking's hash
Place: TypeAlias = tuple[str, bool, bytes]


@dataclass(slots=True)
class Carrying:
    """What becomes of a message's bookings without a card: what each gets, and what changes."""

    carried: list[Sequence[Carried]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    changes: dict[tuple[int, bytes], LinkChange] = field(default_factory=dict)


class Carrier:
    """Plans what one message's bookings get again, at the time `now`. Reads the store, writes nothing."""

    def __init__(self, store: Store, keyring: Keyring, now: str) -> None:
        self._store, self._keyring, self._now = store, keyring, now

    def plan(
        self, asked: Sequence[Carry], brought: Mapping[Place, Sequence[tuple[Token, Card]]]
    ) -> Carrying:
        """In the order of `asked`. `brought` are cards that the same message has for a booking: they are its
        last ones then. Raises VaultUnavailable.
        """
        done = Carrying()
        if not asked:
            return done
        parts = [records.booking_parts(one.booking) for one in asked]
        hashes = self._keyring.booking.digest_all(parts)
        linked = self._linked(list(dict.fromkeys(hashes)))
        for one, hashed in zip(asked, hashes, strict=True):
            place = (one.product, one.test, hashed)
            if place in brought:
                cards = dict(brought[place]).items()
                found = fitting(list(cards), one.hints)
            else:
                found = self._known(linked.get(place, []), one, done)
            done.carried.append(found)
            for carried in found:
                iduser = carried.token.iduser
                done.entries.append(replace(one.entry, product=one.product, iduser=iduser))
        return done

    def _linked(self, hashes: Sequence[bytes]) -> dict[Place, list[Linked]]:
        linked: dict[Place, list[Linked]] = {}
        for row in self._store.linked(hashes):
            place = (row.card.product, bool(row.card.test), row.link.booking_hash)
            linked.setdefault(place, []).append(row)
        return linked

    def _known(self, rows: Sequence[Linked], asked: Carry, done: Carrying) -> list[Carried]:
        newest = max((row.link.seen for row in rows), default="")
        opened: dict[Token, tuple[Card, Linked]] = {}
        for row in rows:
            self._change(done, row, asked)
            if row.link.seen != newest:
                continue
            try:
                token, card = self._open(row)
            except RecordDamaged:
                failed = replace(asked.entry, outcome=Outcome.FAILED, detail=Failure.VAULT.value)
                about = replace(failed, product=asked.product, iduser=row.card.iduser)
                done.entries.append(about)
            else:
                opened[token] = card, row
        found = fitting([(token, card) for token, (card, _) in opened.items()], asked.hints)
        for one in found:
            self._change(done, opened[one.token][1], asked, handed=True)
        return found

    def _open(self, row: Linked) -> tuple[Token, Card]:
        sealer, test = self._keyring.sealer, bool(row.card.test)
        product, iduser = row.card.product, row.card.iduser
        at = records.link_place(product, iduser, row.link.booking_hash, test=test)
        records.read_link(sealer.open(row.link.sealed, at))
        plaintext = sealer.open(row.card.sealed, records.card_place(product, iduser, test=test))
        card = Card(*records.read_card(plaintext))
        return Token(iduser, records.tokenuser_of(plaintext, card), test), card

    def _change(self, done: Carrying, row: Linked, asked: Carry, *, handed: bool = False) -> None:
        """The departure is the booking's, so every link gets it; the card is seen again where its token goes
        out."""
        came = self._now if asked.came is None else stamp(asked.came)
        if asked.came is not None and row.link.seen > came:
            return  # what a message says that is read late is old
        key = (row.link.iduser, row.link.booking_hash)
        before = done.changes.get(key)
        departure = records.departure_of(asked.booking) or (before or row.link).departure
        seen = before.seen if before is not None else row.link.seen
        if handed and seen[:_HOUR] != came[:_HOUR]:
            seen = came
        if (departure, seen) != (row.link.departure, row.link.seen):
            sealed = row.link.sealed
            done.changes[key] = LinkChange(
                sealed, departure, seen, row.link.retention, *key, sealed
            )


def fitting(opened: Sequence[tuple[Token, Card]], hints: Sequence[Hint]) -> list[Carried]:
    """Which of a booking's last cards go out, in their order, each with the mask that it fits."""
    telling = [n for n, hint in enumerate(hints) if hint.tells or not hint.readable]
    if not telling:
        return [
            Carried(token, card)
            for token, card in opened
            if all(hint.fits(card.pan, card.expiry) for hint in hints)
        ]
    masks: dict[Token, int] = {}
    for mask in telling:
        fits = [token for token, card in opened if hints[mask].fits(card.pan, card.expiry)]
        if len(fits) == 1:
            masks.setdefault(fits[0], mask)
    return [Carried(token, card, masks[token]) for token, card in opened if token in masks]
