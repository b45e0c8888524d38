"""Where Prometheus' own programs are, and why tests are skipped where they are not."""

from __future__ import annotations

import shutil
from pathlib import Path

# .ci/run unpacks Debian's package there: nothing is installed, and no server of the package's is started.
UNPACKED = Path(__file__).parents[1] / "build" / "prometheus" / "usr" / "bin"


def promtool() -> str | None:
    """The path of its checker of rules; None where it is not to be had."""
    return _found("promtool")


def prometheus() -> str | None:
    """The path of the server itself; None where it is not to be had."""
    return _found("prometheus")


def _found(name: str) -> str | None:
    unpacked = UNPACKED / name
    return shutil.which(name) or (str(unpacked) if unpacked.exists() else None)


WITHOUT = "promtool (Debian: prometheus) is not installed"
WITHOUT_SERVER = "prometheus (Debian: prometheus) is not installed"
