"""What the access tests share: a table in memory that counts its reads, a clock that is set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.errors import VaultUnavailable

START = datetime(2030, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def forward(self, **time):
        self.now += timedelta(**time)


class Table:
    """The interface of `gateway.access.keys.KeyTable`."""

    def __init__(self):
        self.rows = {}
        self.reads = 0
        self.down = False
        self.uses = []
        self.origins = []

    def insert(self, row, origin):
        self.rows[row.id] = row
        self.origins.append(origin)

    def all(self):
        self.reads += 1
        if self.down:
            raise VaultUnavailable
        return list(self.rows.values())

    def by_id(self, id):
        return self.rows.get(id)

    def revoke(self, id, at, origin):
        self.origins.append(origin)
        row = self.rows.get(id)
        if row is None or row.revoked is not None:
            return False
        self.rows[id] = replace(row, revoked=at)
        return True

    def used(self, times):
        if self.down:
            raise VaultUnavailable
        self.uses.append(dict(times))
