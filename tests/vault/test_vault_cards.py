"""Cards as clients manage them, and requests that count once: killed at any moment, read by nobody."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.cards.expiry import Expiry
from gateway.errors import (
    BookingUnknown,
    IdempotencyKeyReused,
    NoSuchToken,
    RecordDamaged,
    VaultUnavailable,
)
from gateway.secret import Secret
from gateway.vault.idempotency import KEPT, Once
from gateway.vault.model import Wanted
from tests.children import run
from tests.vault.makers import NOON, Clock, booking, find, keep, new, opened, pan, rows

ASKED = Entry(NOON, "exchange-1", Action.TOKENIZE, Outcome.INTENT, client="pms", key="k1")
SEASIDE = frozenset({"seaside"})
LATER = Expiry(2031, 2)


def alias_of(card):
    return card.token.alias.encode()


def once(key="k", request=b"request", client="pms", products=SEASIDE):
    return Once(client, Secret(key), Secret(request), products)


def add(vault, one=None, with_=None, answer=alias_of):
    return asyncio.run(vault.cards.add(one or new(), ASKED, with_, answer))


def want(token, products=SEASIDE):
    return Wanted(token, products)


KILLED = """
import asyncio, os, pathlib, signal, sys
from tests.vault.makers import new, open_vault
from tests.vault.test_vault_cards import ASKED, LATER, alias_of, once, want
from gateway.cards.token import parse_alias
directory, at = pathlib.Path(sys.argv[1]), sys.argv[2]
def step(name):
    if name == at:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(directory, step=step)
