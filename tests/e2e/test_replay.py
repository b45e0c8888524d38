"""A refused answer comes out once, though several try, and though one ends before it has said so."""

from __future__ import annotations

import asyncio
import json

import pytest

from gateway.errors import ExchangeUnknown, MessageUnfit
from gateway.vault.answer import AnswerState
from tests import children

UNDELIVERED, REFUSED, REPLAYED = (
    AnswerState.UNDELIVERED,
    AnswerState.REFUSED,
    AnswerState.REPLAYED,
)


class Ended(Exception):
    """Stands for whatever ends a replay."""


@pytest.fixture
def refused(own_gateway):
    """A gateway, and an answer that it refused at first and would not refuse now."""
    gateway = own_gateway()
    swap = gateway.worker._pipeline._s.swap
    original = swap.find

    async def fail(*_):
        raise MessageUnfit

    swap.find = fail
    assert gateway.pull("10107").status_code == 502
    swap.find = original
    (row,) = listed(gateway)
    assert row.state is REFUSED
    return gateway, row


def listed(gateway):
    return gateway.loop.call(gateway.worker._vault.answers.listed())


def states(gateway):
    return sorted(row.state.value for row in listed(gateway))


def command(gateway, row):
    words = "exchanges", "replay", row.exchange, "--json", "--config", gateway.config_file
    return children.command(*words)


def test_p24_two_processes_let_it_come_out_once(refused):
    """The command beside the gateway is done while the gateway has opened the same answer."""
    gateway, row = refused
    vault, done = gateway.worker._vault, []
    keep = vault.keep_message

    async def after_the_command(*args, **how):
        done.append(await asyncio.to_thread(command, gateway, row))
        return await keep(*args, **how)

    vault.keep_message = after_the_command
    with pytest.raises(ExchangeUnknown):
        gateway.loop.call(gateway.worker.replay(row.client, row.exchange))
    vault.keep_message = keep
    (beside,) = done
    assert beside.returncode == 0, beside.stderr
    by_name = {one.exchange: one.state for one in listed(gateway)}
    assert by_name == {row.exchange: REPLAYED, json.loads(beside.stdout)["exchange"]: UNDELIVERED}
    assert gateway.rows("select count(*) from card") == [(1,)]
    assert gateway.rows("select count(*) from audit where action = 'tokenize'") == [(1,)]


def test_p24_one_that_ends_right_after_the_commit_leaves_nothing_to_replay(refused):
    gateway, row = refused
    vault = gateway.worker._vault
    keep = vault.keep_message

    async def ends_then(*args, **how):
        await keep(*args, **how)
        raise Ended

    vault.keep_message = ends_then
    with pytest.raises(Ended):
        gateway.loop.call(gateway.worker.replay(row.client, row.exchange))
    vault.keep_message = keep
    assert states(gateway) == ["replayed", "undelivered"]
    with pytest.raises(ExchangeUnknown):
        gateway.loop.call(gateway.worker.replay(row.client, row.exchange))
    assert states(gateway) == ["replayed", "undelivered"]
