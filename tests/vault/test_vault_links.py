"""Links to our pages: found by their secret, used once, whose they are."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.errors import (
    IdempotencyKeyReused,
    PageLinkOver,
    PageLinkUnknown,
    RecordDamaged,
)
from gateway.secret import Secret
from gateway.vault.idempotency import Once
from gateway.vault.link import LinkKind, LinkState, OpenLink, PageLink
from gateway.vault.links import KEPT, Whose, new_secret
from tests.vault.makers import NOON, Clock, opened, rows

HELD = Secret(b'{"purpose": "Stay at the seaside"}')
MINE = Whose(LinkKind.CAPTURE, "pms", frozenset({"seaside"}))
ENTRY = Entry(NOON, "abc", Action.LINK_CREATE, Outcome.INTENT, "pms", "k1", "127.0.0.1")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def vault(tmp_path, clock):
    with opened(tmp_path, clock=clock) as opened_:
        yield opened_


def link(id="one", **more):
    row = PageLink(
        id, LinkKind.CAPTURE, "pms", "seaside", None, LinkState.OPEN, NOON,
        NOON + timedelta(hours=1), NOON,
    )  # fmt: skip
    return OpenLink(replace(row, **more), HELD)


def keep(vault, one, secret=None, once=None, answer=b"done"):
    secret = secret or new_secret()
    answered = asyncio.run(vault.links.create(one, secret, ENTRY, once, answer))
    return secret, answered


def use(vault, id="one", held=HELD):
    work = lambda connection: vault.links.use(connection, id, held)  # noqa: E731  # short, and read just below
    return vault.links._database.write("use", work).result()


def found(vault, secret):
    return asyncio.run(vault.links.by_secret(secret))


def of(vault, id="one", whose=MINE):
    return asyncio.run(vault.links.of(id, whose))


def test_a_link_is_found_by_its_secret_alone(vault):
    secret, _ = keep(vault, link())
    assert found(vault, secret).row == link().row
    assert found(vault, secret).held.reveal() == HELD.reveal()
    for other in (new_secret(), Secret(""), Secret("one"), Secret(secret.reveal()[:-1])):
        assert found(vault, other) is None


@pytest.mark.sqlite_alone("reads SQLite's own files; test_postgres.py looks into PostgreSQL's")
def test_p35_the_secret_is_kept_as_a_hash_and_what_the_page_is_for_is_sealed(vault, tmp_path):
    secret, _ = keep(vault, link())
    assert len({new_secret().reveal() for _ in range(1000)}) == 1000
    assert len(secret.reveal()) == 32  # of 64 signs: 192 bits
    written = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    assert secret.reveal().encode() not in written
    assert b"seaside" in written  # what is found by stands in clear
    assert b"Stay at the" not in written


def test_p35_a_link_is_used_once_by_whoever_is_first(vault):
    secret, _ = keep(vault, link())
    outcomes = []

    def one():
        try:
            use(vault, held=Secret(b"{}"))
            outcomes.append("used")
        except PageLinkOver:
            outcomes.append("over")

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["over"] * 7 + ["used"]
    after = found(vault, secret)
    assert (after.row.state, after.held.reveal()) == (LinkState.USED, b"{}")


def test_p35_a_link_ends(vault, clock):
    secret, _ = keep(vault, link())
    clock.now = NOON + timedelta(minutes=59)
    assert found(vault, secret).row.state_at(clock.now) is LinkState.OPEN
    clock.now = NOON + timedelta(hours=1)
    assert found(vault, secret).row.state_at(clock.now) is LinkState.EXPIRED
    with pytest.raises(PageLinkOver):
        use(vault)
    assert found(vault, secret).row.state is LinkState.OPEN  # nothing was written


def test_what_fails_beside_it_leaves_the_link_open(vault):
    secret, _ = keep(vault, link())

    def work(connection):
        vault.links.use(connection, "one", HELD)
        raise ValueError("the rest of the transaction")

    with pytest.raises(ValueError, match="the rest"):
        vault.links._database.write("use", work).result()
    assert found(vault, secret).row.state is LinkState.OPEN


def test_a_link_is_withdrawn_by_its_client(vault):
    secret, _ = keep(vault, link())
    asyncio.run(vault.links.revoke("one", MINE, ENTRY, None))
    assert found(vault, secret).row.state is LinkState.REVOKED
    with pytest.raises(PageLinkOver):
        use(vault)
    asyncio.run(vault.links.revoke("one", MINE, ENTRY, None))  # again: nothing changes
    assert of(vault).row.state is LinkState.REVOKED


def test_a_link_that_was_used_is_not_withdrawn(vault):
    keep(vault, link())
    use(vault)
    with pytest.raises(PageLinkOver):
        asyncio.run(vault.links.revoke("one", MINE, ENTRY, None))
    last = vault.entries()[-1].entry
    assert (last.outcome, last.detail) == (Outcome.REFUSED, "page_link_over")


@pytest.mark.parametrize(
    "whose",
    [
        replace(MINE, client="spa"),
        replace(MINE, products=frozenset({"hilltop"})),
        replace(MINE, kind=LinkKind.REVEAL),
    ],
)
def test_another_clients_link_is_like_one_that_is_not_there(vault, whose):
    keep(vault, link())
    assert of(vault).row.id == "one"
    assert of(vault, whose=replace(MINE, client=None)).row.id == "one"  # an administrator's
    with pytest.raises(PageLinkUnknown):
        of(vault, whose=whose)
    with pytest.raises(PageLinkUnknown):
        asyncio.run(vault.links.revoke("one", whose, ENTRY, None))
    with pytest.raises(PageLinkUnknown):
        of(vault, "two")
    assert of(vault).row.state is LinkState.OPEN


def test_a_request_that_is_sent_again_makes_no_second_link(vault):
    once = Once("pms", Secret("key"), Secret(b"request"), frozenset({"seaside"}))
    first, answered = keep(vault, link(), once=once, answer=b"first")
    second, again = keep(vault, link("two"), once=once, answer=b"second")
    assert (answered, again) == (b"first", b"first")
    assert found(vault, first) is not None
    assert found(vault, second) is None
    other = replace(once, request=Secret(b"another"))
    with pytest.raises(IdempotencyKeyReused):
        keep(vault, link("three"), once=other)


def test_a_link_is_erased_a_while_after_its_end(vault):
    secret, _ = keep(vault, link())
    end = NOON + timedelta(hours=1) + KEPT
    assert vault.links.purge(end - timedelta(seconds=1)) == 0
    assert vault.links.purge(end) == 1
    assert found(vault, secret) is None


@pytest.mark.parametrize("column", ["client", "product", "expires", "id", "kind"])
def test_p17_a_link_that_was_altered_does_not_open(vault, tmp_path, column):
    secret, _ = keep(vault, link())
    later = (NOON + timedelta(days=9)).isoformat(timespec="microseconds")
    value = {"kind": "reveal", "expires": later}.get(column, "another")
    with rows(tmp_path) as connection:
        connection.execute(f"UPDATE page_link SET {column} = ?", (value,))
    with pytest.raises(RecordDamaged):
        found(vault, secret)


def test_making_and_withdrawing_stand_in_the_audit(vault):
    keep(vault, link())
    asyncio.run(vault.links.revoke("one", MINE, replace(ENTRY, action=Action.LINK_REVOKE), None))
    told = [(r.entry.action, r.entry.outcome, r.entry.product) for r in vault.entries()]
    assert told == [
        (Action.LINK_CREATE, Outcome.DONE, "seaside"),
        (Action.LINK_REVOKE, Outcome.DONE, "seaside"),
    ]
