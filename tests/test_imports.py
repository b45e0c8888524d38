"""Imports point one way (design.md, "Structure"): a stranger can read the layers bottom up."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "gateway"

# Lower number: closer to the ground. A module imports from its own layer or a lower one.
LAYERS = {
    "errors": 0, "secret": 0, "headers": 0, "networks": 0, "secret_file": 0, "private_directory": 0, "log": 0, "threads": 0,
    "garbage": 0, "trust": 0, "listening": 0, "heap": 0, "process": 0,
    "strict_yaml": 1, "yaml_model": 1, "yaml_place": 1, "config_values": 1, "config_section": 1, "config_audit": 1, "config_pages": 1, "config_recapture": 1, "config_retention": 1, "config_webhook": 1, "config_vault": 1, "due": 1, "authority": 1, "clock_guard": 1,
    "config": 2, "config_checks": 2, "certificates": 2,
    "cards": 2, "audit": 2, "metrics": 2, "system_user": 2,
    "codecs": 2, "vault": 3, "rules": 3, "egress": 3, "access": 3, "channel": 3, "exchange": 3, "problem": 3, "refusing": 3,
    "refused": 4, "drift": 4, "record": 4, "reach": 4, "outgoing": 4,
    "stages": 5, "webhooks": 5, "importing": 5,
    "pipeline": 6, "recapture": 6, "viewers": 6, "replay": 6, "own_exchange": 6,
    "engine": 7, "control": 7, "channels": 7, "pages": 7, "processors": 7, "charges": 7, "collections": 7, "sandbox": 7,
    "upkeep": 7, "loaded": 7,
    "assembly": 8, "connecting": 8, "own_ports": 8, "worker": 8, "evidence": 8, "sealed": 8, "startup": 8,
    "cli": 9, "__main__": 9,
}  # fmt: skip


def modules():
    return sorted(path for path in ROOT.rglob("*.py") if path.name != "__init__.py")


@functools.cache
def nodes(path):
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module", autouse=True)
def _forgotten():
    """A million objects: each gateway that starts in this process would look at them."""
    yield
    nodes.cache_clear()


def imports(path):
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package(name):
    return name.split(".")[1] if name.startswith("gateway.") else None


def own(path):
    return path.relative_to(ROOT).with_suffix("").parts[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    for name in imports(path):
        part = package(name)
        if part is not None and part in LAYERS:
            assert LAYERS[part] <= LAYERS[own(path)], f"{path} imports {name}"


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("mitmproxy", {"engine/", "worker.py"}),
        ("lxml", {"codecs/xml.py", "codecs/xml_parser.py"}),
        ("psycopg", {"vault/postgres/"}),
        ("psycopg_pool", {"vault/postgres/"}),
        ("sqlite3", {"vault/sqlite/", "cli/scan", "cards/"}),
        ("yaml", {"strict_yaml.py", "yaml_"}),
    ],
)
def test_a_library_has_one_home(library, allowed):
    for path in modules():
        place = str(path.relative_to(ROOT))
        if place.startswith("sandbox/") or any(place.startswith(home) for home in allowed):
            continue
        assert all(name.split(".")[0] != library for name in imports(path)), place


def test_codecs_and_vault_do_not_know_each_other():
    for path in modules():
        if own(path) == "codecs":
            assert all(package(name) != "vault" for name in imports(path)), path
        if own(path) == "vault":
            assert all(package(name) != "codecs" for name in imports(path)), path


def test_only_the_command_line_knows_the_sandbox():
    for path in modules():
        if own(path) not in {"cli", "sandbox"}:
            assert all(package(name) != "sandbox" for name in imports(path)), path


def test_no_check_rests_on_an_assert():
    """They vanish under `python -O`."""
    for path in modules():
        assert not any(isinstance(node, ast.Assert) for node in nodes(path)), path


def test_one_place_catches_everything():
    broad = [
        f"{path.relative_to(ROOT)}"
        for path in modules()
        for node in nodes(path)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and ast.unparse(node.body[-1]) != "raise"  # cleans up, catches nothing
    ]
    # The writer's thread, and the start's, hand whatever is raised to the future that waits for it.
    assert set(broad) <= {"engine/boundary.py", "vault/writer.py", "startup.py"}


def test_one_place_listens():
    """The simulators have sockets of their own."""
    places = {
        str(path.relative_to(ROOT))
        for path in modules()
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr == "create_server"
    }
    assert {place for place in places if not place.startswith("sandbox/")} == {"listening.py"}
