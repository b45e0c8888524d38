"""`rules/processors/*.yaml` → `ProcessorRules`. All or nothing, as the packs are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import watchfiles

from gateway import strict_yaml
from gateway.config import Config
from gateway.errors import ConfigurationError, Problem
from gateway.processors.compile import ProcessorCompiler
from gateway.processors.fit import misfits
from gateway.processors.rules import ProcessorRules
from gateway.processors.schema import ProcessorEntry
from gateway.rules.load import read_texts
from gateway.rules.match import Matcher
from gateway.yaml_model import suggest

FOLDER: Final = "processors"

All = Mapping[str, ProcessorRules]


def load_processors(rules: Path) -> All:
    """Every processor beside the packs, by name; none where there is no folder of them.

    Raises ConfigurationError with every problem found.
    """
    directory = rules / FOLDER
    if not directory.is_dir():
        return {}
    found: dict[str, ProcessorRules] = {}
    problems: list[Problem] = []
    for file, text in read_texts(directory).items():
        try:
            one = load_processor_text(text, file)
        except ConfigurationError as error:
            problems += error.problems
            continue
        first = found.setdefault(one.name, one)
        if first is not one:
            message = f"the processor `{one.name}` stands in {first.file} already"
            problems.append(Problem(file, 1, message, "Give it another name."))
    if problems:
        raise ConfigurationError(problems)
    return found


def load_processor_text(text: str, file: str) -> ProcessorRules:
    """One processor whose YAML is at hand already. Raises ConfigurationError."""
    located = strict_yaml.load_text(text, file)
    compiler = ProcessorCompiler(strict_yaml.check_model(located, ProcessorEntry), located)
    rules = compiler.compile()
    if compiler.problems:
        raise ConfigurationError(compiler.problems)
    return rules


def used_in(config: Config) -> dict[str, str]:
    """Product → the name of its processor."""
    return {
        name: product.processor
        for name, product in config.products.items()
        if product.processor is not None
    }


class ProcessorFiles:
    """The processors in force; `used`: product → the name of its processor.

    Those that a product uses must fit the packs. The first load is done here: raises
    ConfigurationError.
    """

    def __init__(
        self, rules: Path, used: Mapping[str, str], matcher: Callable[[], Matcher]
    ) -> None:
        self._rules, self._used, self._matcher = rules, used, matcher
        self._current = self._load()

    @property
    def current(self) -> All:
        """The processors in force."""
        return self._current

    def reload(self) -> bool:
        """Reads the files again; whether anything changed. Raises ConfigurationError, and then all
        stays as it was."""
        loaded = self._load()
        if loaded == self._current:
            return False
        self._current = loaded
        return True

    async def watch(
        self, *, loaded: Callable[[int], None], failed: Callable[[ConfigurationError], None]
    ) -> None:
        """Reloads whenever a file changes, until it is cancelled. A folder that is not there when it
        starts is not waited for."""
        directory = self._rules / FOLDER
        if not directory.is_dir():
            await asyncio.Event().wait()
        async for _ in watchfiles.awatch(directory, debounce=200, recursive=False):
            try:
                changed = await asyncio.to_thread(self.reload)
            except ConfigurationError as error:
                failed(error)
            else:
                if changed:
                    loaded(len(self._current))

    def _load(self) -> All:
        found = load_processors(self._rules)
        problems: list[Problem] = []
        for product, name in self._used.items():
            if name not in found:
                guess = suggest(name, found)
                message = f"there is no processor `{name}`, which product `{product}` names{guess}"
                problems.append(Problem(str(self._rules / FOLDER), 0, message))
        for name in sorted(set(self._used.values()) & found.keys()):
            problems += misfits(found[name], self._matcher())
        if problems:
            raise ConfigurationError(problems)
        return found
