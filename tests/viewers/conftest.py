from __future__ import annotations

import pytest

from tests.viewers.people import people


@pytest.fixture
def site(tmp_path):
    with people(tmp_path) as running:
        yield running
