from __future__ import annotations

import pytest

from tests.collections.world import collecting


@pytest.fixture
def world(tmp_path):
    with collecting(tmp_path) as made:
        yield made
