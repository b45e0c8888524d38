from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.vault.service import Vault
from tests.vault.makers import open_vault


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    opened = open_vault(tmp_path)
    yield opened
    opened.close()
