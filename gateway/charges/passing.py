"""What a guest does who has to authenticate: goes to the bank, comes back, and is told how it ended.

1. Going on is in the audit before the guest is told where to. It may be done again as long as the
   challenge is open: whoever closed the bank's window must be able to open it again.
2. From then on the processor is asked every few seconds: not every bank sends the guest back here.
3. Whoever comes back says nothing that counts: how it ended is what the processor says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Final

from gateway.audit import Entry
from gateway.charges import content, page
from gateway.charges.content import Content
from gateway.charges.schedule import next_look
from gateway.charges.service import Charges
from gateway.errors import ChargeUnknown, GatewayError
from gateway.processors.model import Challenge
from gateway.vault.charge import ChargeState, OpenCharge
from gateway.vault.charge_changes import Change, Decision, Refusal
from gateway.vault.charges import ChargeTable

_DONE: Final = frozenset(
    {ChargeState.AUTHORIZED, ChargeState.SUCCEEDED, ChargeState.REFUNDED, ChargeState.DISPUTED}
)
_NOT_DONE: Final = frozenset({ChargeState.DECLINED, ChargeState.CANCELLED, ChargeState.EXPIRED})


class Ending(Enum):
    """How it ended, as a guest is told."""

    DONE = "done"
    NOT_DONE = "not_done"
    OPEN = "open"  # nobody knows yet


@dataclass(frozen=True, slots=True)
class Seen:
    """How it ended; whether the bank may be gone to (once more); where the client wants the guest."""

    ending: Ending
    passable: bool
    return_url: str | None


class Passing:
    """Every method raises ChargeUnknown, VaultUnavailable, RecordDamaged. `woken` is called when
    something became due.
    """

    def __init__(
        self,
        charges: Charges,
        table: ChargeTable,
        clock: Callable[[], datetime],
        woken: Callable[[], None],
    ) -> None:
        self._charges, self._table = charges, table
        self._clock, self._woken = clock, woken

    async def challenge(self, id: str) -> Challenge:
        """What there is to pass. Raises NoChallenge."""
        return (await self._charges.challenge(id))[1]

    async def led_on(self, id: str, entry: Entry) -> Challenge:
        """The same with our address in it, for a guest who goes there now: `entry` is durable. Raises
        NoChallenge.
        """
        changed = await self._table.change(
            id, lambda one, now: _led_on(one, entry, now), name="charge_led_on"
        )
        if not isinstance(changed, OpenCharge):  # it is led on, or refused
            raise ChargeUnknown
        self._woken()
        return _with_our_address(page.passable(changed, self._clock()), content.read(changed.held))

    async def seen(self, id: str, *, look: bool) -> Seen:
        """How it ended as far as is known; with `look` the processor is asked where it is not."""
        one = await self._open(id)
        if look and _ending(one) is Ending.OPEN:
            one = await self._charges.returned(id)
        try:
            page.passable(one, self._clock())
        except GatewayError:
            can_pass = False
        else:
            can_pass = True
        return Seen(_ending(one), can_pass, content.read(one.held).return_url)

    async def _open(self, id: str) -> OpenCharge:
        one = await self._table.open(id)
        if one is None:
            raise ChargeUnknown
        return one


def _led_on(one: OpenCharge | None, entry: Entry, now: datetime) -> Decision:
    if one is None:
        return Refusal(ChargeUnknown())
    try:
        page.passable(one, now)
    except GatewayError as error:
        return Refusal(error)
    row = replace(one.row, look_tries=0)
    return Change(replace(one, row=replace(row, look_due=next_look(row, now))), entries=[entry])


def _with_our_address(challenge: Challenge, known: Content) -> Challenge:
    """With a form's field filled that says where the guest comes back to."""
    address = page.way_back(known)
    if challenge.back is None or address is None:
        return challenge
    return replace(challenge, fields={**challenge.fields, challenge.back: address})


def _ending(one: OpenCharge) -> Ending:
    state = one.row.state
    if state in _DONE:
        return Ending.DONE
    return Ending.NOT_DONE if state in _NOT_DONE else Ending.OPEN
