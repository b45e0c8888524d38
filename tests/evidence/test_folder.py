"""The evidence's folder: tables are written as their rows come, and are what the manifest says."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from gateway.evidence.folder import MANIFEST, Folder, faults

_ROWS = 20_000  # more than a file's buffer holds


def test_a_table_is_on_the_disk_before_its_last_row_is_known(tmp_path: Path) -> None:
    """Who saw which card is as long as the audit: it is never in memory at once."""
    sizes = []

    def rows():
        for number in range(_ROWS):
            yield number, "=1+1", None
        sizes.append((tmp_path / "it" / "table.csv").stat().st_size)

    folder = Folder(tmp_path / "it")
    assert folder.csv("table.csv", ("number", "text", "none"), rows()) == _ROWS
    file = tmp_path / "it" / "table.csv"
    assert sizes[0] > file.stat().st_size * 0.9
    text = file.read_bytes()
    assert text.startswith(b"number,text,none\r\n0,'=1+1,\r\n1,'=1+1,\r\n")
    assert text.count(b"\r\n") == _ROWS + 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    folder.seal(lambda manifest: hashlib.sha256(manifest).hexdigest())
    assert hashlib.sha256(text).hexdigest() in (tmp_path / "it" / MANIFEST).read_text()


def test_a_table_that_was_changed_afterwards_is_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "it")
    folder.csv("table.csv", ("number",), [(1,), (2,)])
    folder.seal(lambda _manifest: "signed")
    signed = lambda _manifest, signature: signature == "signed"  # noqa: E731
    assert list(faults(tmp_path / "it", signed)) == []
    with (tmp_path / "it" / "table.csv").open("ab") as file:
        file.write(b"3\r\n")
    assert list(faults(tmp_path / "it", signed)) == ["table.csv was changed"]
