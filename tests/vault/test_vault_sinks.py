"""P36: the audit's entries go to every sink before they are committed, or nothing is done."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.errors import AuditUnwritable, ConfigurationError, VaultUnavailable
from gateway.vault.audits import Selection
from tests.vault.makers import entry, find, keep, new, opened
from tests.vault.test_vault_audit import write


def said(text: str) -> list[str]:
    """The exchanges of the entries; what holds the chain together is left out."""
    lines = [json.loads(line) for line in text.splitlines() if line]
    return [line["exchange"] for line in lines if "anchor" not in line]


def entries(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if '"anchor"' not in line)


@pytest.fixture
def pipe(tmp_path) -> Path:
    os.mkfifo(path := tmp_path / "pipe")
    return path


def reader(path):
    """Somebody who has the pipe open and reads when told."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)


def drain(end) -> str:
    text = b""
    while read := end.read(1 << 16):  # None: nothing is there now
        text += read
    return text.decode()


def test_a_file_has_what_an_export_has(tmp_path) -> None:
    file = tmp_path / "audit.jsonl"
    with opened(tmp_path, sinks=[file]) as vault:
        write(vault, "1", "2", booking='é"\n')
        kept = keep(vault, new(), entries=[entry("3")])
        lines = vault.audit.lines(Selection())
    text = file.read_text()
    assert entries(text) == "".join(line.json() for line in lines)
    assert json.loads(text.splitlines()[3])["iduser"] == kept[0].token.iduser
    assert file.stat().st_mode & 0o777 == 0o600
    with opened(tmp_path, sinks=[file]) as vault:
        write(vault, "4")
    assert said(file.read_text()) == ["1", "2", "3", "4"]


def test_a_file_has_what_its_chain_hangs_on(tmp_path) -> None:
    """With it the lines can be checked from the lines alone: see `gateway/vault/lost.py`."""
    file = tmp_path / "audit.jsonl"
    for name in ("1", "2"):
        with opened(tmp_path, sinks=[file]) as vault:
            write(vault, name)
            anchors = vault._database.read(
                lambda c: c.execute("SELECT id, hash FROM audit_anchor ORDER BY id").fetchall()
            )
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert ["anchor" in line for line in lines] == [True, False, True, False]
    assert [(one["anchor"], one["hash"]) for one in lines[::2]] == [
        (id, hashed.hex()) for id, hashed in anchors
    ]


def test_a_file_that_was_rotated_is_made_anew(tmp_path) -> None:
    file = tmp_path / "audit.jsonl"
    with opened(tmp_path, sinks=[file]) as vault:
        write(vault, "1")
        file.rename(tmp_path / "audit.jsonl.1")
        write(vault, "2")
    assert said((tmp_path / "audit.jsonl.1").read_text()) == ["1"]
    assert said(file.read_text()) == ["2"]


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text('{"id": 1, "exch')
    with opened(tmp_path, sinks=[file]) as vault:
        write(vault, "1")
    assert said(file.read_text().partition("\n")[2]) == ["1"]


def test_p36_a_pipe_that_nobody_reads_is_no_start(tmp_path, pipe) -> None:
    with pytest.raises(ConfigurationError, match="pipe"):
        opened(tmp_path, sinks=[pipe]).__enter__()
    with pytest.raises(ConfigurationError):
        opened(tmp_path, sinks=[tmp_path]).__enter__()


def test_p36_no_card_is_read_when_the_pipes_reader_is_gone(tmp_path, pipe, monkeypatch) -> None:
    with reader(pipe) as end, opened(tmp_path, sinks=[pipe]) as vault:
        (kept,) = keep(vault, new())
        end.close()
        read = []
        with monkeypatch.context() as patched:
            patched.setattr(vault._store, "found", read.append)
            for _ in range(2):
                with pytest.raises(VaultUnavailable):
                    find(vault, kept.token, entries=[entry("refused")])
        assert read == []
        with reader(pipe) as again:
            assert find(vault, kept.token, entries=[entry("found")]) is not None
            assert said(drain(again)) == ["found"]
        # what was refused was not committed either, and the chain has no hole
        assert [one.entry.exchange for one in vault.entries()] == ["found"]
        assert vault.audit.check().findings == []


