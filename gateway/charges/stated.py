"""What a processor says that it took, held or gave back, against what was asked for. Pure.

A look says how much was taken, or given back, in all; what answers a refund, how much that was.

1. The money moved: the state stays what the processor says.
2. What it says counts, where it is another sum in the charge's currency: what may be taken or given back
   later is what is there.
3. In another currency two sums can not be held against each other, and a sum of nothing makes no sense:
   then what counts is what allows less.
4. A sum that is not the one that was asked for is kept, with the charge and in its history.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gateway.processors.model import Ended, Operation, Result
from gateway.vault.charge import Charge, ChargeState, Stated

S, E = ChargeState, Ended


def counted(
    before: Charge, row: Charge, operation: Operation, result: Result, now: datetime
) -> tuple[Charge, Stated | None]:
    """The charge `row`, as an answer left it that was `before`, with the sums that the answer states;
    and what it states, where it is something else than was asked for.
    """
    expected = _expected(before, row, operation, result.ended)
    if expected is None or (result.amount is None and result.currency is None):
        return row, None
    stated = Stated(
        expected if result.amount is None else result.amount, result.currency or row.currency
    )
    if (stated.amount, stated.currency) == (expected, row.currency):
        return row, None
    done = _with_sums(before, row, expected, stated)
    if (done.captured, done.refunded) != (row.captured, row.refunded):
        done = replace(done, changed=now)
    return replace(done, stated=stated), stated


def held(charge: Charge) -> int:
    """How much may be taken of what is held: never more than was asked for."""
    if charge.state is not S.AUTHORIZED or charge.stated is None:
        return charge.amount
    return min(charge.amount, charge.stated.amount) or charge.amount


def _expected(before: Charge, row: Charge, operation: Operation, ended: Ended) -> int | None:
    """What was asked for, of what the answer tells of; None: nothing that can be compared."""
    if row.operation is not None or row.state.value != ended.value:
        return None
    if row.state is S.AUTHORIZED:
        return row.amount
    if row.state is S.SUCCEEDED:
        return row.captured
    # A look tells how much was given back in all, or last: these are one where it was nothing before.
    if row.state is S.REFUNDED and (operation is Operation.REFUND or before.refunded == 0):
        return row.refunded - before.refunded or None
    return None


def _with_sums(before: Charge, row: Charge, expected: int, stated: Stated) -> Charge:
    same, amount = stated.currency == row.currency, stated.amount
    if row.state is S.SUCCEEDED and amount:
        return replace(row, captured=amount if same else min(expected, amount))
    if row.state is S.REFUNDED:
        back = amount if same and amount else max(expected, amount)
        return replace(row, refunded=min(row.captured, before.refunded + back))
    return row
