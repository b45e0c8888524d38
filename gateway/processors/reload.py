"""Packs and processors change while the gateway runs: together, all or nothing (P37).

1. Whatever changes, all packs and all processors are read anew, and the processors that products use are
   held against the packs that were read: a pack alone can take a processor's route away.
2. With one mistake anywhere, both stay as they were; whoever runs the gateway is told of every mistake,
   with file and line.
3. Both are swapped in one turn of the event loop, so that no request sees the one without the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import watchfiles

from gateway.errors import ConfigurationError, Problem
from gateway.processors.load import All, ProcessorFiles
from gateway.rules.watch import Loaded, Rules


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

    def take(self, files: Files) -> bool:
        """Puts in force what was read; whether that is anything new."""
        rules = self._rules.take(files.rules)
        processors = self._processors.take(files.processors)
        return rules or processors

    async def watch(
        self,
        *,
        loaded: Callable[[], None],
        failed: Callable[[ConfigurationError], None],
        stop: asyncio.Event | None = None,
        settle_ms: int = 200,
    ) -> None:
        """Reloads whenever something in the directory changes, until `stop` is set or cancelled.

        `loaded` is called after a change came into force, `failed` when all stays as it was. Several
        changes within `settle_ms` are one. The files are read in a thread.
        """
        # With what is inside: a folder of processors may come later.
        async for _ in watchfiles.awatch(
            self._rules.directory, stop_event=stop, debounce=settle_ms, recursive=True
        ):
            try:
                files = await asyncio.to_thread(self.read)
            except ConfigurationError as error:
                failed(error)
            else:
                if self.take(files):
                    loaded()
