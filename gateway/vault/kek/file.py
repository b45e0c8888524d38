"""The key-encryption key in a file of its own, apart from the database (P22). The default.

A backup of the database without this file is worthless, and so is this file without the database.
"""

from __future__ import annotations

from pathlib import Path

from gateway.vault.envelope import Sealer
from gateway.vault.kek import key_lines, private_file
from gateway.vault.kek.provider import sealed


class KekFile:
    """Fulfils `KekProvider`: the lines in clear, mode 0600."""

    kind = "file"

    def __init__(self, path: Path) -> None:
        self.file = path

    @property
    def place(self) -> str:
        return str(self.file)

    def made(self) -> bool:
        return self.file.exists()

    def create(self) -> None:
        private_file.write(self.file, key_lines.fresh(), self.kind)

    def load(self) -> Sealer:
        content = private_file.read(self.file, self.kind)
        said = ""
        try:
            return key_lines.parse(content)
        except ValueError as error:
            said = str(error)
        hint = "Each line reads: kek <id> <64 hex digits>. Restore the file from its backup."
        raise sealed(self.kind, self.place, said, hint)
