"""What stands in a card's place: the pair `iduser` + `tokenuser`, and the alias that joins both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# 31 bits: it fits a signed 32-bit integer, which PAYCOMET's clients use. Not secret.
IDUSER_MAX: Final = 2**31 - 1
# 62 ** 13 > 2 ** 77: a tokenuser can not be guessed even when every iduser is known.
TOKENUSER_LENGTH: Final = 13
_ALIAS: Final = re.compile(r"tok_(test_)?([1-9][0-9]{0,9})_([0-9A-Za-z]{13})")
_TOKENUSER: Final = re.compile(r"[0-9A-Za-z]{13}")
_IDUSER: Final = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class Token:
    """One card of one product. `tokenuser` is a credential: never log it."""

    iduser: int
    tokenuser: str
    test: bool

    @property
    def alias(self) -> str:
        """`tok_<iduser>_<tokenuser>`, with `tok_test_` in test mode."""
        return f"tok_{'test_' if self.test else ''}{self.iduser}_{self.tokenuser}"

    def __repr__(self) -> str:
        return f"Token(iduser={self.iduser})"


def parse_alias(text: str) -> Token | None:
    """The token that `text` is, or None when it is not one of ours. Nothing around it is allowed."""
    match = _ALIAS.fullmatch(text.strip())
    if match is None or int(match[2]) > IDUSER_MAX:
        return None
    return Token(int(match[2]), match[3], test=match[1] is not None)


def parse_pair(iduser: str, tokenuser: str, *, test: bool) -> Token | None:
    """The token that two fields spell, or None when they do not have the form of ours."""
    iduser, tokenuser = iduser.strip(), tokenuser.strip()
    if not _IDUSER.fullmatch(iduser) or not _TOKENUSER.fullmatch(tokenuser):
        return None
    return Token(int(iduser), tokenuser, test) if int(iduser) <= IDUSER_MAX else None
