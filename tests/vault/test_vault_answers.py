"""Answers that are kept: with their tokens or not at all, and how far they came."""

from __future__ import annotations

import asyncio
import itertools
import threading
from pathlib import Path

import pytest

from gateway.errors import CardDisguised, RecordDamaged, VaultBusy
from gateway.secret import Secret
from gateway.threads import IN_THREAD
from gateway.vault.answer import AnswerState, seal, unseal
from gateway.vault.envelope import Sealer
from gateway.vault.model import ExchangeKnown
from gateway.vault.service import Vault
from tests.vault.makers import (
    answer,
    entry,
    find,
    get,
    get_refused,
    keep,
    listed,
    many,
    mark,
    new,
    opened,
    pan,
    quarantine,
    rows,
)

SEALER = Sealer({7: Secret(bytes(range(32)))}, 7)
UNDELIVERED, DELIVERED, ACKNOWLEDGED, REFUSED, REPLAYED = AnswerState


# --- kept with the tokens -------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_an_answer_is_kept_with_the_tokens_that_stand_in_it(vault: Vault, count: int) -> None:
    given_out = []

    def rewrite(kept):
        given_out.append(list(kept))
        return answer(body=" ".join(one.token.alias for one in kept).encode())

    kept = keep(vault, *many(count), entries=[entry()] * (count + 1), answer=rewrite)
    assert given_out == [kept]
    found = get(vault)
    assert found is not None
    assert found.body.decode().split() == [one.token.alias for one in kept]
    assert found == answer(body=found.body)
    assert len(vault.entries()) == count + 1


def test_there_may_be_nothing_to_keep(vault: Vault) -> None:
    assert len(keep(vault, new(), answer=lambda kept: None)) == 1
    assert listed(vault) == []
    assert vault.answers.totals() == {}


@pytest.mark.parametrize("count", [0, 1, 40])
def test_p24_what_rewriting_raises_is_raised_and_nothing_is_committed(vault, count: int) -> None:
    trouble = ZeroDivisionError("rewriting")

    def fail(_kept):
        raise trouble

    with pytest.raises(ZeroDivisionError) as raised:
        keep(vault, *many(count), entries=[entry()] * (count + 1), answer=fail)
    assert raised.value is trouble
    assert vault.count_by_product() == {}
    assert vault.entries() == []
    assert listed(vault) == []


@pytest.mark.parametrize("count", [1, 40])
def test_rewriting_keeps_neither_the_loop_nor_the_writer_nor_look_ups_waiting(vault, count) -> None:
    (known,) = keep(vault, new())
    entered, leave = threading.Semaphore(0), threading.Event()

    def slow(_kept):
        entered.release()
        assert leave.wait(20)

    async def main() -> None:
        slow_ones = [
            asyncio.create_task(vault.keep(many(count, seed), answer=slow, size=IN_THREAD + 1))
            for seed in range(4)
        ]
        for _ in slow_ones:
            assert await asyncio.to_thread(entered.acquire, timeout=10)
        # the loop runs, the writer writes, and cards are found
        assert await vault.keep([new(pan(1))])
        assert await vault.keep(many(40, 99))
        await vault.answers.quarantine(answer(), "card_disguised")
        from gateway.vault.model import Wanted

        assert await vault.find([Wanted(known.token, frozenset({"seaside"}))], [entry()])
        leave.set()
        await asyncio.gather(*slow_ones)

    asyncio.run(main())
    assert vault.count_by_product() == {"seaside": 1 + 1 + 40 + 4 * count}


