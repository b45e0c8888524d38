"""`audit:` of gateway.yaml: where its entries go besides the vault."""

from __future__ import annotations

from pathlib import Path

from gateway.config_section import Section
from gateway.config_values import FilePath


class AuditSettings(Section):
    """Each of these must be writable, or nothing that the audit tells of is done."""

    file: FilePath | None = None  # or a named pipe; JSON lines
    stdout: bool = False  # of `run` only: other commands print there

    @property
    def files(self) -> list[Path]:
        """The path of the file, if there is one."""
        return [] if self.file is None else [self.file]

    @property
    def sinks(self) -> list[Path | None]:
        """All of them; None is standard output."""
        return [*self.files, *([None] if self.stdout else [])]
