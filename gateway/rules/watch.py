"""The rules in force, and how they change while the gateway runs: all or nothing (P37).

A file that is half written, deleted, or misspelt leaves the old rules where they are; whoever runs
the gateway is told why, with file and line.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from pathlib import Path

import watchfiles

from gateway.config import Config
from gateway.errors import ConfigurationError, Problem
from gateway.rules.load import load_rules
from gateway.rules.match import Matcher
from gateway.rules.model import RuleSet


class Rules:
    """Holds the current rule set and its matcher, swapped together.

    `load` reads a directory (`load_rules` with all that gateway.yaml says). The first load is done
    here: raises `ConfigurationError`.
    """

    @classmethod
    def load(cls, config: Config) -> Rules:
        """The rules that gateway.yaml points to. Raises `ConfigurationError`."""
        load = functools.partial(
            load_rules,
            enabled=config.packs,
            drafts=config.drafts,
            variables=config.variables,
            callers=config.callers,
            products=config.products,
        )
        return cls(config.rules, load)

    def __init__(self, directory: Path, load: Callable[[Path], RuleSet]) -> None:
        self._directory, self._load = directory, load
        self._current: tuple[RuleSet, Matcher] = _with_matcher(load(directory))

    @property
    def current(self) -> RuleSet:
        """The rules in force."""
        return self._current[0]

    @property
    def matcher(self) -> Matcher:
        """Their matcher."""
        return self._current[1]

    def reload(self) -> bool:
        """Reads the directory again; whether anything changed.

        Raises `ConfigurationError`, and then the old rules stay. A pack that was in force and whose
        file is gone is such an error: a card route must not vanish with a slip of the hand.
        """
        rules = self._load(self._directory)
        if rules == self._current[0]:
            return False
        here = {pack.system for pack in rules.packs}
        gone = [pack for pack in self.current.packs if pack.system not in here]
        if gone:
            hint = "Bring the file back; or, if it is meant, restart the gateway."
            raise ConfigurationError(
                [
                    Problem(pack.file, 0, f"the pack `{pack.system}` is gone but in force", hint)
                    for pack in gone
                ]
            )
        self._current = _with_matcher(rules)
        return True

    async def watch(
        self,
        *,
        loaded: Callable[[RuleSet], None],
        failed: Callable[[ConfigurationError], None],
        stop: asyncio.Event | None = None,
        settle_ms: int = 200,
    ) -> None:
        """Reloads whenever something in the directory changes, until `stop` is set or cancelled.

        `loaded` is called after a change came into force, `failed` when the old rules stay. Several
        changes within `settle_ms` are one. The files are read in a thread.
        """
        async for _ in watchfiles.awatch(
            self._directory, stop_event=stop, debounce=settle_ms, recursive=False
        ):
            try:
                changed = await asyncio.to_thread(self.reload)
            except ConfigurationError as error:
                failed(error)
            else:
                if changed:
                    loaded(self.current)


def _with_matcher(rules: RuleSet) -> tuple[RuleSet, Matcher]:
    return rules, Matcher(rules)
