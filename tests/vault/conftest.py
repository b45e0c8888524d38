"""Every test of the vault runs on both stores, but those that say why they run on one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.vault.service import Vault
from tests import pooler, postgres
from tests.vault.makers import copy_vault, open_vault
from tests.vault.restoring import live_through


def pytest_generate_tests(metafunc):
    metafunc.parametrize("store", _stores(metafunc.definition), indirect=True, scope="function")


def _stores(item) -> list[str]:
    if not _opens_vaults(item.module):
        return ["none"]
    stores = ["sqlite", "postgres"]
    if item.get_closest_marker("postgres_alone"):
        stores = ["postgres"]
    elif item.get_closest_marker("sqlite_alone"):
        stores = ["sqlite"]
    return stores + (["pooler"] if item.get_closest_marker("pooled") else [])


def _opens_vaults(module) -> bool:
    return any(
        getattr(one, "__module__", "") in {"tests.vault.makers", "tests.vault.restoring"}
        for one in vars(module).values()
    )


@pytest.fixture(autouse=True)
def store(request, monkeypatch, tmp_path) -> Iterator[str]:
    """The store that the test runs on, and processes that it starts."""
    if request.param not in {"postgres", "pooler"}:
        yield request.param
        return
    postgres.server_url()
    monkeypatch.setenv(postgres.STORE, "postgres")
    if request.param == "pooler":
        if pooler.why_not():
            pytest.skip(pooler.why_not())
        monkeypatch.setenv(pooler.POOLER, postgres.pooler_url())
    yield request.param
    postgres.forget_databases(tmp_path)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    opened = open_vault(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def lived_through(tmp_path_factory) -> Iterator[Callable[[], tuple[Path, tuple]]]:
    """A vault of which there is a backup, and what happened since: made once for each store, where it is
    wanted first; nobody but who copies it comes near it."""
    made: dict[bool, tuple[Path, tuple]] = {}

    def of_this_store():
        if postgres.uses_postgres() not in made:
            directory = tmp_path_factory.mktemp("lived-through")
            made[postgres.uses_postgres()] = directory, live_through(directory)
        return made[postgres.uses_postgres()]

    yield of_this_store
    for directory, _ in made.values():
        postgres.forget_databases(directory)


@pytest.fixture
def filled_vault(lived_through):
    """Gives a directory a copy of it; what it holds: see `live_through`."""

    def fill(directory):
        there, holds = lived_through()
        copy_vault(there, directory)
        return holds

    return fill


@pytest.fixture(params=["to_sqlite", "to_postgres"])
def target(request, tmp_path):
    """Where the vault goes, in either store."""
    directory = tmp_path / "target"
    if request.param == "to_sqlite":
        yield directory / "vault.db"
        return
    yield postgres.place_of(directory)
    postgres.forget_databases(directory)


@pytest.fixture
def other(request, tmp_path, store):
    """Where it goes, on the store that it is not on."""
    if store == "postgres":
        yield tmp_path / "target" / "vault.db"
        return
    yield postgres.place_of(tmp_path / "target")
    postgres.forget_databases(tmp_path / "target")