def test_p25_when_another_was_first_the_message_is_rewritten_with_the_tokens_that_stand(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        calls = []

        def rewrite(kept):
            calls.append([one.token for one in kept])
            if len(calls) == 1:
                keep(other, new())
            return answer(body=kept[0].token.alias.encode())

        (kept,) = keep(vault, new(), entries=[entry()], answer=rewrite, size=IN_THREAD + 1)
        assert len(calls) == 2
        assert calls[0] != calls[1] == [kept.token]
        assert not kept.created
        found = get(vault)
        assert found is not None
        assert found.body.decode() == kept.token.alias
        assert vault.count_by_product() == {"seaside": 1}
        assert len(vault.entries()) == 1


@pytest.mark.sqlite_alone("PostgreSQL lets others write meanwhile, and runs one of them again")
def test_a_small_message_is_rewritten_within_its_own_transaction(tmp_path: Path) -> None:
    """No other writer can be first, and what it refuses leaves nothing behind."""
    with opened(tmp_path) as vault, opened(tmp_path, busy_seconds=0.05) as other:
        calls = []

        def rewrite(kept):
            calls.append(threading.current_thread().name)
            with pytest.raises(VaultBusy):
                keep(other, new())
            return answer(body=kept[0].token.alias.encode())

        (kept,) = keep(vault, new(), answer=rewrite, size=IN_THREAD)
        assert calls == ["vault-writer"]
        assert get(vault).body.decode() == kept.token.alias

        def refuse(_kept):
            raise CardDisguised

        with pytest.raises(CardDisguised):
            keep(vault, new(pan(1)), answer=refuse, size=IN_THREAD)
        assert vault.count_by_product() == {"seaside": 1}


def test_p25_every_answer_names_the_one_token(vault: Vault) -> None:
    async def main():
        return await asyncio.gather(
            *(
                vault.keep(
                    [new()],
                    answer=lambda kept, n=n: answer(
                        f"exchange-{n}", body=kept[0].token.alias.encode()
                    ),
                )
                for n in range(32)
            )
        )

    (token,) = {one.token for kept in asyncio.run(main()) for one in kept}
    bodies = {get(vault, f"exchange-{n}").body.decode() for n in range(32)}
    assert bodies == {token.alias}


# --- exchange ids that clients choose -------------------------------------------------------------


def test_an_exchange_id_that_is_known_is_refused_and_nothing_is_mixed(vault: Vault) -> None:
    (first,) = keep(vault, new(), entries=[entry()], answer=lambda kept: answer(body=b"first"))
    second = answer(body=b"second", hotels=("other",))
    for count in (0, 1, 40):
        with pytest.raises(ExchangeKnown):
            keep(vault, *many(count), entries=[entry()] * (count + 1), answer=lambda kept: second)
    with pytest.raises(ExchangeKnown):
        quarantine(vault, second)
    assert get(vault) == answer(body=b"first")
    assert get_refused(vault) is None
    assert len(listed(vault)) == 1
    assert vault.count_by_product() == {"seaside": 1}
    assert len(vault.entries()) == 1
    keep(vault, answer=lambda kept: answer("exchange-2"))
    assert find(vault, first.token) is not None


def test_one_clients_ids_are_not_anothers(vault: Vault) -> None:
    keep(vault, answer=lambda kept: answer(body=b"one"))
    keep(vault, answer=lambda kept: answer(body=b"two", client="other"))
    assert [get(vault).body, get(vault, client="other").body] == [b"one", b"two"]
    assert get(vault, client="third") is None
    assert mark(vault, DELIVERED, client="other")
    assert not mark(vault, DELIVERED, client="third")
    assert [row.state for row in listed(vault, client="pms")] == [UNDELIVERED]
    assert [row.state for row in listed(vault, client="other")] == [DELIVERED]


def test_one_bad_id_costs_no_other_message_that_waited_with_it(vault: Vault) -> None:
    keep(vault, answer=lambda kept: answer("exchange-3"))

    async def main():
        return await asyncio.gather(
            *(vault.keep([], answer=lambda kept, n=n: answer(f"exchange-{n}")) for n in range(8)),
            return_exceptions=True,
        )

    results = asyncio.run(main())
    assert [type(one) for one in results] == [list] * 3 + [ExchangeKnown] + [list] * 4
    assert len(listed(vault)) == 8


# --- states ---------------------------------------------------------------------------------------

FORWARD = {
    (UNDELIVERED, DELIVERED),
    (UNDELIVERED, REPLAYED),
    (UNDELIVERED, ACKNOWLEDGED),
    (DELIVERED, REPLAYED),
    (DELIVERED, ACKNOWLEDGED),
    (REPLAYED, ACKNOWLEDGED),
}


def test_a_state_only_goes_forward(vault: Vault) -> None:
    """Whatever is said in whatever order, of an answer that was rewritten or refused."""
    orders = itertools.product((UNDELIVERED, REFUSED), *[(DELIVERED, ACKNOWLEDGED, REPLAYED)] * 3)
    for n, (first, *marks) in enumerate(orders):
        state = first
        exchange = f"exchange-{n}"
        sent = answer(exchange, echo=exchange)
        if first is REFUSED:
            quarantine(vault, sent)
        else:
            keep(vault, answer=lambda kept, sent=sent: sent)
        opening, shut = (get_refused, get) if first is REFUSED else (get, get_refused)
        for wanted in marks:
            assert mark(vault, wanted, exchange) == ((state, wanted) in FORWARD)
            state = wanted if (state, wanted) in FORWARD else state
            assert [row.state for row in listed(vault, echo=exchange)] == [state]
        assert opening(vault, exchange) == sent
        assert shut(vault, exchange) is None


def test_nothing_becomes_refused_or_undelivered_and_what_is_not_there_is_not_marked(vault) -> None:
    for state in (REFUSED, UNDELIVERED):
        with pytest.raises(ValueError):
            mark(vault, state)
    assert not mark(vault, DELIVERED)


# --- quarantine -----------------------------------------------------------------------------------


def test_p17_a_refused_answer_is_never_given_as_a_rewritten_one(vault: Vault) -> None:
    quarantine(vault, answer(), "message_malformed")
    assert get(vault) is None
    assert get_refused(vault) == answer()
    (row,) = listed(vault, states={REFUSED})
    assert (row.state, row.code) == (REFUSED, "message_malformed")
    with pytest.raises(ValueError):
        quarantine(vault, answer("exchange-2"), "")


def test_p17_quarantine_and_spool_do_not_meet(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        quarantine(vault, answer())
        keep(vault, answer=lambda kept: answer("exchange-2"))
        with rows(tmp_path) as connection:
            connection.execute("UPDATE answer SET state = 'replayed'")
            connection.execute("UPDATE answer SET quarantined = 1 - quarantined")
        with pytest.raises(RecordDamaged):
            get(vault)
        with pytest.raises(RecordDamaged):
            get_refused(vault, "exchange-2")
    record = seal(SEALER, answer(), "code")  # even under one key
    with pytest.raises(RecordDamaged):
        unseal(SEALER, record._replace(quarantined=False))
