"""What becomes of a recapture when something is heard, seen or done: pure decisions.

One booking has at most one recapture that counts. A card that fails again supersedes it with a new
one, so that whoever holds the old id learns where it goes on.

1. A notification that belongs to a link which was seen before it joins that recapture.
2. One that is older than the recapture which counts changes nothing but is kept, and told.
3. Any other starts anew; so does a link that is seen after a card was taken.
4. The link that took a card is remembered by its hash: an answer that was made before shows it again.
   A notification that the card failed again is word enough that the link counts once more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from gateway.errors import (
    LinkExpired,
    LinkUnknown,
    RecaptureClosed,
    RecaptureInProgress,
    RecaptureUnknown,
)
from gateway.recapture.clocks import Clocks, Stay, earliest_failure, of_failure
from gateway.recapture.content import Content, digest, read, same_link, write
from gateway.recapture.reading import Event, Sighting
from gateway.vault.recapture import OpenRecapture, Recapture, RecaptureState

# Longer than any call may take: whoever began to send and is not heard of since has been killed.
SENDING_LASTS: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class New:
    """What a recapture that begins now is called, and whose it is."""

    id: str
    client: str
    system: str
    now: datetime
    tells: bool  # there is a webhook to tell


def heard(current: OpenRecapture | None, event: Event, new: New) -> list[OpenRecapture]:
    """What a notification makes of the booking's recapture that counts, in the order of writing."""
    failed = min(event.at, new.now)
    if current is None:
        return [_begun(new, event, failed)]
    row, content = current.row, read(current.held)
    if row.event_id is None and (
        row.state is not RecaptureState.COMPLETED or failed <= row.changed
    ):
        return [_joined(row, content, event, failed, new)]
    if row.event_id is not None and failed < row.failed:
        old = _begun(new, event, failed)
        late = replace(old.row, state=RecaptureState.SUPERSEDED, successor=row.id, look_due=None)
        return [OpenRecapture(late, old.held)]
    return [_superseded(row, content, new), _begun(new, event, failed)]


def seen(current: OpenRecapture | None, sighting: Sighting, new: New) -> list[OpenRecapture]:
    """What a link in an answer makes of the booking's recapture that counts; often nothing."""
    if current is None:
        return [_begun_by_link(new, sighting, since=None, used="")]
    row, content = current.row, read(current.held)
    if content.used == digest(sighting.link) or row.state is RecaptureState.SENDING:
        return []
    if row.state is RecaptureState.PENDING:
        return _updated(row, content, sighting, new.now)
    if same_link(content.link, sighting.link):
        return []
    begun = _begun_by_link(new, sighting, since=row.changed, used=_used(content))
    return [_superseded(row, content, new), begun]


def claimed(one: OpenRecapture | None, client: str, now: datetime) -> OpenRecapture:
    """The recapture, a card being on its way from now on.

    Raises RecaptureUnknown, RecaptureClosed, RecaptureInProgress, LinkExpired, LinkUnknown.
    """
    row = checked(one, client, now).row
    if not row.has_link or one is None:
        raise LinkUnknown
    return OpenRecapture(replace(row, state=RecaptureState.SENDING, changed=now), one.held)


def checked(one: OpenRecapture | None, client: str, now: datetime) -> OpenRecapture:
    """The recapture, which takes a card. Raises as `claimed` does, but for the link itself."""
    if one is None or one.row.client != client:
        raise RecaptureUnknown
    row = one.row
    if row.state in (RecaptureState.COMPLETED, RecaptureState.SUPERSEDED):
        raise RecaptureClosed
    if is_sending(row, now):
        raise RecaptureInProgress
    if now >= row.link_ends:
        raise LinkExpired
    return one


def is_sending(row: Recapture, now: datetime) -> bool:
    """Whether a card is on its way, as far as whoever sends it lives."""
    return row.state is RecaptureState.SENDING and now - row.changed < SENDING_LASTS


