from __future__ import annotations

import pytest

from tests.webhooks.world import site as make


@pytest.fixture
def site(tmp_path, monkeypatch):
    with make(tmp_path, monkeypatch) as made:
        yield made
