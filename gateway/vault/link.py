"""A link to a page of our own: what it is, and its sealed form.

Ids and times are stored in clear, to be found by. What the page is for is sealed: the booking's number,
a text for the guest, what came of it. Its place names id, kind, client and product: a row that was
altered, to give one client another's link, does not open (P17).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault.entries import stamp, unstamp
from gateway.vault.envelope import Sealer, padded, place

COLUMNS: Final = "id, kind, client, product, language, state, created, expires, changed"
# Padding hides most of how long a text and an address are.
_STEP: Final = 512


class LinkKind(StrEnum):
    """What the page does."""

    CAPTURE = "capture"  # takes a card
    REVEAL = "reveal"  # shows one
    CHALLENGE = "challenge"  # has the guest authenticate
    SETUP = "setup"  # a viewer chooses its secret code
    APPROVE = "approve"  # a viewer says yes to what is done with another


class LinkState(StrEnum):
    """Whether the page still does it."""

    OPEN = "open"
    USED = "used"
    REVOKED = "revoked"
    EXPIRED = "expired"  # never stored: what is open, after its end


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link, without its secret. `language` None: the product's, or the browser's."""

    id: str
    kind: LinkKind
    client: str
    product: str
    language: str | None
    state: LinkState
    created: datetime
    expires: datetime
    changed: datetime

    def state_at(self, now: datetime) -> LinkState:
        """Its state, its end considered."""
        if self.state is LinkState.OPEN and now >= self.expires:
            return LinkState.EXPIRED
        return self.state


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link with what is sealed of it: a JSON text, the business of `gateway.pages`."""

    row: PageLink
    held: Secret[bytes]


def seal(sealer: Sealer, one: OpenLink) -> tuple[Any, ...]:
    """The columns' values, the sealed one last. Raises ValueError for a time without a zone."""
    row, plain = one.row, one.held.reveal()
    sealed = sealer.seal(padded(plain, _STEP), _place(row))
    return (
        row.id, row.kind.value, row.client, row.product, row.language, row.state.value,
        stamp(row.created), stamp(row.expires), stamp(row.changed), sealed,
    )  # fmt: skip


def unseal(sealer: Sealer, values: tuple[Any, ...]) -> OpenLink:
    """Reads back what `seal` made. Raises RecordDamaged."""
    row = _row(values[:-1])
    return OpenLink(row, Secret(sealer.open(values[-1], _place(row)).rstrip()))


def _row(values: tuple[Any, ...]) -> PageLink:
    id, kind, client, product, language, state, created, expires, changed = values
    try:
        named = LinkKind(kind), LinkState(state)
    except ValueError:  # the table's check does not let one in
        named = None
    if named is None:
        raise RecordDamaged
    return PageLink(
        id, named[0], client, product, language, named[1],
        unstamp(created), unstamp(expires), unstamp(changed),
    )  # fmt: skip


def place_of(values: tuple[Any, ...]) -> bytes:
    """Where a link stands, from its columns' values."""
    return _place(_row(values))


def _place(row: PageLink) -> bytes:
    # Its end too: a link that is prolonged by hand does not open.
    named = json.dumps([row.id, row.kind.value, row.client, stamp(row.expires)]).encode("ascii")
    return place("page_link", row.product, 0, test=False, row=named)
