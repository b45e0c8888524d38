"""The software beside the gateway, as CycloneDX JSON, and what advisories have against it.

Every distribution that the gateway's interpreter finds is a component, with the SHA-256 of the list of its
installed files (RECORD). Advisories are not fetched: whoever runs the gateway hands in what `pip-audit
--format json` or `osv-scanner --format json` wrote, on a machine that may reach the Internet.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from gateway import __version__
from gateway.errors import ConfigurationError, Problem

INSTALL: Final = "Run: pip install 'card-gateway[evidence]'"
_OURS: Final = "card-gateway"
_RECORD: Final = "card-gateway:record-sha256"
_LONGEST: Final = 32 << 20

Json = Any  # what JSON may be


@dataclass(frozen=True, slots=True)
class Component:
    """One distribution."""

    name: str
    version: str
    license: str
    record: str  # SHA-256 of its RECORD; empty where it has none


@dataclass(frozen=True, slots=True)
class Advisory:
    """What is known against one version of a distribution."""

    name: str
    version: str
    id: str
    fixed_in: str
    installed: bool  # whether exactly this is


def installed() -> list[Component]:
    """By name, each once: the one that is imported."""
    found: dict[str, Component] = {}
    for one in metadata.distributions():
        name = one.metadata["Name"]
        if name and _normal(name) not in found:
            found[_normal(name)] = Component(name, one.version, _license(one), _record(one))
    return [found[name] for name in sorted(found)]


def cyclonedx(components: list[Component]) -> str:
    """CycloneDX 1.6 as JSON. Raises ConfigurationError where its library is not installed."""
    if importlib.util.find_spec("cyclonedx") is None:
        problem = Problem("sbom.cdx.json", 0, "cyclonedx-python-lib is not installed", INSTALL)
        raise ConfigurationError([problem])
    from cyclonedx.model import Property  # noqa: PLC0415  # an extra
    from cyclonedx.model.bom import Bom  # noqa: PLC0415  # as above
    from cyclonedx.model.component import Component as Part  # noqa: PLC0415  # as above
    from cyclonedx.model.component import ComponentType  # noqa: PLC0415  # as above
    from cyclonedx.model.license import DisjunctiveLicense  # noqa: PLC0415  # as above
    from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415  # as above
    from packageurl import PackageURL  # noqa: PLC0415  # as above

    # A reference that the library draws is some thirty digits: now and then they look like a card.
    application = ComponentType.APPLICATION
    ours = Part(name=_OURS, version=__version__, type=application, bom_ref=_OURS)
    bom = Bom()
    bom.metadata.component = ours
    for one in components:
        if _normal(one.name) == ours.name:
            continue
        purl = PackageURL("pypi", None, _normal(one.name), one.version)
        part = Part(
            name=one.name,
            version=one.version,
            type=ComponentType.LIBRARY,
            purl=purl,
            bom_ref=str(purl),
            licenses=[DisjunctiveLicense(name=one.license)] if one.license else [],
            properties=[Property(name=_RECORD, value=one.record)] if one.record else [],
        )
        bom.components.add(part)
    bom.register_dependency(ours, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def advisories(file: Path, components: list[Component]) -> list[Advisory]:
    """What a file of pip-audit's or osv-scanner's has. Raises ConfigurationError for any other file."""
    try:
        with file.open("rb") as stream:
            data = json.loads(stream.read(_LONGEST))
        found = list(_advisories(data))
    except OSError as error:
        said = error.strerror or "it can not be read"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said = "this is no JSON of pip-audit or osv-scanner"
    else:
        here = {(_normal(one.name), one.version) for one in components}
        return [
            Advisory(name, version, id, fixed, (_normal(name), version) in here)
            for name, version, id, fixed in found
        ]
    hint = "Make it by: pip-audit --format json, or osv-scanner --format json."
    raise ConfigurationError([Problem(str(file), 0, said, hint)])


def _advisories(data: Json) -> Iterator[tuple[str, str, str, str]]:
    """Name, version, id, fixed in. Raises KeyError, TypeError for what has another form."""
    if "dependencies" in data:
        for one in data["dependencies"]:
            for known in one.get("vulns", []):
                fixed = ", ".join(map(_plain, known.get("fix_versions") or []))
                yield _plain(one["name"]), _plain(one["version"]), _plain(known["id"]), fixed
        return
    for result in data["results"]:
        for one in result["packages"]:
            named = one["package"]
            for known in one.get("vulnerabilities", []):
                yield _plain(named["name"]), _plain(named["version"]), _plain(known["id"]), ""


def _plain(value: Json) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w.+!*:-]{1,100}", value, re.ASCII):
        raise ValueError
    return value


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _license(one: metadata.Distribution) -> str:
    """As its metadata name it: an expression, or classifiers. A whole text is none."""
    said = one.metadata.get_all("License-Expression") or []
    if said:
        return str(said[0])[:200]
    classifiers = one.metadata.get_all("Classifier") or []
    named = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License ::")]
    return ", ".join(named)[:200]


def _record(one: metadata.Distribution) -> str:
    text = one.read_text("RECORD")
    return "" if text is None else hashlib.sha256(text.encode()).hexdigest()
