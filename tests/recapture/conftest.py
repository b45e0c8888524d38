from __future__ import annotations

import pytest

from tests.recapture.world import world as make


@pytest.fixture
def world(tmp_path, monkeypatch):
    with make(tmp_path, monkeypatch) as made:
        yield made