def test_p36_a_full_pipe_makes_it_refuse_and_never_hang(tmp_path, pipe) -> None:
    with reader(pipe) as end, opened(tmp_path, sinks=[pipe]) as vault:
        big = [entry(str(n), booking="B" * 500) for n in range(1000)]
        start = time.monotonic()
        with pytest.raises(VaultUnavailable):
            asyncio.run(vault.record(big))
        first = time.monotonic() - start
        start = time.monotonic()
        for _ in range(10):
            with pytest.raises(VaultUnavailable):
                write(vault, "small")
        assert first < 5
        assert time.monotonic() - start < 5  # once it was late nobody waits for it again
        vault.check()  # what needs no audit goes on
        torn = drain(end)
        write(vault, "1")
        assert [one.entry.exchange for one in vault.entries()] == ["1"]
        last = (torn.rpartition("\n")[2] + drain(end)).partition("\n")
        assert said(last[2]) == ["1"]  # on a line of its own
        assert vault.audit.check().findings == []


def test_p36_every_sink_must_be_written(tmp_path, pipe) -> None:
    file = tmp_path / "audit.jsonl"
    with reader(pipe) as end, opened(tmp_path, sinks=[file, pipe]) as vault:
        write(vault, "1")
        assert said(drain(end)) == ["1"]
        end.close()
        with pytest.raises(VaultUnavailable):
            write(vault, "2")
        assert [one.entry.exchange for one in vault.entries()] == ["1"]


def test_what_is_rolled_back_is_not_written(tmp_path) -> None:
    file = tmp_path / "audit.jsonl"
    with opened(tmp_path, sinks=[file]) as vault:

        def fails(connection):
            connection.journal.append(connection, [("at", "no", *[""] * 7, None, "", "", "")])
            raise ValueError

        with pytest.raises(ValueError):
            vault._database.write("test", fails).result()
        write(vault, "1")
    assert said(file.read_text()) == ["1"]


_LARGE = 50_000_000  # bytes: no file of the vault comes near


@contextmanager
def no_longer_than(size):
    """No file of this process grows beyond so many bytes, as a quota has it: its disk has room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_p36_a_file_that_may_not_grow_is_told_until_it_may(tmp_path, caplog) -> None:
    """Its disk has room, so that only a write is told: no node says that it is ready meanwhile."""
    file = tmp_path / "audit.jsonl"
    file.touch()
    os.truncate(file, _LARGE)
    with opened(tmp_path, sinks=[file]) as vault:
        (kept,) = keep(vault, new(), entries=[entry("1")])
        vault.audit.writable()
        with no_longer_than(file.stat().st_size + 100), caplog.at_level("ERROR"):
            for _ in range(2):
                with pytest.raises(VaultUnavailable):
                    find(vault, kept.token, entries=[entry("refused")])
                with pytest.raises(AuditUnwritable):
                    vault.audit.writable()
                with pytest.raises(AuditUnwritable):
                    vault.audit.writable()  # nor does it say so by and by
        assert "EFBIG" in "".join(str(vars(record)) for record in caplog.records)
        vault.audit.writable()  # without anything that has to be written first
        size = file.stat().st_size
        vault.audit.writable()
        assert file.stat().st_size == size  # what can be written is asked no more than before
        assert find(vault, kept.token, entries=[entry("2")]) is not None
        assert [one.entry.exchange for one in vault.entries()] == ["1", "2"]
        assert vault.audit.check().findings == []
    with file.open("rb") as text:
        text.seek(_LARGE)
        whole = [line for line in text.read().decode().splitlines() if line.endswith("}")]
    assert said("\n".join(whole)) == ["1", "2"]


STDOUT = """
import pathlib, sys
from tests.vault.makers import open_vault
from tests.vault.test_vault_audit import write
vault = open_vault(pathlib.Path(sys.argv[1]), sinks=[None])
write(vault, "1", "2")
vault.close()
"""


def test_standard_output_gets_json_lines(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STDOUT, tmp_path], capture_output=True, check=True, timeout=60
    )
    assert said(done.stdout.decode()) == ["1", "2"]
