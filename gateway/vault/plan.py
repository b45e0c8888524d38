"""What keeping a message's cards will change: decided off the event loop, written elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.audit import Entry
from gateway.cards.card import Card
from gateway.cards.token import Token
from gateway.vault import cvcs, digits, records
from gateway.vault.carried import Carrier, Place
from gateway.vault.draw import draw
from gateway.vault.entries import stamp
from gateway.vault.keyring import Keyring
from gateway.vault.model import Carry, Kept, NewCard, Plan
from gateway.vault.rows import ABREAST_MAX, CardRow, Changes, CvcRow, Filed, LinkChange, LinkRow
from gateway.vault.store import Store

# `seen` is exact to the hour: a poll each minute shall not rewrite every link.
_HOUR: Final = len("2026-01-31T23")

_Key: TypeAlias = tuple[int, bytes]  # a link's: iduser, the booking's hash


@dataclass(slots=True)
class _Link:
    """What a message says about a card in a booking; `new` is the first card that said it. `retention`:
    empty where its route says nothing.
    """

    new: NewCard
    content: dict[str, str]
    departure: str | None
    retention: str


class Planner:
    """Plans one message, at the time `now`. Reads the store, writes nothing."""

    def __init__(self, store: Store, keyring: Keyring, now: str) -> None:
        self._store = store
        self._keyring = keyring
        self._now = now

    def plan(
        self, cards: Sequence[NewCard], entries: Sequence[Entry], carries: Sequence[Carry] = ()
    ) -> Plan:
        """Raises VaultUnavailable, and RecordDamaged when a record of one of `cards` does not open."""
        look_ups, *older = self._keyring.look_up.digests_all(
            [records.look_up_parts(new.product, new.card, test=new.test) for new in cards]
        )
        bookings = self._keyring.booking.digest_all(
            [records.booking_parts(new.booking) for new in cards]
        )
        numbered = [
            int(new.booking is not None and new.booking.booking_id is not None) for new in cards
        ]
        current: dict[bytes, bytes] = {}  # under an older key → under the one that is used
        wanted = dict.fromkeys(zip(look_ups, bookings, numbered, strict=True))
        for under in older:
            current.update(zip(under, look_ups, strict=True))
            wanted.update(dict.fromkeys(zip(under, bookings, numbered, strict=True)))
        filed = self._store.filed(list(wanted))
        known = {current.get(row.look_up, row.look_up): row for row in filed}
        firsts: dict[bytes, NewCard] = {}
        for look_up, new in zip(look_ups, cards, strict=True):
            firsts.setdefault(look_up, new)
        tokens = {look_up: self._token_of(row, firsts[look_up]) for look_up, row in known.items()}
        fresh = [look_up for look_up in firsts if look_up not in known]
        drawn = self._free([firsts[look_up].test for look_up in fresh])
        tokens.update(zip(fresh, drawn, strict=True))
        rows = self._card_rows([firsts[look_up] for look_up in fresh], fresh, drawn)
        kept = []
        created = set(fresh)
        for look_up in look_ups:
            kept.append(Kept(tokens[look_up], look_up in created))
            created.discard(look_up)
        idusers = [one.token.iduser for one in kept]
        said = self._said(cards, zip(idusers, bookings, strict=True))
        links, changed = self._links(said, filed)
        held = self._cvcs(cards, kept)
        about = idusers if entries else []
        if not carries:
            kept, shown = digits.plan(self._store, self._keyring, cards, kept)
            return Plan(kept, Changes(rows, links, changed, entries, about, held, shown))
        carrying = Carrier(self._store, self._keyring, self._now).plan(
            carries, _brought(cards, kept, bookings)
        )
        changed += carrying.changes.values()
        again = list(zip(carries, carrying.carried, strict=True))
        kept, carried, shown = digits.plan_again(self._store, self._keyring, cards, kept, again)
        entries = [*entries, *carrying.entries]
        changes = Changes(rows, links, changed, entries, about, held, shown)
        return Plan(kept, changes, carried)

    # --- cards ------------------------------------------------------------------------------------

    def _free(self, modes: Sequence[bool]) -> list[Token]:
        if not modes:
            return []
        # Among a million cards one in two thousand draws hits an iduser in use.
        tokens = draw(modes)
        while taken := self._store.taken([token.iduser for token in tokens]):
            tokens = [draw([token.test])[0] if token.iduser in taken else token for token in tokens]
        return tokens

    def _token_of(self, row: Filed, new: NewCard) -> Token:
        where = records.card_place(new.product, row.iduser, test=new.test)
        plaintext = self._keyring.sealer.open(row.sealed, where)
        # The hash that found the row is no part of what is sealed. Whoever swapped two of them in
        # the database would make one card get the other's token.
        return Token(row.iduser, records.tokenuser_of(plaintext, new.card), new.test)

    def _card_rows(
        self, cards: Sequence[NewCard], look_ups: Sequence[bytes], tokens: Sequence[Token]
    ) -> list[CardRow]:
        place, now = records.card_place, self._now
        sealed = self._keyring.sealer.seal_all(
            [records.write_card(new.card, one) for new, one in zip(cards, tokens, strict=True)],
            [place(c.product, t.iduser, test=c.test) for c, t in zip(cards, tokens, strict=True)],
        )
        hashes = self._keyring.tokenuser.digest_all(
            [records.tokenuser_parts(one.iduser, one.tokenuser) for one in tokens]
        )
        return [
            CardRow(new.product, new.test, look_up, token.iduser, hashed, record, now)
            for new, look_up, token, hashed, record in zip(
                cards, look_ups, tokens, hashes, sealed, strict=True
            )
        ]

    def _cvcs(self, cards: Sequence[NewCard], kept: Sequence[Kept]) -> list[CvcRow]:
        held: dict[int, CvcRow] = {}  # the latest of a card wins, as it does over what is held
        for new, one in zip(cards, kept, strict=True):
            if new.cvc is None or new.cvc_until is None:
                continue
            until = stamp(new.cvc_until)
            if until > self._now:
                sealer, iduser = self._keyring.cvc, one.token.iduser
                held[iduser] = cvcs.seal(
                    sealer, new.cvc, new.product, iduser, test=new.test, at=self._now, until=until
                )
        return list(held.values())

    # --- links ------------------------------------------------------------------------------------

    def _said(self, cards: Sequence[NewCard], keys: Iterable[_Key]) -> dict[_Key, _Link]:
        """What the message says of each link."""
        said: dict[_Key, _Link] = {}
        for new, key in zip(cards, keys, strict=True):
            content = records.content_of(new.card, new.booking)
            departure = records.departure_of(new.booking)
            link = said.get(key)
            if link is None:
                retention = "" if new.retention is None else new.retention.text
                said[key] = _Link(new, content, departure, retention)
            else:
                link.content.update(content)
                link.departure = departure or link.departure
        return said

    def _links(
        self, said: Mapping[_Key, _Link], filed: Sequence[Filed]
    ) -> tuple[list[LinkRow], list[LinkChange]]:
        if not filed:
            return self._link_rows(said), []
        # A card has one iduser, whatever key it is filed under; were there two, the message's would count.
        stand = {
            key: row
            for row in filed
            if row.booking_hash and (key := (row.iduser, row.booking_hash)) in said
        }
        newer = {key for key, row in stand.items() if _is_newer(row, said[key])}
        said = {key: link for key, link in said.items() if key not in newer}
        stand = {key: row for key, row in stand.items() if key not in newer}
        changed = {
            key: change
            for key, row in stand.items()
            if (change := self._changed(key, said[key], row)) is not None
        }
        # Cards of a booking that came together are seen together: `carried.py` tells the last ones by it.
        moved = {
            _place(key, link) for key, link in said.items() if key not in stand or key in changed
        }
        moved |= _not_last(said, stand)
        for key, row in stand.items() if moved else ():
            if key not in changed and _place(key, said[key]) in moved:
                changed[key] = self._seen(key, said[key], row)
        links = self._link_rows({k: link for k, link in said.items() if k not in stand})
        return links, list(changed.values())

    def _came(self, link: _Link) -> str:
        return self._now if link.new.came is None else stamp(link.new.came)

    def _seen(self, key: _Key, link: _Link, row: Filed) -> LinkChange:
        return LinkChange(row.link, row.departure, self._came(link), row.retention, *key, row.link)

    def _changed(self, key: _Key, link: _Link, row: Filed) -> LinkChange | None:
        """The link with what the message adds to it; what it does not say stays as it was. None: nothing
        is added, and it was seen within the hour."""
        place, came = self._link_place(key, link), self._came(link)
        stood = self._keyring.sealer.open(row.link, place)
        written = records.write_link(link.content)
        if written != stood:
            content = records.dated(link.content, records.read_link(stood), came)
            written = records.write_link(content)
        link.departure = link.departure or row.departure
        link.retention = link.retention or row.retention
        beside = (link.departure, link.retention)
        if written != stood or beside != (row.departure, row.retention):
            sealed = self._keyring.sealer.seal(written, place)
            return LinkChange(sealed, link.departure, came, link.retention, *key, row.link)
        return None if row.seen[:_HOUR] == came[:_HOUR] else self._seen(key, link, row)

    def _link_rows(self, links: Mapping[_Key, _Link]) -> list[LinkRow]:
        write, dated = records.write_link, records.dated
        came = [self._came(link) for link in links.values()]
        sealed = self._keyring.sealer.seal_all(
            [
                write(dated(one.content, {}, at))
                for one, at in zip(links.values(), came, strict=True)
            ],
            [self._link_place(key, link) for key, link in links.items()],
        )
        rows = []
        for ((iduser, hashed), link), record, at in zip(links.items(), sealed, came, strict=True):
            booking = link.new.booking
            system, hotel = ("", None) if booking is None else (booking.system, booking.hotel)
            rows.append(
                LinkRow(iduser, hashed, system, hotel, record, link.departure, at, link.retention)
            )
        return rows

    def _link_place(self, key: _Key, link: _Link) -> bytes:
        return records.link_place(link.new.product, key[0], key[1], test=link.new.test)


def _place(key: _Key, link: _Link) -> Place:
    return link.new.product, link.new.test, key[1]


def _is_newer(row: Filed, link: _Link) -> bool:
    """Whether the link was seen after a message came that is read late: what such a one says is old."""
    return link.new.came is not None and row.seen > stamp(link.new.came)


def _not_last(said: Mapping[_Key, _Link], stand: Mapping[_Key, Filed]) -> set[Place]:
    """The bookings whose last cards, as they stand, are not those of the message. One with links in another
    product, or with very many, may be among them without need: its links are then written once more.
    """
    # Of so many links none was seen apart from the rest, nor another with them or later.
    own: dict[Place, int] = {}  # no Counter, which costs more than one card does
    for key, row in stand.items():
        if row.abreast is not None:
            place = _place(key, said[key])
            own[place] = own.get(place, 0) + 1
    return {
        place
        for key, row in stand.items()
        if row.abreast is not None
        and (row.abreast != own[place := _place(key, said[key])] or row.abreast == ABREAST_MAX)
    }


def _brought(
    cards: Sequence[NewCard], kept: Sequence[Kept], bookings: Sequence[bytes]
) -> dict[Place, list[tuple[Token, Card]]]:
    """The message's cards, by product, mode and booking."""
    brought: dict[Place, list[tuple[Token, Card]]] = {}
    for new, one, booking in zip(cards, kept, bookings, strict=True):
        brought.setdefault((new.product, new.test, booking), []).append((one.token, new.card))
    return brought
