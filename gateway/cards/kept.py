"""How long a route keeps what its messages bring, where it is less than the product's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TEXT: Final = re.compile(r"([0-9]{0,4})/([0-9]{0,4})")


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """Days that a card is kept for a booking: after its departure, and after it was seen last where no
    departure is known. None: as the product says.
    """

    after_departure: int | None = None
    without_departure: int | None = None

    @property
    def text(self) -> str:
        """As it stands beside a link: `14/30`, `14/`, `/30`."""
        days = (self.after_departure, self.without_departure)
        return "/".join("" if one is None else str(one) for one in days)


def read_terms(text: str) -> LinkTerms:
    """Reads that text back. What is none says nothing: then the product's count."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return LinkTerms()
    after, without = (int(days) if days else None for days in found.groups())
    return LinkTerms(after, without)
