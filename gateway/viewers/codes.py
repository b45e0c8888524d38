"""Secret codes: which may be chosen, and their argon2id hashes.

A hash costs 64 MB and a tenth of a second on purpose. So that nobody exhausts us with them, two are
computed at once, a few wait, and who comes then is told so before anything is counted.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from gateway.errors import CodesBusy
from gateway.secret import Secret
from gateway.vault.aside import Aside

SHORTEST: Final = 12  # PCI DSS 8.3.6, with a letter and a digit
LONGEST: Final = 128
_DISTINCT: Final = 6
_AT_ONCE: Final = 2
_WAITING: Final = 8
# RFC 9106, second recommended option, on one thread instead of four: we have two at once.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)

# What most people who must choose something choose, and add digits to.
_COMMON: Final = frozenset(
    [
        "password",
        "passwort",
        "passw0rd",
        "p4ssword",
        "contrasena",
        "clave",
        "senha",
        "parola",
        "motdepasse",
        "qwerty",
        "qwertz",
        "azerty",
        "admin",
        "administrator",
        "welcome",
        "willkommen",
        "bienvenido",
        "bienvenue",
        "benvenuto",
        "letmein",
        "hotel",
        "reception",
        "rezeption",
        "recepcion",
        "reservations",
        "booking",
        "secret",
        "geheim",
        "secreto",
        "segreto",
        "iloveyou",
        "summer",
        "sommer",
        "verano",
        "winter",
        "invierno",
        "spring",
        "autumn",
        "changeme",
        "default",
        "creditcard",
        "card",
        "visa",
        "mastercard",
    ]
)
_ROWS: Final = ("abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiop", "qwertzuiop", "azertyuiop",
                "asdfghjkl", "zxcvbnm", "yxcvbnm", "1234567890")  # fmt: skip
_NEXT: Final = frozenset(
    pair for row in _ROWS for pair in itertools.pairwise(row + row[0])
) | frozenset(pair for row in _ROWS for pair in itertools.pairwise((row + row[0])[::-1]))


def normal(code: str) -> str:
    """The same code however a keyboard composes its letters (RFC 8265: NFC)."""
    return unicodedata.normalize("NFC", code)


def is_same(one: Secret[str], other: Secret[str]) -> bool:
    """Whether two that were typed are one code."""
    return normal(one.reveal()) == normal(other.reveal())


def weakness(code: Secret[str], known: Sequence[str] = ()) -> str | None:
    """Why this code may not be chosen; None: it may. `known`: what others know of the viewer, such as
    its name, in which whoever guesses looks first.
    """
    text = normal(code.reveal())
    if len(text) < SHORTEST:
        return "code_too_short"
    if len(text) > LONGEST or not text.isprintable():
        return "code_not_a_line"
    if not any(sign.isalpha() for sign in text) or not any(sign.isdigit() for sign in text):
        return "code_needs_letters_and_digits"
    return "code_guessable" if _is_guessable(text.casefold(), known) else None


def _is_guessable(text: str, known: Sequence[str]) -> bool:
    """What is left without common words, names and runs of neighbours is too little."""
    if len(set(text)) < _DISTINCT:
        return True
    words = {word for name in known for word in re.findall(r"\w{3,}", name.casefold())}
    rest = text
    for word in sorted(words | _COMMON, key=len, reverse=True):
        rest = rest.replace(word, "")
    # A sign that repeats the one before it, or goes on in its row, adds nothing to guess.
    added = [
        after
        for before, after in itertools.pairwise("\0" + rest)
        if before != after and (before, after) not in _NEXT
    ]
    return len(set(added)) < _DISTINCT


class Codes:
    """Hashes and compares, in threads of its own. `place` is taken first."""

    def __init__(
        self, hasher: PasswordHasher = _HASHER, *, at_once: int = _AT_ONCE, waiting: int = _WAITING
    ) -> None:
        self._hasher, self._aside = hasher, Aside("codes", at_once)
        self._most, self._taken = at_once + waiting, 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among those that are computed or wait. Raises CodesBusy."""
        if self._taken >= self._most:
            raise CodesBusy
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def hash(self, code: Secret[str]) -> Secret[str]:
        """The hash of `code`, with today's parameters."""
        return Secret(await self._aside.run(lambda: self._hasher.hash(normal(code.reveal()))))

    async def matches(self, hash: Secret[str], code: Secret[str]) -> bool:
        """Whether `hash` is one of `code`; a code that is too long for one is not hashed."""

        def compare() -> bool:
            try:
                return self._hasher.verify(hash.reveal(), normal(code.reveal()))
            except VerificationError:
                return False

        if len(code.reveal()) > LONGEST:
            return False
        return await self._aside.run(compare)

    def is_outdated(self, hash: Secret[str]) -> bool:
        """Whether its parameters are not today's."""
        return self._hasher.check_needs_rehash(hash.reveal())

    def close(self) -> None:
        """Waits for what was begun."""
        self._aside.close()
