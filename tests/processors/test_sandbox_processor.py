"""The sandbox's processor through a whole gateway: what each test number comes to, and its states."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from gateway.exchange import new_id
from gateway.processors import parts
from gateway.processors.model import Ended, Initiator, Operation
from gateway.sandbox import processor_payments as numbers
from tests.processors.orders import keep, order, run, set_credentials

FAILED, UNKNOWN = Ended.FAILED, Ended.UNKNOWN


def sent(gateway, path="/v1/payments"):
    return [one for one in gateway.sandbox.received.requests("processor") if one.path == path]


def test_authorise_capture_refund(gateway):
    token = keep(gateway)
    held = run(gateway, "authorize", order(token))
    assert held.ended is Ended.AUTHORIZED
    assert held.processor_id.startswith("pay_")
    assert len(held.network_transaction_id) == 15
    assert (held.code, held.decline, held.challenge, held.consumed) == (None, None, None, False)
    later = order(token, processor_id=held.processor_id, amount=900)
    assert run(gateway, "capture", later).ended is Ended.SUCCEEDED
    assert run(gateway, "refund", later).ended is Ended.REFUNDED
    assert run(gateway, "look", later).ended is Ended.REFUNDED


def test_p39_calls_are_counted_by_processor_operation_and_end(gateway):
    def counted(outcome):
        line = f'{{operation="debit",outcome="{outcome}",processor="sandbox"}}'
        found = re.search(rf"processor_calls_total{re.escape(line)} (\d+)", gateway.metrics())
        return int(found[1]) if found else 0

    before = {outcome: counted(outcome) for outcome in ("succeeded", "declined", "unknown")}
    for number in (numbers.APPROVED, numbers.APPROVED, numbers.DECLINED, numbers.GARBAGE):
        run(gateway, "debit", order(keep(gateway, number)))
    rise = {outcome: counted(outcome) - count for outcome, count in before.items()}
    assert rise == {"succeeded": 2, "declined": 1, "unknown": 1}


def test_what_makes_no_sense_is_refused_and_nothing_is_done(gateway):
    token = keep(gateway)
    held = run(gateway, "authorize", order(token))
    later = order(token, processor_id=held.processor_id)
    more = order(token, processor_id=held.processor_id, amount=1100)
    refused = run(gateway, "refund", later)
    assert (refused.ended, refused.code, refused.decline) == (
        FAILED,
        "processor_refused",
        "not_captured",
    )
    assert run(gateway, "capture", more).decline == "above_authorization"
    assert run(gateway, "capture", later).ended is Ended.SUCCEEDED
    assert run(gateway, "capture", later).decline == "not_authorized"
    assert run(gateway, "cancel", later).decline == "not_authorized"
    assert run(gateway, "refund", more).decline == "above_captured"
    half = order(token, processor_id=held.processor_id, amount=500)
    assert [run(gateway, "refund", half).ended for _ in range(2)] == [Ended.REFUNDED] * 2
    assert run(gateway, "refund", half).decline == "above_captured"


def test_cancel(gateway):
    token = keep(gateway)
    held = run(gateway, "authorize", order(token))
    assert run(gateway, "cancel", order(token, processor_id=held.processor_id)).ended is (
        Ended.CANCELLED
    )


def test_declined(gateway):
    done = run(gateway, "debit", order(keep(gateway, numbers.DECLINED)))
    assert (done.ended, done.decline, done.code) == (Ended.DECLINED, "insufficient_funds", None)


def test_a_gateway_failure_did_nothing(gateway):
    done = run(gateway, "debit", order(keep(gateway, numbers.GATEWAY_FAILURE)))
    assert (done.ended, done.code, done.decline) == (FAILED, "processor_refused", "gateway_failure")


def test_a_card_that_is_consumed_there(gateway, sandbox):
    sandbox.processor.payments._used.clear()  # another test may have used it
    token = keep(gateway, numbers.CONSUMED)
    first, second = (run(gateway, "debit", order(token)) for _ in range(2))
    assert (first.ended, first.consumed) == (Ended.SUCCEEDED, True)
    assert (second.ended, second.decline, second.consumed) == (
        Ended.DECLINED,
        "card_consumed",
        True,
    )


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (numbers.CHALLENGED, "redirect"),
        (numbers.FORM_CHALLENGE, "form"),
        (numbers.HTML_CHALLENGE, "html"),
    ],
)
def test_a_challenge(gateway, sandbox, number, kind):
    asked = order(keep(gateway, number))
    done = run(gateway, "debit", asked)
    challenge = done.challenge
    assert (done.ended, challenge.kind) == (Ended.CHALLENGED, kind)
    assert bool(challenge.url) == (kind != "html")
    assert bool(challenge.fields.get("PaReq")) == (kind == "form")
    assert challenge.back == ("TermUrl" if kind == "form" else None)
    assert (challenge.html or "").startswith("<form") == (kind == "html")
    page = f"{sandbox.url('processor')}/challenge/{done.processor_id}?outcome=ok"
    with gateway.direct() as session:
        answer = session.get(page, allow_redirects=False, timeout=10)
    assert answer.headers["location"] == "https://pms.example/back"
    assert run(gateway, "look", asked).ended is Ended.SUCCEEDED


def test_a_merchants_own_charge_is_not_challenged(gateway):
    token = keep(gateway, numbers.CHALLENGED)
    alone = order(token, initiator=Initiator.NO_SHOW)
    assert run(gateway, "debit", alone).decline == "authentication_required"
    named = order(token, initiator=Initiator.NO_SHOW, network_transaction_id="123456789012345")
    assert run(gateway, "debit", named).ended is Ended.SUCCEEDED
    (body,) = [json.loads(one.body) for one in sent(gateway)][1:]
    assert (body["initiator"], body["network_transaction_id"]) == ("no_show", "123456789012345")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (numbers.DROPPED, "upstream_invalid"),
        (numbers.GARBAGE, "upstream_invalid"),
    ],
)
def test_a_wrong_answer_is_unknown_sent_once_and_found_by_its_reference(gateway, number, code):
    _is_unknown_and_found(gateway, number, code)


def test_no_answer_is_unknown_sent_once_and_found_by_its_reference(gateway):
    _is_unknown_and_found(gateway, numbers.TIMEOUT, "upstream_timeout", seconds=3)


def _is_unknown_and_found(gateway, number, code, seconds=60):
    asked = order(keep(gateway, number))
    with gateway.waiting(seconds):
        done = run(gateway, "debit", asked)
    assert (done.ended, done.code, done.processor_id) == (UNKNOWN, code, None)
    assert len(sent(gateway)) == 1
    found = run(gateway, "look", asked)
    assert found.ended is Ended.SUCCEEDED
    assert found.processor_id.startswith("pay_")


def test_two_answers_are_none(gateway):
    """Another answer behind the first is nobody's; the first is no JSON of ours."""
    asked = order(keep(gateway, numbers.TWICE))
    assert run(gateway, "debit", asked).ended is UNKNOWN
    assert run(gateway, "look", asked).ended is Ended.SUCCEEDED


