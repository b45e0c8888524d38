from __future__ import annotations

from tests.engine.conftest import ca, confdir

__all__ = ["ca", "confdir"]
