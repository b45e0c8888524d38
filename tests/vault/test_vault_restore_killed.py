"""P24: a restore that is killed at each of its steps, and one that was begun in another way."""

from __future__ import annotations

import signal

import pytest

from gateway.errors import BackupRefused
from tests import postgres
from tests.children import run
from tests.vault.backing import restore
from tests.vault.restoring import holds, is_refused, refused_with

KILLED = """
import os, pathlib, signal, sys
from tests.postgres import STORE
from tests.vault.backing import restore
from tests.vault.test_vault_restore_killed import target_of
directory, kind, at = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def step(name):
    if name == at:
        os.kill(os.getpid(), signal.SIGKILL)
restore(directory, target_of(directory, kind), step=step)
"""


def target_of(directory, kind):
    if kind == "to_sqlite":
        return directory / "target" / "vault.db"
    return postgres.place_of(directory / "target")


@pytest.fixture(params=["to_sqlite", "to_postgres"])
def kind(request, tmp_path):
    if request.param == "to_postgres":
        postgres.server_url()
    yield request.param
    postgres.forget_databases(tmp_path / "target")


@pytest.fixture
def target(kind, tmp_path):
    """Where the vault is restored to, in either store."""
    return target_of(tmp_path, kind)


BEFORE = (
    "restore:believed", "unpack:begun", "unpack:written", "unpack:committed", "unpack:answer",
    "audit:begun", "audit:written", "audit:committed", "audit:answer", "restore:audit",
    "replay:begun", "replay:written", "replay:committed", "replay:answer", "restore:replayed",
    "restore_close:begun", "restore_close:written",
)  # fmt: skip
CLOSED = (
    "restore_close:committed", "restore_close:answer", "restore:closed", "copy:card:going",
    "copy:keyring:coming", "copy:card:coming", "copy:audit:coming", "copy:heads", "restore:copied",
    "restore_open:begun", "restore_open:written",
)  # fmt: skip
OPEN = ("restore_open:committed", "restore_open:answer", "restore:opened")  # fmt: skip


@pytest.mark.sqlite_alone  # what a backup came from makes no difference any more
@pytest.mark.parametrize("at", [*BEFORE, *CLOSED])
def test_p24_killed_at_each_step_it_does_not_open_and_may_be_done_again(
    tmp_path, kind, target, at, filled_vault
) -> None:
    made = filled_vault(tmp_path)
    done = run(KILLED, tmp_path, kind, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    if at in CLOSED:
        assert is_refused(target, tmp_path)
    restore(tmp_path, target)
    holds(target, tmp_path, made)
    assert not (tmp_path / "work" / "restoring").exists()


@pytest.mark.sqlite_alone
@pytest.mark.parametrize("at", OPEN)
def test_p24_killed_once_it_is_open_it_is_whole(tmp_path, kind, target, at, filled_vault) -> None:
    made = filled_vault(tmp_path)
    done = run(KILLED, tmp_path, kind, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    holds(target, tmp_path, made)
    refused_with(tmp_path, target, "place_taken")


def test_begun_with_another_audit_it_is_refused_and_not_mixed(
    tmp_path, target, filled_vault
) -> None:
    filled_vault(tmp_path)

    def stop(name):
        if name == "restore:copied":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path, target, step=stop)
    with pytest.raises(BackupRefused, match="another restore was begun"):
        restore(tmp_path, target, lost=None, reason="INC-1")
    assert is_refused(target, tmp_path)
