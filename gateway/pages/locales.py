"""The words of the pages, one YAML file a language: `locales/<language>.yaml`, sections of texts.

A file that is put there is a language more; it needs the keys of `en.yaml`, all of them and no other.
Texts may hold `{name}`s; what is put in for them is escaped with the rest of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Final

from gateway import strict_yaml
from gateway.errors import ConfigurationError, Problem

DIRECTORY: Final = Path(__file__).parent / "locales"
ENGLISH: Final = "en"
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*"
)
_MOST: Final = 20  # languages of a header that are looked at


@dataclass(frozen=True, slots=True)
class Texts:
    """One language's texts by `section.key`."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text, with `values` put in. KeyError for a key that is none is a mistake of ours."""
        return self.texts[key].format(**values)


class Locales:
    """All languages that there are."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        """Raises ConfigurationError for a file that is not like `en.yaml`."""
        files = sorted(directory.glob("*.yaml"))
        read = {file.stem: _read(file) for file in files}
        if problems := _problems(read, directory):
            raise ConfigurationError(problems)
        self._texts = {language: Texts(language, texts) for language, texts in read.items()}

    @property
    def languages(self) -> frozenset[str]:
        """Their codes."""
        return frozenset(self._texts)

    def choose(self, wanted: Iterable[str | None], accepted: str) -> Texts:
        """The first of `wanted` that there is, else what `accepted` (Accept-Language) likes best,
        else English. Of `pt-BR` its `pt` will do, and the other way round it will not.
        """
        ranges = [language for language in wanted if language is not None]
        for language in (*ranges, *_liked(accepted)):
            for code in (language, language.partition("-")[0]):
                if code in self._texts:
                    return self._texts[code]
        return self._texts[ENGLISH]


def _liked(header: str) -> list[str]:
    found = [_RANGE.fullmatch(part) for part in header.split(",")[:_MOST]]
    weighed = [(float(one[2] or 1), one[1]) for one in found if one is not None]
    ordered = sorted(weighed, key=lambda one: -one[0])  # keeps the order of equals
    return [_spelt(language) for weight, language in ordered if weight > 0]


def _spelt(language: str) -> str:
    first, _, rest = language.partition("-")
    return first.lower() + (f"-{rest.upper()}" if rest else "")


def _read(file: Path) -> dict[str, str]:
    located = strict_yaml.load(file)
    sections = located.data if isinstance(located.data, dict) else {}
    texts = {}
    for section, entries in sections.items():
        for key, text in (entries if isinstance(entries, dict) else {}).items():
            if not isinstance(text, str):
                problem = located.problem((section, key), "a text is wanted here", "Quote it.")
                raise ConfigurationError([problem])
            texts[f"{section}.{key}"] = text
    return texts


def _problems(read: Mapping[str, Mapping[str, str]], directory: Path) -> list[Problem]:
    english = read.get(ENGLISH)
    if english is None:
        return [Problem(str(directory), 0, "there is no en.yaml", "Restore it.")]
    found = []
    for language, texts in read.items():
        file = str(directory / f"{language}.yaml")
        if not _LANGUAGE.fullmatch(language):
            hint = "Name the file like `pt.yaml` or `pt-BR.yaml`."
            found.append(Problem(file, 0, f"`{language}` is not a language's code", hint))
        found += [Problem(file, 0, f"`{key}` is missing") for key in english if key not in texts]
        found += [Problem(file, 0, f"unknown key `{key}`") for key in texts if key not in english]
        for key in english.keys() & texts.keys():
            if _fields(texts[key]) != _fields(english[key]):
                text = f"`{key}` wants {{{', '.join(sorted(_fields(english[key]))) or 'nothing'}}}"
                found.append(Problem(file, 0, text, "The names in braces are those of en.yaml."))
    return found


def _fields(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        return {text}  # an open brace: no other text has this field
