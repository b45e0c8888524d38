"""`retention:` of a product in gateway.yaml: how long its cards are kept, in days."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.config_section import Section

_TEN_YEARS = 3650


class RetentionSettings(Section):
    """Each counts for every link between a card and a booking by itself; the card goes with the last.

    `after_departure`: from the booking's departure, as it was said last. `without_departure`: from when a
    message brought the card last, where none said when the guest leaves. `stub`: how long mask, brand and
    booking stay after that. Schemes let a guest contest a charge for up to 540 days. `farthest_departure`: a
    departure that is further ahead is a slip or a placeholder, and counts as none. Channels sell up to two
    years ahead.
    """

    after_departure: Annotated[int, Field(ge=0, le=_TEN_YEARS)] = 30
    without_departure: Annotated[int, Field(ge=1, le=_TEN_YEARS)] = 90
    stub: Annotated[int, Field(ge=0, le=_TEN_YEARS)] = 540
    farthest_departure: Annotated[int, Field(ge=1, le=_TEN_YEARS)] = 1095
