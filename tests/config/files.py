"""gateway.yaml as the tests write it, and what is said about it."""

from pathlib import Path

import pytest

from gateway.config import read_config
from gateway.errors import ConfigurationError

SHIPPED = Path(__file__).parents[2] / "gateway.yaml"
BASE = """\
products:
  seaside: { merchant_code: abc123, terminal: 1, mode: test }
clients:
  pms: { networks: [127.0.0.0/8, "::1/128"] }
"""
PYTHON = (3, 13)


def problems(file, *, python=PYTHON, read=read_config):
    with pytest.raises(ConfigurationError) as caught:
        read(file, python=python)
    return [(problem.line, problem.message, problem.hint) for problem in caught.value.problems]


def messages(file, **options):
    return [(line, message) for line, message, _ in problems(file, **options)]
