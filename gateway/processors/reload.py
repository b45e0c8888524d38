"""Packs and processors change while the gateway runs: together, all or nothing (P37).

1. Whatever changes, all packs and all processors are read anew, and the processors that products use are
   held against the packs that were read: a pack alone can take a processor's route away.
2. With one mistake anywhere, both stay as they were; whoever runs the gateway is told of every mistake,
   with file, line and column.
3. It stands in the audit before: where it can not, both stay as they were.
4. Both are swapped in one turn of the event loop, so that no request sees the one without the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from gateway.errors import ConfigurationError, Problem, VaultUnavailable
from gateway.log import event
from gateway.processors.load import All, ProcessorFiles
from gateway.rules.changes import changes
from gateway.rules.watch import Loaded, Rules

_AGAIN: Final = 2.0  # seconds until what the audit could not be told is tried again


@dataclass(frozen=True, slots=True)
class Files:
    """What the files held when they were read."""

    rules: Loaded
    processors: All


class Reload:
    """Brings what is saved into force."""

    def __init__(self, rules: Rules, processors: ProcessorFiles) -> None:
        self._rules, self._processors = rules, processors

    def read(self) -> Files:
        """All of it, nothing in force yet. Blocks. Raises ConfigurationError with every problem."""
        problems: list[Problem] = []
        rules = processors = None
        try:
            rules = self._rules.read()
        except ConfigurationError as error:
            problems += error.problems
        try:
            processors = self._processors.read(None if rules is None else rules.matcher)
        except ConfigurationError as error:
            problems += error.problems
        if rules is None or processors is None:
            raise ConfigurationError(problems)
        return Files(rules, processors)

    def is_new(self, files: Files) -> bool:
        """Whether any of it is not in force."""
        old = files.rules is self._rules.loaded and files.processors is self._processors.current
        return not old

    def take(self, files: Files) -> bool:
        """Puts in force what was read; whether that is anything new."""
        rules = self._rules.take(files.rules)
        processors = self._processors.take(files.processors)
        return rules or processors

    async def watch(
        self,
        *,
        loaded: Callable[[], None],
        failed: Callable[[ConfigurationError], Awaitable[None]],
        admit: Callable[[Files], Awaitable[None]],
        stop: asyncio.Event | None = None,
        settle_ms: int = 200,
    ) -> None:
        """Reloads whenever something in the directory changes, until `stop` is set or cancelled.

        `admit` is awaited before a change comes into force; where it raises VaultUnavailable nothing
        does, and what the files hold is tried again a little later. `loaded` is called after a change
        came into force, `failed` awaited when all stays as it was. Several changes within `settle_ms`
        are one. The files are read in a thread.
        """
        # With what is inside: a folder of processors may come later.
        rules = self._rules
        async for _ in changes(rules.directory, rules.looked, stop=stop, settle_ms=settle_ms):
            try:
                while True:
                    if await self._bring(loaded, admit):
                        break
                    await asyncio.sleep(_AGAIN)
            except ConfigurationError as error:
                await failed(error)

    async def _bring(
        self, loaded: Callable[[], None], admit: Callable[[Files], Awaitable[None]]
    ) -> bool:
        """Whether what the files hold is in force. Raises ConfigurationError."""
        files = await asyncio.to_thread(self.read)
        if not self.is_new(files):
            return True
        try:
            await admit(files)
        except VaultUnavailable as error:
            event("rules_withheld", level=logging.ERROR, code=error.code)
            return False
        self.take(files)
        loaded()
        return True
