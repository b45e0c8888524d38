"""P25, P23: a card keeps its token while keys change, and whoever was away goes on under the new ones."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.errors import CardExists
from gateway.secret import Secret
from gateway.vault.key_rows import KeyEvent
from gateway.vault.keyring import Purpose
from gateway.vault.sealed_tables import ROTATED
from tests.vault.makers import (
    Clock,
    answer,
    find,
    find_all,
    get,
    get_refused,
    keep,
    many,
    new,
    open_vault,
    opened,
    pan,
    quarantine,
)
from tests.vault.rotating import BY, renew, rotate, under, used
from tests.vault.test_vault_cards import ASKED, LATER, add, alias_of, once, want
from tests.vault.test_vault_foreign import foreign

DAY = timedelta(days=2)


def test_p25_a_card_keeps_its_token_during_and_after_a_rotation(tmp_path):
    with opened(tmp_path) as vault:
        before = keep(vault, *many(30))
        tokens = [one.token for one in before]
        steps = [
            lambda: vault.rotation.add(BY),
            lambda: vault.rotation.activate(BY),
            lambda: vault.rewrap.run(BY),
            lambda: vault.rotation.retire(BY),
        ]
        for step in steps:
            step()
            again = keep(vault, *many(30))
            assert [one.token for one in again] == tokens
            assert not any(one.created for one in again)
            assert all(find_all(vault, tokens))
        assert vault.count_by_product() == {"seaside": 30}


def test_p23_whoever_slept_all_the_time_goes_on_under_the_new_keys(tmp_path):
    with opened(tmp_path) as awake, opened(tmp_path) as asleep:
        kept = keep(asleep, new())[0]
        before = used(tmp_path)
        assert renew(awake) == {Purpose.AUDIT}
        assert keep(asleep, new())[0] == kept._replace(created=False)
        assert find(asleep, kept.token).card.pan.reveal() == new().card.pan.reveal()
        keep(asleep, new(pan(1)), *many(240))
        now = used(tmp_path)
        assert {one for one in Purpose if now[one] != before[one]} == set(ROTATED)
        assert under(tmp_path, "card") == {now[Purpose.DATA]}
        assert under(tmp_path, "card", "look_up") == {now[Purpose.LOOK_UP]}
        assert under(tmp_path, "link") == {now[Purpose.DATA]}


def test_p23_whoever_slept_reads_first_and_finds(tmp_path):
    """A look reads no row of the keyring before it, as a write does."""
    with opened(tmp_path) as awake, opened(tmp_path) as asleep:
        kept = keep(awake, new(), answer=lambda _: answer())[0]
        quarantine(awake, answer("refused"))
        renew(awake)
        assert find(asleep, kept.token) is not None
    with opened(tmp_path) as awake, opened(tmp_path) as asleep:
        renew(awake)
        assert get(asleep).body == get_refused(asleep, "refused").body == b"<a/>"


def test_p23_what_was_planned_before_the_keys_changed_is_planned_again(tmp_path):
    """A large message is sealed beside the writer, and committed later."""
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        calls = []

        def slow(_):
            if not calls:
                renew(other)
            calls.append(1)
            return answer()

        cards = many(240)
        kept = keep(vault, *cards, answer=slow)
        assert len(calls) == 2
        assert under(tmp_path, "card") == {used(tmp_path)[Purpose.DATA]}
        assert under(tmp_path, "answer_body") == {used(tmp_path)[Purpose.SPOOL]}
        assert keep(other, *cards) == [one._replace(created=False) for one in kept]


def test_p23_a_refused_answer_that_was_sealed_before_is_sealed_again(tmp_path, monkeypatch):
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        run = vault._aside.run

        async def slow(work):
            made = await run(work)
            if vault.rotation.history()[-1].event is not KeyEvent.RETIRED:
                renew(other)
            return made

        monkeypatch.setattr(vault._aside, "run", slow)
        quarantine(vault, answer())
        assert under(tmp_path, "answer_body") == {used(tmp_path)[Purpose.QUARANTINE]}
        assert get_refused(other) is not None


def test_p25_an_expiry_does_not_become_that_of_a_card_filed_under_an_old_key(tmp_path):
    with opened(tmp_path, clock=Clock()) as vault:
        keep(vault, replace(new(), card=replace(new().card, expiry=LATER)))
        kept = keep(vault, new())[0]
        rotate(vault)
        with pytest.raises(CardExists):
            asyncio.run(vault.cards.change_expiry(want(kept.token), LATER, ASKED, None, alias_of))


def test_p24_a_request_is_answered_the_same_under_another_key(tmp_path):
    with opened(tmp_path, clock=(clock := Clock())) as vault:
        first = add(vault, with_=once("add"))
        rotate(vault)
        assert add(vault, with_=once("add")) == first
        assert Purpose.IDEMPOTENCY in {key.purpose for key in vault.rotation.retire(BY).needed}
        clock.now += DAY
        vault.idempotency.purge(clock.now)
        assert Purpose.IDEMPOTENCY in {key.purpose for key in vault.rotation.retire(BY).keys}


def test_p25_a_processors_token_is_kept_for_a_card_filed_under_an_old_key(tmp_path):
    with opened(tmp_path) as vault:
        kept = keep(vault, new())[0]
        found = find(vault, kept.token)
        rotate(vault)
        issued = Secret(b"issued")
        kept_for = vault.foreign.keep(kept.token.iduser, "seaside", "paycomet", issued, found)
        assert asyncio.run(kept_for).reveal() == b"issued"
        assert foreign(vault, kept.token.iduser) is not None


@pytest.mark.pooled
def test_p25_many_at_once_give_one_token_while_keys_come_and_go(tmp_path):
    cards = many(60)
    tokens, stop, failed = [], threading.Event(), []

    def poll(vault, share):
        while not stop.is_set():
            try:
                tokens.append([one.token for one in keep(vault, *share)])
            except Exception as error:  # whatever it is, the test shows it
                failed.append(repr(error))
                return

    vaults = [open_vault(tmp_path, busy_seconds=60) for _ in range(4)]
    shares = [cards[:12], cards[:12], cards, cards]
    threads = [
        threading.Thread(target=poll, args=pair) for pair in zip(vaults[:4], shares, strict=True)
    ]
    with opened(tmp_path, busy_seconds=60) as rotating:
        for thread in threads:
            thread.start()
        for _ in range(3):
            renew(rotating)
        stop.set()
        for thread in threads:
            thread.join()
        assert failed == []
        assert {tuple(one[:12]) for one in tokens} == {tuple(tokens[0][:12])}
        assert rotating.count_by_product() == {"seaside": 60}
        assert rotating.audit.check().findings == []
    for vault in vaults:
        vault.close()
