from __future__ import annotations

import pytest

from tests.charges.world import world as make


@pytest.fixture
def world(tmp_path):
    with make(tmp_path) as made:
        yield made
