"""Who gives the key-encryption key: one small interface, five behind it.

Whoever gives it gives the same lines (`key_lines`), so that all are parsed, checked and moved alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from gateway.errors import Problem, VaultSealed
from gateway.vault.envelope import Sealer


class KekProvider(Protocol):
    """Gives a vault its key-encryption key. Every method may block; `load` and `create` of a remote
    one try again for a bounded time.
    """

    @property
    def kind(self) -> str:
        """Its name in gateway.yaml."""

    @property
    def place(self) -> str:
        """Where the key comes from, for people: a path, a variable's name, a remote key's name."""

    @property
    def file(self) -> Path | None:
        """The file that it reads, beside or apart from the database."""

    def made(self) -> bool:
        """Whether there is a key, as far as that can be told without asking anybody."""

    def create(self) -> None:
        """Makes a fresh key, for a new vault. One that is there already is left alone.

        Raises VaultSealed when it can not be made here.
        """

    def load(self) -> Sealer:
        """What wraps and unwraps data keys. Raises VaultSealed."""


def sealed(
    kind: str, place: str, message: str, hint: str = "", *, again: bool = False
) -> VaultSealed:
    """The error of a provider. Its words are ours: never what a server answered or a file held."""
    return VaultSealed(kind, Problem(place, 0, message, hint), again=again)
