"""An answer that is kept: what it is, and the sealed form in which it is stored.

A sealed answer, integers big-endian:

    form (1) = 0 | content            or            form (1) = 1 | zlib(content)
    content = status (2) | length of headers (4) | headers | body

Its place names all that it is found by, but what changes later: a row that was altered, to show an
answer to another client, product or hotel, does not open (P17). A rewritten answer and a refused
one differ in place and key, so that none is ever taken for the other.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from gateway.errors import RecordDamaged
from gateway.vault.entries import stamp, unstamp
from gateway.vault.envelope import Sealer, place
from gateway.vault.rows import AnswerRecord

# Begins the name under which a caller's refused pushes are filed; no client's name has a colon.
PUSHED: Final = "push:"

_FORM: Final = struct.Struct(">B")
_HEAD: Final = struct.Struct(">HI")
# Below, compressing saves little. Level 1 is four times as fast as the default, and a message of
# bookings still shrinks to a tenth.
_COMPRESSED_FROM: Final = 16 * 1024
_FASTEST: Final = 1


class AnswerState(StrEnum):
    """How far an answer came. It only ever goes forward, as `AnswerTable.mark` says."""

    UNDELIVERED = "undelivered"  # kept; it was never handed over whole
    DELIVERED = "delivered"  # handed to the client's socket whole
    ACKNOWLEDGED = "acknowledged"  # the client said that it has it
    REFUSED = "refused"  # in quarantine: the gateway would not give it on
    REPLAYED = "replayed"  # handed over again, from here


@dataclass(frozen=True, slots=True)
class FailedCard:
    """Where a card that got no token stands in its answer, and why it got none."""

    booking: int  # from 1, among the bookings that hold a card; 0: it stands in none
    card: int  # from 1, in its booking
    code: str  # stable: `gateway.cards.card.Failure`


@dataclass(frozen=True, slots=True)
class About:
    """What a kept answer is found by. It is stored in clear, to be searched: whoever builds one sees
    to it that no card data is there, in `hotels` and `echo` above all.
    """

    exchange: str
    at: datetime
    expires: datetime  # from then on it is not given out, and `purge` erases it
    route: str  # its id
    client: str
    products: tuple[str, ...]
    hotels: tuple[str, ...]
    echo: str | None  # the message's EchoToken
    poll: bytes | None  # a hash of the request, by which an identical poll is recognised
    failed: int  # cards in it that got no token
    failures: tuple[FailedCard, ...]  # the first of them

    @property
    def product(self) -> str:
        """Whose cards are in it; empty where that is not one product's."""
        return self.products[0] if len(self.products) == 1 else ""

    @property
    def is_push(self) -> bool:
        """Whether it is what a partner pushed, and no answer."""
        return self.client.startswith(PUSHED)

    @classmethod
    def of(cls, record: AnswerRecord, **more: Any) -> Self:  # Any: the subclass's own fields
        """Read from its columns, with what the subclass has besides."""
        return cls(
            exchange=record.exchange,
            at=unstamp(record.at),
            expires=unstamp(record.expires),
            route=record.route,
            client=record.client,
            products=tuple(json.loads(record.products)),
            hotels=tuple(json.loads(record.hotels)),
            echo=record.echo,
            poll=record.poll,
            failed=record.failed,
            failures=tuple(FailedCard(*one) for one in json.loads(record.failures)),
            **more,
        )


@dataclass(frozen=True, slots=True)
class Answer(About):
    """An answer to keep."""

    status: int
    headers: bytes = field(repr=False)  # the head, as the caller serialises it
    body: bytes = field(repr=False)
    # The refused exchange, of the same client, whose answer it was: `replayed` from the same commit on.
    replays: str = ""


@dataclass(frozen=True, slots=True)
class AnswerRow(About):
    """What a kept answer is found by, and how far it came."""

    state: AnswerState
    code: str  # why it was refused; empty for what was not
    size: int  # bytes, sealed


@dataclass(frozen=True, slots=True)
class AnswerTotals:
    """The answers of one state."""

    count: int
    bytes: int  # sealed
    oldest: datetime


def seal(sealer: Sealer, answer: Answer, code: str | None = None) -> AnswerRecord:
    """The record of a rewritten answer, or of one that was refused for the reason `code`.

    Takes as long as the body is large. Raises ValueError for a time without a zone.
    """
    quarantined = code is not None
    state = AnswerState.REFUSED if quarantined else AnswerState.UNDELIVERED
    record = AnswerRecord(
        client=answer.client,
        exchange=answer.exchange,
        quarantined=quarantined,
        state=state.value,
        code=code or "",
        at=stamp(answer.at),
        expires=stamp(answer.expires),
        route=answer.route,
        products=json.dumps(answer.products),
        hotels=json.dumps(answer.hotels),
        echo=answer.echo,
        poll=answer.poll,
        size=0,
        failed=answer.failed,
        failures=json.dumps([(one.booking, one.card, one.code) for one in answer.failures]),
        sealed=b"",
    )
    # What is refused may hold clear cards: the length of a compressed text tells something of what
    # repeats in it, and an attacker can have his own guesses stand beside the card.
    compress = not quarantined and len(answer.body) >= _COMPRESSED_FROM
    sealed = sealer.seal(_pack(answer, compress=compress), _place(record))
    return record._replace(size=len(sealed), sealed=sealed, replays=answer.replays)


def unseal(sealer: Sealer, record: AnswerRecord) -> Answer:
    """Reads back what `seal` made. Raises RecordDamaged."""
    status, headers, body = _unpack(sealer.open(record.sealed, _place(record)))
    return Answer.of(record, status=status, headers=headers, body=body)


def row_of(record: AnswerRecord) -> AnswerRow:
    """The same, for a list."""
    state = AnswerState(record.state)
    return AnswerRow.of(record, state=state, code=record.code, size=record.size)


def place_of(values: tuple[Any, ...]) -> bytes:
    """Where an answer stands, from its columns' values."""
    return _place(AnswerRecord._make((*values, b"", "")))


def _place(record: AnswerRecord) -> bytes:
    named: tuple[object, ...] = (
        record.client, record.exchange, record.code, record.at, record.expires, record.route,
        record.products, record.hotels, record.echo,
        None if record.poll is None else record.poll.hex(),
    )  # fmt: skip
    if (record.failed, record.failures) != (0, "[]"):  # what version 4 sealed opens as it is
        named += (record.failed, record.failures)
    kind = "quarantine" if record.quarantined else "spool"
    return place(kind, "", 0, test=False, row=json.dumps(named).encode("ascii"))


def _pack(answer: Answer, *, compress: bool) -> bytes:
    head = _HEAD.pack(answer.status, len(answer.headers)) + answer.headers
    if not compress:
        return b"".join((_FORM.pack(0), head, answer.body))
    compressor = zlib.compressobj(_FASTEST)
    parts = (compressor.compress(head), compressor.compress(answer.body), compressor.flush())
    return b"".join((_FORM.pack(1), *parts))


def _unpack(plaintext: bytes) -> tuple[int, bytes, bytes]:
    try:
        (form,) = _FORM.unpack_from(plaintext)
        content = zlib.decompress(plaintext[_FORM.size :]) if form else plaintext[_FORM.size :]
        status, length = _HEAD.unpack_from(content)
        body = _HEAD.size + length
        if form <= 1 and len(content) >= body:
            return status, content[_HEAD.size : body], content[body:]
    except (struct.error, zlib.error):
        pass
    raise RecordDamaged