def ended(one: OpenRecapture | None, state: RecaptureState, now: datetime) -> OpenRecapture | None:
    """How a card that was on its way came out; None where something else came first."""
    if one is None or one.row.state is not RecaptureState.SENDING:
        return None
    row, content = replace(one.row, state=state, changed=now), read(one.held)
    if state is not RecaptureState.COMPLETED:
        return OpenRecapture(row, one.held)
    row = replace(row, has_link=False, look_due=None)
    return OpenRecapture(row, write(replace(content, used=_used(content), link=None, contact=None)))


def over(one: OpenRecapture | None, state: RecaptureState, now: datetime) -> OpenRecapture | None:
    """As `ended`, where the channel did not take the link: it is over, as far as is known."""
    done = ended(one, state, now)
    if done is None:
        return None
    row = replace(done.row, link_ends=now, link_expires=min(now, done.row.link_expires))
    row = replace(row, has_link=False, look_due=now)
    return OpenRecapture(row, write(replace(read(done.held), link=None)))


# --- inside ---------------------------------------------------------------------------------------


def _begun(new: New, event: Event, failed: datetime) -> OpenRecapture:
    stay = Stay()
    row = _row(new, event.itinerary, of_failure(failed, failed, stay))
    due = new.now if new.tells else None
    row = replace(row, event_id=event.id, tell_due=due, look_due=new.now)
    return OpenRecapture(row, write(Content(stay, event=event.body, email=event.email)))


def _begun_by_link(
    new: New, sighting: Sighting, since: datetime | None, used: str
) -> OpenRecapture:
    failed = earliest_failure(new.now, sighting.stay, since)
    clocks = of_failure(failed, new.now, sighting.stay, alive=new.now)
    row = replace(_row(new, sighting.itinerary, clocks), has_link=True)
    content = Content(sighting.stay, sighting.link, sighting.contact, used=used)
    return OpenRecapture(row, write(content))


def _row(new: New, itinerary: str, clocks: Clocks) -> Recapture:
    return Recapture(
        id=new.id,
        client=new.client,
        system=new.system,
        itinerary=itinerary,
        event_id=None,
        state=RecaptureState.PENDING,
        created=new.now,
        changed=new.now,
        failed=clocks.failed,
        link_expires=clocks.link_expires,
        link_ends=clocks.link_ends,
        may_cancel=clocks.may_cancel,
    )


def _joined(
    row: Recapture, content: Content, event: Event, failed: datetime, new: New
) -> OpenRecapture:
    alive = row.created if content.link is not None else None
    clocks = of_failure(failed, failed, content.stay, alive)
    row = _with_clocks(replace(row, event_id=event.id), clocks)
    row = replace(row, tell_due=new.now if new.tells else None)
    content = replace(content, event=event.body, email=event.email)
    return OpenRecapture(row, write(content))


def _updated(
    row: Recapture, content: Content, sighting: Sighting, now: datetime
) -> list[OpenRecapture]:
    known = same_link(content.link, sighting.link) and content.stay == sighting.stay
    if known and now <= row.link_expires:
        return []
    # An event says when it failed; else it was at the latest when the link was seen first.
    latest = row.failed if row.event_id is not None else row.created
    row = _with_clocks(row, of_failure(row.failed, latest, sighting.stay, alive=now))
    row = replace(row, has_link=True, look_due=None)
    contact = sighting.contact or content.contact
    content = replace(content, stay=sighting.stay, link=sighting.link, contact=contact)
    return [OpenRecapture(row, write(content))]


def _with_clocks(row: Recapture, clocks: Clocks) -> Recapture:
    return replace(
        row,
        failed=clocks.failed,
        link_expires=clocks.link_expires,
        link_ends=clocks.link_ends,
        may_cancel=clocks.may_cancel,
    )


def _superseded(row: Recapture, content: Content, new: New) -> OpenRecapture:
    """What was told of it may still be on its way to the client; its link is of no use any more."""
    done = replace(
        row,
        state=RecaptureState.SUPERSEDED,
        changed=new.now,
        successor=new.id,
        has_link=False,
        look_due=None,
    )
    return OpenRecapture(done, write(replace(content, link=None, contact=None)))


def _used(content: Content) -> str:
    return digest(content.link) if content.link is not None else content.used
