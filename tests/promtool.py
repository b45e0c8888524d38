"""Where Prometheus' own checker of alert rules is, and why its tests are skipped where it is not."""

from __future__ import annotations

import shutil
from pathlib import Path

# .ci/run unpacks Debian's package there: nothing is installed, and no server of its is started.
UNPACKED = Path(__file__).parents[1] / "build" / "prometheus" / "usr" / "bin" / "promtool"


def promtool() -> str | None:
    """Its path; None where it is not to be had."""
    return shutil.which("promtool") or (str(UNPACKED) if UNPACKED.exists() else None)


WITHOUT = "promtool (Debian: prometheus) is not installed"
