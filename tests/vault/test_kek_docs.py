"""docs/keys.md: its settings load, and each provider stands there."""

import re
from pathlib import Path

import pytest

from gateway.config import read_config
from gateway.vault.kek import configured

PAGE = (Path(__file__).parents[2] / "docs" / "keys.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
BASE = """\
products: { seaside: { merchant_code: abc123, terminal: 1, mode: test } }
clients: { pms: { networks: [127.0.0.0/8] } }
"""


@pytest.mark.parametrize("block", BLOCKS)
def test_the_settings_load(tmp_path, block):
    file = tmp_path / "gateway.yaml"
    file.write_text(BASE + block)
    config = read_config(file)
    kinds = {configured.current(config).kind}
    if (upcoming := configured.upcoming(config)) is not None:
        kinds.add(upcoming.kind)
    assert all(f"{kind}:" in block for kind in kinds)


def test_each_provider_is_shown():
    for kind in ("file", "env", "passphrase", "transit", "aws-kms"):
        assert any(f"    {kind}:" in block for block in BLOCKS), kind
        assert PAGE.count(f"| `{kind}` |") == 2