def test_what_never_came_there_is_certainly_not_done(gateway):
    looked = run(gateway, "look", order(keep(gateway)))
    assert (looked.ended, looked.code) == (FAILED, "processor_has_none")


def test_a_reference_is_charged_once(gateway):
    asked = order(keep(gateway))
    first, again = run(gateway, "debit", asked), run(gateway, "debit", asked)
    assert (first.ended, first.processor_id) == (again.ended, again.processor_id)
    other = order(asked.token, reference=asked.reference, amount=5)
    refused = run(gateway, "debit", other)
    assert (refused.ended, refused.decline) == (FAILED, "reference_of_another")


def test_p03_an_echoed_card_is_nowhere(gateway, sandbox):
    """Neither in what is read nor in what is logged."""
    token = keep(gateway, numbers.ECHO)
    assert run(gateway, "debit", order(token)).ended is Ended.SUCCEEDED
    assert numbers.ECHO not in gateway.logs.getvalue()
    assert '"echoed": 1' in gateway.logs.getvalue()


# --- the processor's own token ------------------------------------------------------------------


def test_the_card_goes_there_once(gateway):
    token = keep(gateway, "5555555555554444")
    for _ in range(3):
        assert run(gateway, "debit", order(token)).ended is Ended.SUCCEEDED
    assert len(sent(gateway, "/v1/cards")) == 1
    (card,) = gateway.sandbox.received.cards("processor")
    assert (card.number, card.month, card.year, card.holder) == (
        "5555555555554444",
        "12",
        "2030",
        "Jane Doe",
    )


