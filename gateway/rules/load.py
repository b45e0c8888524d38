"""`rules/*.yaml` → `RuleSet`. All or nothing: one mistake anywhere, and nothing is loaded.

A pack is in force when gateway.yaml's `packs:` names it, or, without `packs:`, when it is no draft.
A draft is in force only when `drafts:` names it: its format is not certain. Packs that are not in
force are read and checked all the same, except for what they expect of gateway.yaml.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gateway import strict_yaml, yaml_model
from gateway.cards.bin_ranges import Range, load_ranges
from gateway.errors import ConfigurationError, Problem
from gateway.rules.check import check_together
from gateway.rules.compile import PackCompiler, Surroundings
from gateway.rules.model import Pack, RuleSet
from gateway.rules.schema import PackEntry
from gateway.yaml_place import Located


def load_rules(
    directory: Path,
    *,
    enabled: Collection[str] | None,
    variables: Mapping[str, str],
    callers: Collection[str],
    products: Collection[str],
    drafts: Collection[str] = (),
    bins: Mapping[str, Path] | None = None,
) -> RuleSet:
    """The packs that are in force. `bins`: files with ranges of numbers, by the name that packs have for
    them; they are read anew each time. Raises `ConfigurationError` with every problem found."""
    texts = read_texts(directory)
    entries, problems = _read_packs(texts)
    if problems:
        raise ConfigurationError(problems)
    problems += check_names(directory, [entry for entry, _ in entries], enabled, drafts)
    packs = []
    tables, found = _read_tables(bins or {})
    problems += found
    around = Surroundings(variables, callers, products, tables)
    for entry, located in entries:
        forced = _in_force(entry, enabled, drafts)
        pack, found = _compile(entry, located, around if forced else Surroundings())
        problems += found
        if forced:
            packs.append(replace(pack, digest=strict_yaml.digest(texts[pack.file])))
    problems = problems or check_together(packs)
    if problems:
        raise ConfigurationError(problems)
    return RuleSet(tuple(packs))


@dataclass(frozen=True, slots=True)
class ReadPack:
    """A pack, and what it was made of: for looking at the rules themselves."""

    pack: Pack
    entry: PackEntry
    located: Located


def load_every_pack(directory: Path) -> RuleSet:
    """All packs, drafts too, unchecked against gateway.yaml: for looking at them, not for traffic.

    Ties between them are not looked for, either. Raises `ConfigurationError`.
    """
    return RuleSet(tuple(read.pack for read in read_every_pack(directory)))


def read_every_pack(directory: Path) -> list[ReadPack]:
    """As `load_every_pack`, with the YAML. Raises `ConfigurationError`."""
    entries, problems = _read_packs(read_texts(directory))
    packs = []
    for entry, located in entries:
        pack, found = _compile(entry, located, Surroundings())
        problems += found
        packs.append(ReadPack(pack, entry, located))
    if problems:
        raise ConfigurationError(problems)
    return packs


def load_pack_text(text: str, file: str, around: Surroundings | None = None) -> Pack:
    """One pack whose YAML is at hand already. Raises `ConfigurationError`."""
    entry, located = _read_pack(text, file)
    pack, problems = _compile(entry, located, around or Surroundings())
    problems = problems or check_together([pack])
    if problems:
        raise ConfigurationError(problems)
    return pack


def read_texts(directory: Path) -> dict[str, str]:
    """File → text, for each pack in `directory`, sorted. Raises `ConfigurationError`."""
    try:
        paths = sorted(path for path in directory.iterdir() if not path.name.startswith((".", "#")))
    except OSError as error:
        problem = Problem(str(directory), 0, f"the rules can not be read: {error.strerror}")
        raise ConfigurationError([problem]) from None
    problems, texts = [], {}
    for path in paths:
        if path.suffix in {".yml", ".YAML", ".YML"}:
            problems.append(Problem(str(path), 0, "a pack's name must end in .yaml"))
        elif path.suffix == ".yaml" and _is_pipe(path):  # who opened it would wait for good
            problems.append(Problem(str(path), 0, "this is no file but a pipe"))
        elif path.suffix == ".yaml":
            try:
                texts[str(path)] = strict_yaml.read_text(path)
            except ConfigurationError as error:
                problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return texts


def _is_pipe(path: Path) -> bool:
    try:
        return path.is_fifo()
    except OSError:  # where a link leads can not be seen: whoever reads it says so
        return False


def _read_tables(
    bins: Mapping[str, Path],
) -> tuple[dict[str, Sequence[Range]], list[Problem]]:
    tables: dict[str, Sequence[Range]] = {}
    problems: list[Problem] = []
    for name, path in bins.items():
        try:
            tables[name] = load_ranges(path)
        except ConfigurationError as error:
            tables[name] = ()
            problems += error.problems
    return tables, problems


def _read_packs(
    texts: Mapping[str, str],
) -> tuple[list[tuple[PackEntry, Located]], list[Problem]]:
    entries, problems = [], []
    for file, text in texts.items():
        try:
            entries.append(_read_pack(text, file))
        except ConfigurationError as error:
            problems += error.problems
    return entries, problems


def _read_pack(text: str, file: str) -> tuple[PackEntry, Located]:
    located = strict_yaml.load_text(text, file)
    return strict_yaml.check_model(located, PackEntry), located


def _compile(
    entry: PackEntry, located: Located, around: Surroundings
) -> tuple[Pack, list[Problem]]:
    compiler = PackCompiler(entry, located, around)
    pack = compiler.compile()
    return pack, compiler.problems


def _in_force(entry: PackEntry, enabled: Collection[str] | None, drafts: Collection[str]) -> bool:
    named = enabled is None or entry.system in enabled
    return entry.system in drafts or (named and not entry.draft)


def check_names(
    directory: Path,
    entries: Sequence[PackEntry],
    enabled: Collection[str] | None,
    drafts: Collection[str],
) -> list[Problem]:
    """What is wrong with `packs:` and `drafts:` in gateway.yaml: names that are none, drafts."""
    known = {entry.system: entry.draft for entry in entries}
    problems = []
    for key, names in (("packs", enabled or ()), ("drafts", drafts)):
        for name in names:
            if name not in known:
                guess = yaml_model.suggest(name, known)
                message = f"there is no pack `{name}`, which `{key}:` in gateway.yaml names{guess}"
                problems.append(Problem(str(directory), 0, message))
    for name in enabled or ():
        if known.get(name) and name not in drafts:
            why = known[name] if isinstance(known[name], str) else "its format is not certain"
            message = f"the pack `{name}` is a draft: {why}"
            hint = "To use it nevertheless, name it under `drafts:` in gateway.yaml."
            problems.append(Problem(str(directory), 0, message, hint))
    return problems
