"""Recaptures of one Expedia Rapid account: what is heard, what is seen, what there is.

`seen` is for whoever lets answers of Rapid through: after a retrieved booking was answered (route
`read` of the pack) it is given the client and the answer's body, decoded. It changes nothing in the
answer, and what it raises must not keep the answer from the client.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.config_recapture import RapidSettings
from gateway.errors import GatewayError, RecaptureUnknown
from gateway.exchange import new_id
from gateway.log import event
from gateway.recapture import rounds
from gateway.recapture.content import read
from gateway.recapture.rapid import Rapid
from gateway.recapture.reading import Sighting, read_event, read_sightings
from gateway.threads import run
from gateway.vault.recapture import OpenRecapture, Recapture, RecaptureState
from gateway.vault.recaptures import RecaptureTable

SYSTEM: Final = "expedia-rapid"
# As they are shown: what is pending and whose link is certainly over is expired.
EXPIRED: Final = "expired"
STATES: Final = (*(state.value for state in RecaptureState), EXPIRED)


class Recaptures:
    """`woken` is called when something became due. Every method raises VaultUnavailable."""

    def __init__(
        self,
        *,
        settings: RapidSettings,
        table: RecaptureTable,
        rapid: Rapid,
        clock: Callable[[], datetime],
        woken: Callable[[], None],
    ) -> None:
        self._settings, self._table, self._rapid = settings, table, rapid
        self._clock, self._woken = clock, woken

    async def notified(self, body: bytes) -> Recapture:
        """Keeps, durable, that a card failed; the client is told and the link looked for soon. A
        notification that came before changes nothing.

        Raises MessageMalformed, EventMalformed, EventNotSupported.
        """
        heard = read_event(body)
        new = self._new()
        one = await self._table.change_current(
            new.client,
            SYSTEM,
            heard.itinerary,
            lambda current: rounds.heard(current, heard, new),
            event_id=heard.id,
        )
        if one is None:  # whatever is heard of leaves a recapture behind
            raise RecaptureUnknown
        event("recapture_notified", id=one.row.id)
        self._woken()
        return one.row

    async def seen(self, client: str, body: bytes) -> None:
        """Keeps, durable, the payment_change links of a retrieved booking's JSON, or of several's.
        A body without any costs one search for the word.
        """
        if client != self._settings.client or b"payment_change" not in body:
            return
        for sighting in await run(len(body), read_sightings, body, self._rapid.base):
            await self._sight(sighting)

    async def look(self, one: OpenRecapture) -> OpenRecapture | None:
        """Retrieves the booking of a notification, and keeps the link that it shows; the recapture
        as it is then. None where the guest's address is not known, or Rapid does not tell.
        """
        email = read(one.held).email
        if email is None:
            return None
        try:
            body = await self._rapid.retrieve(one.row.itinerary, email)
        except GatewayError as error:
            event("recapture_not_retrieved", level=logging.WARNING, id=one.row.id, code=error.code)
            return None
        for sighting in await run(len(body), read_sightings, body, self._rapid.base):
            if sighting.itinerary == one.row.itinerary:
                await self._sight(sighting)
        return await self._table.open(one.row.id)

    async def listed(self, client: str | None, states: list[str] | None) -> list[Recapture]:
        """The newest ones of a client; None: of all."""
        return await self._table.listed(self._clock(), client=client, states=states)

    async def get(self, id: str, client: str | None) -> Recapture:
        """One. Raises RecaptureUnknown, for another client's as well."""
        one = await self._table.open(id)
        if one is None or client not in (None, one.row.client):
            raise RecaptureUnknown
        return one.row

    async def _sight(self, sighting: Sighting) -> None:
        new = self._new()
        await self._table.change_current(
            new.client,
            SYSTEM,
            sighting.itinerary,
            lambda current: rounds.seen(current, sighting, new),
        )

    def _new(self) -> rounds.New:
        tells = self._settings.webhook is not None
        return rounds.New(new_id(), self._settings.client, SYSTEM, self._clock(), tells)


def shown_state(row: Recapture, now: datetime) -> str:
    """The state, as it is shown."""
    if row.state is RecaptureState.PENDING and now >= row.link_ends:
        return EXPIRED
    return row.state.value
