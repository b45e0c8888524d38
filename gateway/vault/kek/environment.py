"""The key-encryption key in an environment variable, as a container's secret is given to it.

The value is taken out of the environment when it is first read: children do not inherit it, and a
dump of the environment does not show it. The kernel keeps what the process was started with, readable
by the process's own user and root (`/proc/<pid>/environ`): a file, or a remote key, is better.
"""

from __future__ import annotations

import os
import re
from typing import Final

from gateway.secret import Secret
from gateway.vault.envelope import Sealer
from gateway.vault.kek import key_lines
from gateway.vault.kek.provider import sealed

_BARE: Final = re.compile(r"[0-9a-f]{64}")
# What was taken is gone from the environment, and a process may open its vault more than once.
_TAKEN: Final[dict[str, Secret[bytes]]] = {}


class KekVariable:
    """Fulfils `KekProvider`: 64 hex digits, which are key 1, or the lines of a key file."""

    kind = "env"
    file = None

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def place(self) -> str:
        return f"the environment variable {self._name}"

    def made(self) -> bool:
        return self._name in os.environ or self._name in _TAKEN

    def create(self) -> None:
        if not self.made():
            raise self._absent(
                "Make one: openssl rand -hex 32. Keep a copy apart from the database."
            )

    def load(self) -> Sealer:
        value = os.environ.pop(self._name, None)
        if value is not None:
            _TAKEN[self._name] = Secret(_lines(value).encode("utf-8", "replace"))
        taken = _TAKEN.get(self._name)
        if taken is None:
            raise self._absent("Give the gateway's process the key that belongs to this database.")
        said = ""
        try:
            return key_lines.parse(taken)
        except ValueError as error:
            said = str(error)
        hint = "It holds 64 hex digits, or lines that read: kek <id> <64 hex digits>."
        raise sealed(self.kind, self.place, said, hint)

    def _absent(self, hint: str) -> Exception:
        return sealed(self.kind, self.place, "the key-encryption key is not set", hint)


def _lines(value: str) -> str:
    text = value.strip()
    return f"kek 1 {text}\n" if _BARE.fullmatch(text) else f"{text}\n"
