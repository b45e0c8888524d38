"""PCI DSS requirements, what the gateway does for each, and which tests show it: package data.

`requirements.yaml` is read strictly. A test holds its properties to tests/PROPERTIES.md and its test ids to
the tests that there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from gateway import __version__, strict_yaml
from gateway.config_section import Section

FILE: Final = Path(__file__).parent / "requirements.yaml"
STANDARD: Final = "PCI DSS 4.0.1"
Text = Annotated[str, Field(min_length=1)]


class Requirement(Section):
    """One requirement: `what` it asks in our words, what the gateway `does`, what `stays` with you."""

    id: Annotated[str, Field(pattern=r"^[0-9]{1,2}(\.[0-9]{1,2}){1,3}$")]
    what: Text
    does: Text
    properties: tuple[str, ...] = ()
    stays: str = ""


class Property(Section):
    """What the gateway never does, and the tests to read first."""

    says: Text
    tests: tuple[str, ...] = ()


class Requirements(Section):
    """The whole file."""

    requirements: tuple[Requirement, ...]
    properties: dict[str, Property]

    def shown_by(self, one: Requirement) -> list[str]:
        """The tests of all its properties, each once."""
        return list(
            dict.fromkeys(t for name in one.properties for t in self.properties[name].tests)
        )


def load() -> Requirements:
    """As it is installed. Raises ConfigurationError."""
    return strict_yaml.load_model(FILE, Requirements)


def as_json(found: Requirements) -> str:
    """For machines: each requirement with its properties and their tests."""
    rows = [
        {**one.model_dump(mode="json"), "tests": found.shown_by(one)} for one in found.requirements
    ]
    whole = {"standard": STANDARD, "gateway": __version__, "requirements": rows}
    return json.dumps(whole, indent=2) + "\n"


def as_markdown(found: Requirements) -> str:
    """For people: one table, and the properties with their tests below it."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Requirements) -> Iterator[str]:
    yield f"# {STANDARD}: what card-gateway {__version__} does\n"
    yield "What a requirement asks is told in our words; its text is the standard's. Tests are paths in the"
    yield "directory `tests` of this version's source. That a requirement stands here does not say that it is met:"
    yield "that is the assessor's to say, of the whole environment.\n"
    yield "| requirement | what it asks | what the gateway does | shown by | what stays with you |"
    yield "|---|---|---|---|---|"
    for one in found.requirements:
        shown = " ".join(one.properties) or "-"
        cells = (one.id, one.what, one.does, shown, one.stays or "-")
        yield f"| {' | '.join(cells)} |"
    yield "\n## Properties and their tests\n"
    for name, one_property in found.properties.items():
        yield f"- **{name}** {one_property.says}"
        yield from (f"  - `{test}`" for test in one_property.tests)
