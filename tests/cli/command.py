"""Runs the real command in this process, on a configuration in a directory of its own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app

YAML = """\
listen: { proxy: 127.0.0.1:8080 }
state: state
rules: rules
products:
  seaside: { merchant_code: abc123, terminal: 1, mode: test }
  hilltop: { merchant_code: abc123, terminal: 2, mode: test }
clients:
  pms: { networks: [10.0.0.0/8, "::1/128"] }
callers:
  channel-manager: { header: { name: X-Push-Key, value_file: state/push-key } }
variables: { pms: "http://127.0.0.1:9100" }
"""
PACK = """\
system: partner
about: a partner
routes:
  - { name: all, to: "https://api.partner.example/**", methods: [GET, POST] }
"""


@dataclass
class Command:
    """`run("keys", "list")` answers (exit code, stdout, stderr)."""

    directory: object

    def __call__(self, *arguments, options=True, input=None):
        places = ["--config", str(self.config)] if options else []
        result = CliRunner().invoke(app, [*arguments, *places], input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    @property
    def config(self):
        return self.directory / "gateway.yaml"

    @property
    def state(self):
        return self.directory / "state"


def make(directory):
    (directory / "rules").mkdir()
    (directory / "rules" / "partner.yaml").write_text(PACK)
    (directory / "gateway.yaml").write_text(YAML)
    return Command(directory)


@pytest.fixture
def run(tmp_path):
    return make(tmp_path)