alias = asyncio.run(vault.cards.add(new(), ASKED, once("add"), alias_of))
print(alias.decode(), flush=True)
token = parse_alias(alias.decode())
asyncio.run(vault.cards.change_expiry(want(token), LATER, ASKED, once("change"), alias_of))
print('changed', flush=True)
asyncio.run(vault.cards.forget(want(token), ASKED, once("forget")))
print('forgotten', flush=True)
"""
STEPS = {
    "card_add:begun": 0, "keep:cards": 0, "keep:links": 0, "card_add:done": 0,
    "card_add:written": 0, "card_add:committed": 1, "card_add:answer": 1,
    "card_change:begun": 1, "card_change:done": 1, "card_change:written": 1,
    "card_change:committed": 2, "card_forget:begun": 2, "card_forget:done": 2,
    "card_forget:written": 2, "card_forget:committed": 3, "card_forget:answer": 3,
}  # fmt: skip


@pytest.mark.parametrize(("at", "durable"), STEPS.items())
def test_p24_killed_at_each_step_what_was_asked_and_its_answer_are_there_or_neither(
    tmp_path, at, durable
) -> None:
    done = run(KILLED, tmp_path, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with rows(tmp_path) as connection:
        connection.assert_sound()
        for table, count in (
            ("card", durable in {1, 2}),
            ("idempotent", durable),
            ("audit", durable),
        ):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (count,)
    with opened(tmp_path) as vault:
        again = add(vault, with_=once("add"))  # what the caller does who heard nothing
        said = done.stdout.split()
        assert said[:1] in ([], [again])
        with rows(tmp_path) as connection:
            (cards,) = connection.execute("SELECT count(*) FROM card").fetchone()
        assert cards == (durable < 3)  # never a second one, and none that comes back
        assert vault.count_by_product().get("seaside", 0) == cards


def test_p36_p24_without_its_entry_nothing_is_done_or_remembered(tmp_path) -> None:
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        with rows(tmp_path) as connection:
            connection.refuse_entries()
        cards = vault.cards
        for call in (
            cards.add(new(pan(2)), ASKED, once("a"), alias_of),
            cards.change_expiry(want(token), LATER, ASKED, once("b"), alias_of),
            cards.forget(want(token), ASKED, once("c")),
            cards.forget_booking(want(token), booking(), ASKED, once("d")),
            cards.show(want(token), ASKED),
            cards.of_booking(booking(), SEASIDE, ASKED),
        ):
            with pytest.raises(VaultUnavailable):
                asyncio.run(call)
        with rows(tmp_path) as connection:
            connection.take_entries()
            assert connection.execute("SELECT count(*) FROM idempotent").fetchone() == (0,)
        found = find(vault, token)
        assert found is not None
        assert str(found.card.expiry) == "2029-08"
        assert vault.count_by_product() == {"seaside": 1}


def test_p36_a_card_is_shown_only_after_its_intent(tmp_path, monkeypatch) -> None:
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        seen = []
        original = vault.cards._open

        def opening(connection, row):
            seen.append([(one.entry.action, one.entry.outcome) for one in vault.entries()])
            return original(connection, row)

        monkeypatch.setattr(vault.cards, "_open", opening)
        asked = replace(ASKED, action=Action.SHOW)
        asyncio.run(vault.cards.show(want(token), asked))
        asyncio.run(vault.cards.of_booking(booking(), SEASIDE, asked))
        intent, done = (Action.SHOW, Outcome.INTENT), (Action.SHOW, Outcome.DONE)
        assert seen == [[intent], [intent, done, intent]]


def test_p06_nothing_is_changed_for_a_token_that_is_not_the_callers(vault) -> None:
    token = keep(vault, new())[0].token
    wrong = [
        want(token, frozenset({"city"})),
        want(replace(token, test=False)),
        want(replace(token, tokenuser="A" * 13)),
        want(replace(token, iduser=token.iduser % 2**30 + 1)),
    ]
    cards = vault.cards
    for one in wrong:
        for call in (
            cards.show(one, ASKED),
            cards.change_expiry(one, LATER, ASKED, None, alias_of),
            cards.forget(one, ASKED, None),
            cards.forget_booking(one, booking(), ASKED, None),
        ):
            with pytest.raises(NoSuchToken):
                asyncio.run(call)
    with pytest.raises(BookingUnknown):
        asyncio.run(cards.forget_booking(want(token), booking("RES-9"), ASKED, None))
    assert asyncio.run(cards.of_booking(booking(), frozenset({"city"}), ASKED)).cards == []
    found = find(vault, token)
    assert found is not None
    assert str(found.card.expiry) == "2029-08"


def test_p16_a_request_is_kept_as_keyed_hashes_and_its_answer_sealed(tmp_path) -> None:
    with opened(tmp_path) as vault:
        one, other = once("key-of-the-client", b"said"), once("another-key", b"said")
        alias = add(vault, with_=one)
        add(vault, with_=other)
        with rows(tmp_path) as connection:
            table = connection.execute("SELECT * FROM idempotent").fetchall()
        assert len({row[2] for row in table}) == 2  # of equal requests, too
        kept = repr(table).encode()
        for secret in (alias, b"key-of-the-client", b"said"):
            assert secret not in kept


@pytest.mark.parametrize("column", ["asked", "product"])
def test_p17_an_answer_that_was_moved_does_not_open(tmp_path, column) -> None:
    both = SEASIDE | {"city"}
    with opened(tmp_path) as vault:
        add(vault, with_=once("one", products=both))
        add(vault, new(pan(2), product="city"), once("two", products=both))
        with rows(tmp_path) as connection:
            first, second = connection.execute("SELECT id, sealed FROM idempotent").fetchall()
            if column == "asked":
                change = "UPDATE idempotent SET sealed = ? WHERE id = ?"
                connection.execute(change, (second[1], first[0]))
            else:
                connection.execute("UPDATE idempotent SET product = 'city'")
        with pytest.raises(RecordDamaged):
            add(vault, with_=once("one", products=both))


def test_a_key_is_its_clients_for_a_day(tmp_path) -> None:
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        first = add(vault, with_=once())
        assert add(vault, new(pan(2)), once(), answer=lambda card: b"never") == first
        for other in (once(request=b"other"), once(products=frozenset({"city"}))):
            with pytest.raises(IdempotencyKeyReused):
                add(vault, with_=other)
        assert add(vault, new(pan(2)), once(client="spa")) != first
        clock.now += KEPT - timedelta(microseconds=1)
        assert vault.idempotency.purge(clock.now) == 0
        assert add(vault, new(pan(2)), once()) == first
        clock.now += timedelta(microseconds=1)
        assert add(vault, new(pan(3)), once()) == first  # what is there counts: clocks leap
        assert vault.idempotency.purge(clock.now) == 2  # this one, and the other client's
        assert add(vault, new(pan(3)), once()) != first


def test_p25_a_card_found_by_its_new_expiry_is_the_same(vault) -> None:
    token = keep(vault, new())[0].token
    asyncio.run(vault.cards.change_expiry(want(token), LATER, ASKED, None, alias_of))
    assert keep(vault, new(expiry=LATER))[0].token == token
    assert keep(vault, new())[0].token != token
