"""The rules in force: read whole, then put in the place of those before (P37).

A file that is half written, deleted, or misspelt leaves the old rules where they are. Packs and processors
come into force together: `gateway.processors.reload`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.config import Config
from gateway.errors import ConfigurationError, Problem
from gateway.rules.changes import Look, look
from gateway.rules.load import load_rules
from gateway.rules.match import Matcher
from gateway.rules.model import RuleSet


@dataclass(frozen=True, slots=True)
class Loaded:
    """A rule set and its matcher."""

    rules: RuleSet
    matcher: Matcher


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
            bins=config.virtual_bins,
        )
        return cls(config.rules, load)

    def __init__(self, directory: Path, load: Callable[[Path], RuleSet]) -> None:
        self._directory, self._load = directory, load
        self.looked: Look = look(directory)  # before it was read: what is saved meanwhile is seen
        self._current = _with_matcher(load(directory))

    @property
    def directory(self) -> Path:
        """Where the packs are."""
        return self._directory

    @property
    def current(self) -> RuleSet:
        """The rules in force."""
        return self._current.rules

    @property
    def matcher(self) -> Matcher:
        """Their matcher."""
        return self._current.matcher

    @property
    def loaded(self) -> Loaded:
        """Both."""
        return self._current

    def read(self) -> Loaded:
        """What the directory holds now; what is in force, itself, where nothing changed. Blocks.

        Raises `ConfigurationError`. A pack that was in force and whose file is gone is such an error:
        a card route must not vanish with a slip of the hand.
        """
        rules = self._load(self._directory)
        if rules == self.current:
            return self._current
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
        return _with_matcher(rules)

    def take(self, loaded: Loaded) -> bool:
        """Puts in force what was read; whether that is anything new."""
        changed = loaded is not self._current
        self._current = loaded
        return changed


def _with_matcher(rules: RuleSet) -> Loaded:
    return Loaded(rules, Matcher(rules))
