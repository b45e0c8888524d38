"""What the audit has for an assessor: who saw which card, what became of keys, what was loaded.

No entry holds card data or a guest's name. Bookings are left out: they are for whoever operates it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.audit import Action
from gateway.evidence.folder import Cell
from gateway.vault.audit_line import Line
from gateway.vault.audits import AuditTable

# A card's number was shown to a person, or put into a message that left.
SEEN: Final = (
    Action.REVEAL, Action.DETOKENIZE, Action.ISSUE, Action.CHARGE, Action.REPLAY, Action.FETCH,
)  # fmt: skip
# By their names: whatever is done with keys and with those who have a secret of their own.
_KEYS: Final = ("key_", "kek_", "viewer_", "credentials", "vault_", "rotat", "rewrap", "retire")
CHANGED: Final = tuple(
    action
    for action in Action
    if action.value.startswith(("config_", "rules_", "destination_", "audit_"))
)
OF_KEYS: Final = tuple(action for action in Action if action.value.startswith(_KEYS))

HEAD: Final = (
    "id", "at", "action", "outcome", "client", "key", "origin", "route", "product", "token",
    "detail", "subject", "exchange",
)  # fmt: skip


def rows(audit: AuditTable, actions: tuple[Action, ...]) -> Iterator[tuple[Cell, ...]]:
    """The entries of these actions, oldest first, as `HEAD` names their columns. Raises
    VaultUnavailable."""
    return map(_row, audit.of(actions))


def _row(line: Line) -> tuple[Cell, ...]:
    return (
        line.id, line.at, line.action, line.outcome, line.client, line.key, line.origin,
        line.route, line.product, line.iduser, line.detail, line.subject, line.exchange,
    )  # fmt: skip