def test_many_that_need_it_at_once_ask_once(gateway):
    token = keep(gateway, "4929000000006")
    processor = gateway.worker.processors.processors.of("seaside")

    async def together():
        works = [processor.run(Operation.DEBIT, order(token), new_id()) for _ in range(8)]
        return await asyncio.gather(*works)

    assert {one.ended for one in gateway.loop.call(together())} == {Ended.SUCCEEDED}
    assert len(sent(gateway, "/v1/cards")) == 1
    assert len(sent(gateway)) == 8


def test_what_the_processor_forgot_is_asked_for_anew(gateway, sandbox):
    token = keep(gateway, "5500000000000004")
    assert run(gateway, "debit", order(token)).ended is Ended.SUCCEEDED
    (card,) = sandbox.received.cards("processor")
    with gateway.direct() as session:
        session.post(
            f"{sandbox.url('processor')}/_sandbox/forget", json={"card": card.reference}, timeout=10
        )
    lost = run(gateway, "debit", order(token))
    assert (lost.ended, lost.decline) == (FAILED, "unknown_card")
    assert run(gateway, "debit", order(token)).ended is Ended.SUCCEEDED
    assert len(sent(gateway, "/v1/cards")) == 2


def test_a_customer_can_be_made_beforehand(gateway):
    token = keep(gateway, "371449635398431")
    assert run(gateway, "customer", order(token)).ended is Ended.SUCCEEDED
    assert len(sent(gateway, "/v1/cards")) == 1
    assert run(gateway, "customer", order(token)).ended is Ended.SUCCEEDED
    assert len(sent(gateway, "/v1/cards")) == 1


# --- what is checked before anything is sent ----------------------------------------------------


def test_without_credentials_nothing_is_sent(gateway):
    token = keep(gateway, product="hilltop")
    done = run(gateway, "debit", order(token, product="hilltop"))
    assert (done.ended, done.code) == (FAILED, "credentials_missing")
    assert not gateway.sandbox.received.requests("processor")


def test_new_credentials_are_the_next_calls(gateway):
    token = keep(gateway)
    run(gateway, "debit", order(token))
    assert set_credentials(gateway, "seaside", "sandbox", {"key": "sandbox-two"}).status_code == 200
    run(gateway, "debit", order(token))
    assert [one.header("authorization") for one in sent(gateway)] == [
        "Bearer sandbox-one",
        "Bearer sandbox-two",
    ]
    set_credentials(gateway, "seaside", "sandbox")


def test_wrong_credentials_did_nothing(gateway):
    set_credentials(gateway, "seaside", "sandbox", {"key": "wrong"})
    done = run(gateway, "debit", order(keep(gateway)))
    set_credentials(gateway, "seaside", "sandbox")
    assert (done.ended, done.code, done.decline) == (FAILED, "processor_refused", "unauthorized")


@pytest.mark.parametrize("operation", ["debit", "customer"])
def test_p06_another_products_token_is_unknown(gateway, operation):
    token = keep(gateway, product="hilltop")
    done = run(gateway, operation, order(token))
    assert (done.ended, done.code) == (FAILED, "token_unknown")
    assert not gateway.sandbox.received.requests("processor")


def test_p06_a_guessed_half_of_a_token_is_unknown_though_the_card_is_kept_there(gateway):
    token = keep(gateway)
    assert run(gateway, "debit", order(token)).ended is Ended.SUCCEEDED
    wrong = type(token)(token.iduser, "A" * 13, token.test)
    done = run(gateway, "debit", order(wrong))
    assert (done.ended, done.code) == (FAILED, "token_unknown")
    assert len(sent(gateway)) == 1


def test_a_virtual_card_is_not_charged_before_its_activation(gateway):
    from datetime import date

    from gateway.cards.card import Virtual

    early = keep(gateway, "4000000000000077", virtual=Virtual(active_from=date(2099, 1, 1)))
    done = run(gateway, "debit", order(early))
    assert (done.ended, done.code) == (FAILED, "card_not_yet_active")
    assert not gateway.sandbox.received.requests("processor")


