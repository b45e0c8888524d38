from tests.cli.command import run
from tests.cli.rules_command import rules

__all__ = ["rules", "run"]
