import textwrap

import pytest

from tests.config.files import BASE


@pytest.fixture
def write(tmp_path):
    """Writes a gateway.yaml: what every one needs, and a text."""

    def write(text, base=BASE):
        file = tmp_path / "gateway.yaml"
        file.write_text(base + textwrap.dedent(text), encoding="utf-8")
        return file

    return write
