"""Who asks something of a charge, what the audit says of it, and how they are answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.audit import Action, Entry, Outcome
from gateway.charges.outcomes import Answering
from gateway.processors.model import Operation
from gateway.vault.charge import OpenCharge
from gateway.vault.idempotency import Once

_ACTIONS: Final[Mapping[Operation, Action]] = {
    Operation.AUTHORIZE: Action.CHARGE,
    Operation.DEBIT: Action.CHARGE,
    Operation.CAPTURE: Action.CAPTURE,
    Operation.CANCEL: Action.CANCEL,
    Operation.REFUND: Action.REFUND,
    Operation.LOOK: Action.LOOK,
}


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks, and which products they may use. `entry` says it to the audit; `sees_all`: other
    clients' charges too.
    """

    client: str
    key_id: str
    products: frozenset[str]
    entry: Entry
    sees_all: bool = False

    @property
    def actor(self) -> str:
        """As a charge's history names them."""
        return f"{self.client}/{self.key_id}"

    def intent(
        self, operation: Operation, one: OpenCharge | None = None, *, iduser: int | None = None
    ) -> Entry:
        """The audit's entry before a processor is asked: of the charge `one`, or of a card's first."""
        said = replace(
            self.entry, action=_ACTIONS[operation], outcome=Outcome.INTENT, iduser=iduser
        )
        if one is None:
            return said
        return replace(said, product=one.row.product, iduser=one.row.iduser, detail=one.row.id)


@dataclass(frozen=True, slots=True)
class Reply:
    """How a request is answered: by what `answer` makes of the charge, and `once` if it says so."""

    once: Once | None
    answer: Answering


def repeated(intent: Entry) -> Entry:
    """The audit's entry where the same request was answered before."""
    return replace(intent, outcome=Outcome.DONE, detail="repeated")
