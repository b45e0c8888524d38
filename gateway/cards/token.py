"""What stands in a card's place: the pair `iduser` + `tokenuser`, and the alias that joins both."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from gateway.cards.digits import DigitsToken, parse_digits

# 31 bits: it fits a signed 32-bit integer, which PAYCOMET's clients use. Not secret.
IDUSER_MAX: Final = 2**31 - 1
# 62 ** 13 > 2 ** 77: a tokenuser can not be guessed even when every iduser is known.
TOKENUSER_LENGTH: Final = 13
_ALIAS: Final = re.compile(r"tok_(test_)?([1-9][0-9]{0,9})_([0-9A-Za-z]{13})")
_TOKENUSER: Final = re.compile(r"[0-9A-Za-z]{13}")
_IDUSER: Final = re.compile(r"[1-9][0-9]{0,9}")
# Visible ASCII: what could be spelled in two ways would be found in one of them only.
_OLD: Final = re.compile(r"[!-~]{1,256}")


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


@dataclass(frozen=True, slots=True)
class OldToken:
    """A text that another vault may have issued for a card. `text` is a credential: never log it."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Presented:
    """What stands in a token's place: the token of ours that it would be, the one of another vault's, and
    the one of digits; None where it has not the form of such a one. Whose it is, the vault knows.
    """

    ours: Token | None
    old: OldToken | None
    digits: DigitsToken | None = None

    @property
    def is_token(self) -> bool:
        """Whether it may be a token of anybody's."""
        return self.ours is not None or self.old is not None or self.digits is not None


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


def parse_old(text: str, second: str | None = None) -> OldToken | None:
    """The token of another vault that `text` may be, or None when it has not the form of one. One of
    two parts (PAYCOMET's idUser and tokenUser) is the text `first:second`.
    """
    parts = [text.strip()] if second is None else [text.strip(), second.strip()]
    joined = ":".join(parts)
    return OldToken(joined) if all(parts) and _OLD.fullmatch(joined) else None


def present(text: str) -> Presented:
    """What a text in a token's place may be. An alias of ours is nobody else's."""
    ours = parse_alias(text)
    return (
        Presented(None, parse_old(text), parse_digits(text))
        if ours is None
        else Presented(ours, None)
    )


def present_pair(iduser: str, tokenuser: str) -> Presented:
    """The same for two fields: other vaults have pairs of the same form."""
    return Presented(parse_pair(iduser, tokenuser, test=False), parse_old(iduser, tokenuser))
