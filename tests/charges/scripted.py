"""A processor that answers what a test says, and notes what it was asked: a `Processor`, no more.

`answers[operation]` is a list: each answer is used once, the last one again and again. A string is
how it ended; a `Result` is given as it is; an exception is raised; a function is called with the order
and gives one of them, now or later.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from pathlib import Path

from gateway.processors.model import Ended, Operation, Result

ALL = frozenset(Operation)


class Scripted:
    def __init__(self, name="sandbox", operations=ALL, file=None, **answers):
        self.name, self.operations = name, frozenset(operations)
        self.asked = []
        self.answers = {"look": ["unknown"]} | {
            operation: said if isinstance(said, list) else [said]
            for operation, said in answers.items()
        }
        self.file = Path(file) if file else None

    def say(self, operation, *answers):
        self.answers[operation] = list(answers)

    async def run(self, operation, order, exchange_id):
        self.asked.append((operation.value, order))
        if self.file is not None:  # what was sent outlives a process that is killed
            with self.file.open("a", encoding="ascii") as out:
                out.write(f"{operation.value} {order.id} {order.amount}\n")
                out.flush()
                os.fsync(out.fileno())
        await asyncio.sleep(0)
        said = self.answers.get(operation.value, ["succeeded"])
        answer = said.pop(0) if len(said) > 1 else said[0]
        if callable(answer):
            answer = answer(order)
            if inspect.isawaitable(answer):
                answer = await answer
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Result):
            return answer
        code = {"failed": "processor_refused", "unknown": "upstream_timeout"}.get(answer)
        return Result(Ended(answer), processor_id=f"P-{order.reference}", code=code)

    def sent(self, operation=None):
        """What left for the processor; looking is not counted unless it is asked for."""
        return [
            (name, order.amount)
            for name, order in self.asked
            if (name == operation if operation else name != "look")
        ]


class Only:
    """`Processors` with one for these products; `before` are those that they had."""

    def __init__(self, processor, products=("seaside",), before=()):
        self.processor, self.products = processor, set(products)
        self.known = {one.name: one for one in (*before, processor)}

    def of(self, product):
        return self.processor if product in self.products else None

    def named(self, product, name):
        return self.known.get(name) if product in self.products else None
