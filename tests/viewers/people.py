"""A vault with viewers in it, and what the tests of them do."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import timedelta

import pyotp
from argon2 import PasswordHasher

from gateway.audit import Action, Entry, Outcome
from gateway.secret import Secret
from gateway.vault.viewer import NewViewer, Role, SecretCode
from gateway.vault.viewers import Asked
from gateway.viewers.checking import Checking, Typed
from gateway.viewers.codes import Codes
from tests.vault.makers import NOON, Clock, opened

QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
CODE = "sea-otter-42-blue"
OTHER = "grey-heron-77-moss"
WRONG = "sea-otter-43-blue"
SEASIDE = frozenset({"seaside"})
ENTRY = Entry(NOON, "exchange-1", Action.SHOW, Outcome.DONE, client="pms", origin="127.0.0.1")
LINE = timedelta(seconds=30)  # a step


def id_of(number):
    return "vwr_" + "abcdefghij"[number] * 24


def asked(products=SEASIDE, action=Action.VIEWER_INVITE, once=None):
    return Asked(products, Entry(NOON, "x", action, Outcome.INTENT, client="pms", key="k1"), once)


def nothing(*_):
    """A guard that lets everything through, an answer that holds nothing."""


def done(connection, viewer):
    return viewer.id


class People:
    """A vault, and its viewers by number."""

    def __init__(self, vault, clock, codes=None):
        self.vault, self.clock = vault, clock
        self.codes = codes or Codes(QUICK)
        self.checking = Checking(vault.viewer_codes, self.codes, clock)

    def invite(self, number=0, role=Role.FULL, product="seaside", **more):
        new = NewViewer(id_of(number), product, f"viewer {number}", role, **more)
        asyncio.run(self.vault.viewers.invite(new, asked(), lambda c, viewer: viewer.id.encode()))
        return new.id

    def person(self, number=0, code=CODE, totp=None, **more):
        """A viewer that has chosen its code."""
        id = self.invite(number, totp=totp is not None, **more)
        self.choose(id, code, totp)
        return id

    def choose(self, id, code=CODE, totp=None, guard=nothing):
        hashed = asyncio.run(self.codes.hash(Secret(code)))
        made = SecretCode(hashed, None if totp is None else Secret(totp))
        return asyncio.run(self.vault.viewer_codes.choose(id, made, ENTRY, guard))

    def check(self, id, code=CODE, password="", guard=nothing, act=done, chosen=None):
        typed, new = Typed(Secret(code), password), None if chosen is None else Secret(chosen)
        return asyncio.run(self.checking.check(id, typed, ENTRY, guard, act, chosen=new))

    def get(self, id, products=SEASIDE):
        return asyncio.run(self.vault.viewers.get(id, products))

    def lock(self, id, by):
        return asyncio.run(self.vault.viewers.lock(id, by, asked(), as_bytes))

    def disable(self, id):
        return asyncio.run(self.vault.viewers.disable(id, asked(), as_bytes))

    def password(self, secret):
        return pyotp.TOTP(secret).at(self.clock.now)

    def audit(self, skip=0):
        entries = [recorded.entry for recorded in self.vault.entries()][skip:]
        return [(e.action.value, e.outcome.value, e.detail) for e in entries]


def as_bytes(viewer):
    return viewer.state.value.encode()


@contextmanager
def people(directory, **more):
    clock = Clock()
    with opened(directory, clock=clock, **more) as vault:
        made = People(vault, clock)
        try:
            yield made
        finally:
            made.codes.close()
