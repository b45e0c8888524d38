"""Something that a client is told by its webhook: what it is, and its sealed form.

    {"id": …, "type": …, "subject": …, "created_at": …, "data": {…}}

1. What is told is made of texts, whole numbers, booleans, null, lists and mappings. A `Secret`, or
   anything else that could hold a card, is refused where it is written down, before anything is done.
2. A card number in a text, which a guest may have typed anywhere, is masked.
3. All of it is sealed, and its place names id, client, kind and subject: a row that was altered, to
   tell another client, does not open (P17).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from gateway.cards.masking import without_cards
from gateway.secret import Secret
from gateway.vault.entries import stamp, unstamp
from gateway.vault.envelope import Sealer, padded, place

COLUMNS: Final = "id, client, kind, subject, product, state, created, changed, due, tries, code"
_KIND: Final = re.compile(r"[a-z][a-z_]{0,30}(?:\.[a-z][a-z_]{0,30}){1,2}")
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_LARGEST: Final = 10**11  # card numbers have twelve digits and more; amounts have not
# Padding hides most of how long it is.
_STEP: Final = 512


class NoticeState(StrEnum):
    """How far it came."""

    WAITING = "waiting"  # for its time, or for an earlier one about the same subject
    SENDING = "sending"  # an attempt is being made
    DELIVERED = "delivered"  # the client took it
    GIVEN_UP = "given_up"  # the last attempt failed


@dataclass(frozen=True, slots=True)
class NewNotice:
    """What is to be told. `client`: whom, `clients.<name>.webhook` of gateway.yaml. `kind`:
    `charge.succeeded`. `subject`: the id of what it is about. `body`: JSON, never card data.
    `product`: whose it is; keys without that product do not see it in the list.

    Raises ValueError for a kind or a body that can not be told.
    """

    client: str
    kind: str
    subject: str
    body: Mapping[str, object]
    product: str = ""

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise ValueError("the kind of a notice is like `charge.succeeded`")
        _told(self.body)


@dataclass(frozen=True, slots=True)
class Notice:
    """What stands in clear of it. `code` says why the last attempt failed, empty when none did."""

    id: str
    client: str
    kind: str
    subject: str
    product: str
    state: NoticeState
    created: datetime
    changed: datetime
    due: datetime | None  # the next attempt; while one is made: when it is taken for dead
    tries: int
    code: str


@dataclass(frozen=True, slots=True)
class OpenNotice:
    """A notice with the bytes that are sent."""

    row: Notice
    body: Secret[bytes]


def opened(new: NewNotice, id: str, now: datetime) -> OpenNotice:
    """What is kept of something that is to be told, due now."""
    row = Notice(
        id=id,
        client=new.client,
        kind=new.kind,
        subject=new.subject,
        product=new.product,
        state=NoticeState.WAITING,
        created=now,
        changed=now,
        due=now,
        tries=0,
        code="",
    )
    said = {
        "id": id,
        "type": new.kind,
        "subject": new.subject,
        "created_at": now.isoformat(),
        "data": _told(new.body),
    }
    return OpenNotice(row, Secret(json.dumps(said, allow_nan=False).encode("ascii")))


def seal(sealer: Sealer, one: OpenNotice) -> tuple[Any, ...]:
    """The columns' values, the sealed one last. Raises ValueError for a time without a zone."""
    row, plain = one.row, one.body.reveal()
    sealed = sealer.seal(padded(plain, _STEP), _place(row))
    return (
        row.id, row.client, row.kind, row.subject, row.product, row.state.value,
        stamp(row.created), stamp(row.changed), None if row.due is None else stamp(row.due),
        row.tries, row.code, sealed,
    )  # fmt: skip


def unseal(sealer: Sealer, row: Notice, sealed: bytes) -> OpenNotice:
    """Reads back what `seal` made. Raises RecordDamaged."""
    return OpenNotice(row, Secret(sealer.open(sealed, _place(row)).rstrip()))


def read_row(values: tuple[Any, ...]) -> Notice:
    """What stands in clear, from the columns' values."""
    id, client, kind, subject, product, state, created, changed, due, tries, code = values
    return Notice(
        id=id,
        client=client,
        kind=kind,
        subject=subject,
        product=product,
        state=NoticeState(state),
        created=unstamp(created),
        changed=unstamp(changed),
        due=None if due is None else unstamp(due),
        tries=tries,
        code=code,
    )


def _told(value: object) -> object:
    """The same, each text without card numbers. Nothing of `value` is in what is raised."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return without_cards(value)
    if isinstance(value, int) and abs(value) < _LARGEST:
        return int(value)
    if isinstance(value, list | tuple):
        return [_told(one) for one in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and _KEY.fullmatch(key) for key in value):
            raise ValueError("a key of a notice's body is a lower-case name")
        return {str(key): _told(one) for key, one in value.items()}
    raise ValueError(f"a notice's body holds no {type(value).__name__}, nor numbers that long")


def place_of(values: tuple[Any, ...]) -> bytes:
    """Where a notice stands, from its columns' values."""
    return _place(read_row(values))


def _place(row: Notice) -> bytes:
    named = json.dumps([row.id, row.client, row.kind, row.subject, row.product]).encode("ascii")
    return place("notice", "", 0, test=False, row=named)
