"""`rules/processors/*.yaml` → `ProcessorRules`. All or nothing, as the packs are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

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
            one = replace(load_processor_text(text, file), digest=strict_yaml.digest(text))
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

    Those that a product uses must fit the packs, whose `matcher` this is. The first load is done here:
    raises ConfigurationError.
    """

    def __init__(self, rules: Path, used: Mapping[str, str], matcher: Matcher) -> None:
        self._rules, self._used = rules, used
        self._current: All = {}
        self.take(self.read(matcher))

    @property
    def current(self) -> All:
        """The processors in force."""
        return self._current

    def read(self, matcher: Matcher | None) -> All:
        """What the files hold now; what is in force, itself, where nothing changed. Blocks. `matcher`
        None: the packs can not be read, so that nothing is said of what fits them.

        Raises ConfigurationError.
        """
        found = load_processors(self._rules)
        problems = self._absent(found)
        if matcher is not None:
            for name in sorted(set(self._used.values()) & found.keys()):
                problems += misfits(found[name], matcher)
        if problems:
            raise ConfigurationError(problems)
        return self._current if found == self._current else found

    def take(self, found: All) -> bool:
        """Puts in force what was read; whether that is anything new."""
        changed = found is not self._current
        self._current = found
        return changed

    def _absent(self, found: All) -> list[Problem]:
        problems = []
        for product, name in self._used.items():
            if name not in found:
                guess = suggest(name, found)
                message = f"there is no processor `{name}`, which product `{product}` names{guess}"
                problems.append(Problem(str(self._rules / FOLDER), 0, message))
        return problems
