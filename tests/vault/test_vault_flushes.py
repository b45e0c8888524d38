"""What a process adds to its routes' history counts once, however the commit ended, and whoever writes beside it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gateway.drift.tally import Tally
from gateway.errors import VaultUnavailable
from gateway.metrics import Metrics
from gateway.vault.kek.file import KekFile
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.route_hours import KEPT, Flush, RouteHour, hour_of
from gateway.vault.service import Vault
from tests.drift.test_drift_tally import exchange
from tests.vault.makers import NOON, Clock, open_vault, opened, place, rows

NOW = hour_of(NOON)
PULL = RouteHour("acme/pull", NOW, "response", 1, 1, 1, 1)
# As version 20 wrote it, which knows no writers.
VERSION_20 = (
    "INSERT INTO route_hour (route, hour, phase, messages, bookings, with_card, cards, left_alone, failed,"
    " refused, outside) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (route, hour, phase) DO UPDATE SET"
    " messages = route_hour.messages + excluded.messages"
)


def counted(vault: Vault) -> list[int]:
    return [one.messages for one in vault.route_hours.since(0)]


def tally_of(vault: Vault, writer: str) -> Tally:
    return Tally(vault.route_hours, Metrics(), Clock(), writer)


def note(tally: Tally, times: int) -> None:
    for _ in range(times):
        tally.note(exchange("pull", answer=b"<a/>"), None)


def test_the_same_flush_adds_once_and_each_other_one_too(vault: Vault) -> None:
    table = vault.route_hours
    for flush in (Flush("a", 1), Flush("a", 1), Flush("b", 1), Flush("a", 4), Flush("a", 4)):
        table.add([PULL], flush)
    assert counted(vault) == [3]
    table.add([PULL], Flush("a", 1))  # late: it was before the fourth
    assert counted(vault) == [3]


@pytest.mark.parametrize("at", ["begun", "written", "committed"])
def test_a_flush_that_failed_wherever_it_did_counts_once(tmp_path: Path, at: str) -> None:
    """Committed: it is there, and whoever asked for it is told that it failed."""
    failing: list[str] = []

    def step(reached: str) -> None:
        if reached in failing:
            raise OSError

    with opened(tmp_path, step=step) as vault:
        tally = tally_of(vault, "a")
        note(tally, 2)
        failing.append(f"route_hours:{at}")
        for _ in range(3):
            with pytest.raises(VaultUnavailable):
                tally.flush()
            note(tally, 1)
        assert counted(vault) == ([2] if at == "committed" else [])
        failing.clear()
        tally.flush()
        assert counted(vault) == [5]
        tally.flush()
        assert counted(vault) == [5]


def test_a_writer_of_the_version_before_adds_beside(tmp_path: Path) -> None:
    with opened(tmp_path) as vault, rows(tmp_path) as older:
        tally = tally_of(vault, "a")
        row = (PULL.route, "2026-03-01T12", *PULL[2:])
        for _ in range(3):
            older.execute(VERSION_20, row)
            note(tally, 1)
            tally.flush()
        assert counted(vault) == [6]
        assert [one.hour for one in vault.route_hours.since(0)] == [NOW]


def test_who_added_is_forgotten_with_what_was_added(vault: Vault, tmp_path: Path) -> None:
    days = KEPT // timedelta(days=1)
    vault.route_hours.add([PULL._replace(hour=NOW - 24 * (days + 1))], Flush("old", 7))
    both = [PULL._replace(hour=NOW - 24 * (days + 1)), PULL._replace(hour=NOW - 24 * days)]
    vault.route_hours.add(both, Flush("both", 7))
    assert vault.route_hours.purge(NOON) == 1
    with rows(tmp_path) as connection:
        writers = connection.execute("SELECT writer, flush FROM route_writer").fetchall()
    assert [tuple(one) for one in writers] == [("both", 7)]
    vault.route_hours.add(both, Flush("both", 7))
    assert counted(vault) == [1]


def test_a_gateways_name_among_those_who_add_has_no_digit(tmp_path: Path) -> None:
    """Beside a number it would look like a card's, in the file."""
    from gateway.exchange import new_id

    with opened(tmp_path) as vault:
        tally = tally_of(vault, new_id())
        note(tally, 1)
        tally.flush()
        with rows(tmp_path) as connection:
            ((writer, hour),) = connection.execute(
                "SELECT writer, hour FROM route_writer"
            ).fetchall()
    assert writer.isalpha()
    assert hour == "2026-03-01T12"


class Cut:
    """A way to a server's socket that is lost in a COMMIT once `armed`: before the server had it, or after."""

    def __init__(self, server: Path, *, heard: bool) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="cut-"))  # a socket's path is short
        self.armed, self.cut = False, 0
        self._server, self._heard = str(server), heard
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.directory / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        shutil.rmtree(self.directory)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                cut = threading.Event()
                for one in (self._asks, self._answers):
                    threading.Thread(target=one, args=(client, server, cut), daemon=True).start()

    def _asks(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        with both(client, server):
            while said := client.recv(65536):
                if self.armed and b"COMMIT" in said:
                    self.armed, self.cut = False, self.cut + 1
                    cut.set()
                    if not self._heard:
                        return
                server.sendall(said)

    @staticmethod
    def _answers(client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        with both(client, server):
            while (said := server.recv(65536)) and not cut.is_set():
                client.sendall(said)


@contextlib.contextmanager
def both(*ends: socket.socket) -> Iterator[None]:
    """Ends both ways at last. Another thread that still reads one of them is told by `shutdown` alone."""
    with contextlib.suppress(OSError):
        yield
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


def socket_of(url: str) -> Path:
    """Where its server listens."""
    with psycopg.connect(url) as connection:
        return Path(connection.info.host) / f".s.PGSQL.{connection.info.port}"


@pytest.mark.postgres_alone
@pytest.mark.parametrize("heard", [True, False])
def test_a_connection_that_is_lost_in_the_very_commit_counts_a_minute_once(
    tmp_path: Path, heard: bool
) -> None:
    with opened(tmp_path):
        pass  # made, with its KEK
    url = place(tmp_path).url
    cut = Cut(socket_of(url), heard=heard)
    there = PostgresPlace(make_conninfo(url, host=str(cut.directory), port=5432))
    with (
        contextlib.closing(cut),
        contextlib.closing(Vault.open(there, KekFile(tmp_path / "kek"))) as vault,
    ):
        tally = tally_of(vault, "a")
        note(tally, 2)
        tally.flush()
        for minute in range(1, 4):
            note(tally, 2)
            cut.armed = True
            with pytest.raises(VaultUnavailable):
                tally.flush()
            assert cut.cut == minute
            tally.flush()
            assert counted(vault) == [2 + 2 * minute]


def test_many_that_fail_by_turns_add_up(tmp_path: Path) -> None:
    """Two processes, each of which is told now and then that what it added has failed."""
    turn = threading.local()

    def step(reached: str) -> None:
        turn.count = getattr(turn, "count", 0) + 1
        if reached.startswith("route_hours:") and turn.count % 7 == 0:
            raise OSError

    vaults = [open_vault(tmp_path, step=step) for _ in range(2)]

    def write(vault: Vault, name: str) -> None:
        tally, left = tally_of(vault, name), 30
        while left or tally._begun or tally._waiting:
            note(tally, min(left, 1))
            left -= min(left, 1)
            with contextlib.suppress(VaultUnavailable):
                tally.flush()

    threads = [
        threading.Thread(target=write, args=one) for one in zip(vaults, ("a", "b"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counted(vaults[0]) == [60]
    for vault in vaults:
        vault.close()
