"""A vault of which there is a backup and what happened since, and what must hold once it is restored."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.access.keys import Keys, NewKey, create
from gateway.audit import Action, Entry, Outcome
from gateway.errors import BackupRefused, CardErased, VaultClosed
from gateway.vault.kek.file import KekFile
from gateway.vault.service import Vault
from tests.vault.backing import BY, back_up, restore, restored, sink
from tests.vault.makers import NOON, booking, entry, find, keep, new, opened, pan
from tests.vault.test_vault_cards import ASKED, once, want
from tests.vault.test_vault_retention import DUE, RULE

ORIGIN = "command line: alice"


def backed_up(vault, directory):
    """Three cards and two keys, and a backup of them: the cards, and the keys as they were made."""
    cards = keep(
        vault, new(pan(1), at=booking("RES-1", departure=None)),
        new(pan(2), at=booking("RES-2", departure=None)), new(pan(3)),
        entries=[entry("e")] * 3,
    )  # fmt: skip
    now = datetime.now(UTC)
    good = create(vault.keys, NewKey("front-desk", "pms"), now, ORIGIN)
    bad = create(vault.keys, NewKey("left", "pms"), now, ORIGIN)
    back_up(vault, directory)
    return cards, good, bad


def live_through(directory):
    """A vault of which there is a backup, and then five things that happened."""
    with opened(directory, sinks=[sink(directory)]) as vault:
        (stays, forgotten, purged), good, bad = backed_up(vault, directory)
    with opened(directory, sinks=[sink(directory)]) as vault:
        forget(vault, forgotten.token)
        vault.retention.purge(RULE, DUE, purging())
        vault.keys.revoke(bad[1].id, datetime.now(UTC), ORIGIN)
        (lost,) = keep(vault, new(pan(4)), entries=[entry("lost")])
    return stays.token, forgotten.token, purged.token, lost.token, good, bad


def may(vault, key):
    """Whether the gateway takes this key."""
    return Keys(vault.keys, lambda: datetime.now(UTC)).verify(key[0].reveal()) is not None


def purging():
    return Entry(datetime.now(UTC), "", Action.PURGE, Outcome.DONE, origin=ORIGIN)


def forget(vault, token):
    asked = replace(ASKED, action=Action.FORGET)
    asyncio.run(vault.cards.forget(want(token), asked, once(token.alias)))


def is_refused(target, directory):
    with pytest.raises(VaultClosed) as refused:
        Vault.open(target, KekFile(directory / "kek"))
    return "vault restore" in refused.value.why


def holds(target, directory, made):
    """The vault at `target` has what it should: what was there, less what was taken away since."""
    stays, forgotten, purged, lost, good, bad = made
    with restored(directory, target, sinks=[sink(directory)]) as vault:
        assert find(vault, stays).card.pan.reveal() == pan(1)
        for gone in (forgotten, purged, lost):
            assert find(vault, gone) is None
        with pytest.raises(CardErased):
            raise asyncio.run(vault.stubs.why_unknown(want(purged)))
        assert may(vault, good)
        assert not may(vault, bad)
        report = vault.audit.check()
        assert report.findings == []
        said = [one.entry for one in vault.entries()]
        assert [one.action for one in said].count(Action.KEY_REVOKE) == 1  # carried over, once
        assert said[-1].action is Action.RESTORE
        assert said[-1].origin == BY.origin
        (again, new_one) = keep(
            vault,
            new(pan(1), at=booking("RES-1", departure=None)),
            new(pan(5)),
            entries=[entry("x")] * 2,
        )
        assert (again.token, new_one.created) == (stays, True)
        assert vault.count_by_product() == {"seaside": 2}
        assert vault.verification.check(RULE, NOON, lambda *_: None).findings == ()
        assert vault.audit.check().findings == []
    ids = [json.loads(line).get("id") for line in sink(directory).read_text().splitlines()]
    given = [id for id in ids if id is not None]
    assert len(given) == len(set(given))  # no id was given to two entries


def lines_of(directory):
    return sink(directory).read_text().splitlines(keepends=True)


def refused_with(directory, target, *codes, **more):
    with pytest.raises(BackupRefused) as refused:
        restore(directory, target, **more)
    assert refused.value.code in codes, refused.value
    return refused.value


def after(lines):
    """The places of the lines that came after the backup's intent, which it ends with."""
    first = next(n for n, line in enumerate(lines) if '"backup"' in line)
    return range(first + 1, len(lines))
