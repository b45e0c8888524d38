"""What was refused lately: kept so that `card-gateway refused` can print the YAML to allow it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from gateway.cards.scan import find_cards
from gateway.errors import (
    GatewayError,
    NetworkNotAllowed,
    RouteUnknown,
    UpstreamForbidden,
    VaultUnavailable,
)
from gateway.exchange import Exchange, Peer
from gateway.vault.rows import RefusalRow

# Refusals that a line of YAML can lift; others (a wrong key, a bad message) are the caller's to mend.
_LIFTABLE: Final = (NetworkNotAllowed, RouteUnknown, UpstreamForbidden)
_PENDING_MAX: Final = 200  # distinct rows held between two writes: a scan can't fill the memory
_DIGIT: Final = re.compile(r"[0-9]")
_DIGITS_MAX: Final = 8  # in all: a card number has twelve at least, however it is spelled
_UNPRINTABLE: Final = re.compile(r"[^!-~]")
_LENGTH_MAX: Final = 200


class RefusalTable(Protocol):
    """Where rows are kept between processes."""

    def remember(self, rows: Sequence[RefusalRow]) -> None:
        """Adds rows; the same refusal counts up."""


class Refusals:
    """Gathers refusals; `flush` writes them, every few seconds, off the event loop."""

    def __init__(self, table: RefusalTable) -> None:
        self._table = table
        self._pending: dict[tuple[object, ...], RefusalRow] = {}

    def note(self, exchange: Exchange, error: GatewayError, now: datetime) -> None:
        """Remembers a refused request, when YAML could allow it."""
        if not isinstance(error, _LIFTABLE):
            return
        request, authority = exchange.request, exchange.request.authority
        self._add(
            RefusalRow(
                client=exchange.admission.client if exchange.admission else str(exchange.origin),
                listener=exchange.peer.listener,
                method=cleaned(request.method),
                scheme=authority.scheme if authority else "https",
                host=cleaned(authority.host) if authority else "",
                port=authority.port if authority else 0,
                path=cleaned(request.path.partition("?")[0]),
                code=error.code,
                count=1,
                last=now,
            )
        )

    def note_connect(
        self, peer: Peer, host: str, port: int, error: GatewayError, now: datetime
    ) -> None:
        """Remembers a refused CONNECT, when YAML could allow it."""
        if isinstance(error, _LIFTABLE):
            row = RefusalRow(
                client=str(peer.address),
                listener=peer.listener,
                method="CONNECT",
                scheme="https",
                host=cleaned(host),
                port=port,
                path="",
                code=error.code,
                count=1,
                last=now,
            )
            self._add(row)

    def _add(self, row: RefusalRow) -> None:
        key = (
            row.client,
            row.listener,
            row.method,
            row.scheme,
            row.host,
            row.port,
            row.path,
            row.code,
        )
        known = self._pending.get(key)
        if known is None and len(self._pending) >= _PENDING_MAX:
            return
        self._pending[key] = row if known is None else _counted(known, row)

    def flush(self) -> None:
        """Writes what was gathered. Raises `VaultUnavailable`, and keeps it for the next time."""
        pending, self._pending = self._pending, {}
        if not pending:
            return
        try:
            self._table.remember(list(pending.values()))
        except VaultUnavailable:
            for row in pending.values():
                self._add(row)
            raise


def _counted(known: RefusalRow, row: RefusalRow) -> RefusalRow:
    return replace(row, count=known.count + row.count)


def cleaned(text: str) -> str:
    """A peer's text for the list: printable, short, and without anything like a card number.

    With more digits than a version or a hotel code has, every digit is masked: a number may be
    split by whatever signs the peer likes. Base64 that spells one has few, and goes whole.
    """
    plain = _UNPRINTABLE.sub("?", text)
    for one in find_cards(plain.encode("ascii")):
        if not one.in_place:
            plain = plain[: one.start] + "*" * (one.end - one.start) + plain[one.end :]
    plain = plain[:_LENGTH_MAX]
    return _DIGIT.sub("*", plain) if len(_DIGIT.findall(plain)) > _DIGITS_MAX else plain
