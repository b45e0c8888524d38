"""What a mask tells of the number behind it, so that a known card is found again. Pure.

`4444XXXXXXXX4444` begins and ends with digits, `****1111` ends with them, `****` says nothing. A text whose
digits stand elsewhere says something that nobody here can read: it fits no card.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.cards.expiry import Expiry
from gateway.secret import Secret

_APART: Final = re.compile(r"[\s\u00a0-]")
_READABLE: Final = re.compile(r"(?P<first>[0-9]{1,8}(?=\D))?\D*(?P<last>[0-9]{1,6})?")
_LAST: Final = 4  # digits by which people tell cards apart


@dataclass(frozen=True, slots=True)
class Hint:
    """The digits that a mask shows, and the expiry beside it; `readable`: no others stand in it."""

    first: str = ""
    last: str = ""
    expiry: Expiry | None = None
    readable: bool = True

    @property
    def tells(self) -> bool:
        """Whether it says which card is meant: its last four digits."""
        return self.readable and len(self.last) >= _LAST

    def fits(self, number: Secret[str], expiry: Expiry | None) -> bool:
        """Whether a card may be the one behind the mask. A card that was renewed is another one."""
        digits = number.reveal()
        known = self.expiry is None or expiry is None or self.expiry == expiry
        shown = digits.startswith(self.first) and digits.endswith(self.last)
        return self.readable and known and shown


def hint_of(text: str, expiry: Expiry | None = None) -> Hint:
    """What `text`, a mask or nothing, tells; `expiry` stands beside it."""
    bare = _APART.sub("", text)
    found = _READABLE.fullmatch(bare)
    if found is None:
        return Hint(expiry=expiry, readable=False)
    return Hint(found["first"] or "", found["last"] or "", expiry)