@pytest.mark.parametrize(
    "more",
    [
        {"currency": "EURO"},
        {"currency": "XXQ"},
        {"amount": -1},
        {"amount": 10**16},
        {"reference": "a\ud800b"},
    ],
)
def test_an_order_that_can_not_be_said_is_not_sent(gateway, more):
    done = run(gateway, "debit", order(keep(gateway), **more))
    assert (done.ended, done.code) == (FAILED, "order_incomplete")
    assert not sent(gateway)


@pytest.mark.parametrize(
    "id", ["../../v1/cards", "a/b", "..", "a?b", "a%2Fb", "a#b", "", "a b", "a'b"]
)
def test_a_processors_id_stays_one_segment(gateway, id):
    asked = order(keep(gateway), processor_id=id)
    assert run(gateway, "capture", asked).code == "order_incomplete"
    assert not gateway.sandbox.received.requests("processor")


def test_what_it_can_not_do(gateway):
    processor = gateway.worker.processors.processors.of("seaside")
    assert processor.operations == frozenset(Operation)
    assert gateway.worker.processors.processors.of("nowhere") is None
    strange = order(keep(gateway), product="hilltop")
    done = gateway.loop.call(processor.run(Operation.DEBIT, strange, new_id()))
    assert (done.ended, done.code) == (FAILED, "operation_not_supported")


# --- what is left behind ------------------------------------------------------------------------


def test_p36_each_use_is_in_the_audit_with_its_exchange(gateway):
    token, exchange = keep(gateway, "4917610000000000"), new_id()
    assert run(gateway, "debit", order(token), exchange=exchange).ended is Ended.SUCCEEDED
    rows = gateway.rows(
        "select action, outcome, client, product, route, exchange from audit"
        f" where iduser = {token.iduser} and action <> 'tokenize' order by id"
    )
    assert [row[:5] for row in rows] == [
        ("exchange", "intent", "pms", "seaside", "sandbox/payments"),
        ("detokenize", "intent", "pms", "seaside", "sandbox/cards"),
        ("detokenize", "done", "pms", "seaside", "sandbox/cards"),
        ("exchange", "done", "pms", "seaside", "sandbox/payments"),
    ]
    assert [row[5] == exchange for row in rows] == [True, False, False, True]


def test_p16_nothing_of_card_or_credential_is_written(gateway):
    run(gateway, "debit", order(keep(gateway)))
    for name, content in gateway.everything_written():
        assert numbers.APPROVED.encode() not in content, name
        assert b"sandbox-one" not in content, name


def test_an_unforeseen_exception_is_a_result(gateway, monkeypatch):
    token = keep(gateway, "6011111111111117")
    pipeline = gateway.worker._pipeline

    async def broken(exchange):
        raise RecursionError

    monkeypatch.setattr(pipeline, "send", broken)
    done = run(gateway, "debit", order(token))
    assert (done.ended, done.code) == (FAILED, "internal")
    monkeypatch.undo()
    run(gateway, "customer", order(token))
    monkeypatch.setattr(pipeline, "answer", broken)
    done = run(gateway, "debit", order(token))
    assert (done.ended, done.code) == (UNKNOWN, "internal")


def test_processes_that_need_it_at_once_ask_once(gateway):
    """Another one's locks are its own: what is claimed in the vault is everybody's."""
    token, made = keep(gateway, "4000056655665556"), gateway.worker.processors.processors
    other = parts.build(
        gateway.config,
        gateway.worker.processors.files,
        pipeline=gateway.worker._pipeline,
        calls=made._own._calls,
        vault=gateway.worker._vault,
        opening=made._customers._opening,
        wait_seconds=10,
        metrics=made._metrics,
    ).processors

    async def together():
        works = [
            one.of("seaside").run(Operation.DEBIT, order(token), new_id())
            for one in (made, other, made, other)
        ]
        return await asyncio.gather(*works)

    assert {one.ended for one in gateway.loop.call(together())} == {Ended.SUCCEEDED}
    assert len(sent(gateway, "/v1/cards")) == 1
