"""What is configured: digests of gateway.yaml and of every rule, and whether they are those in force."""

from __future__ import annotations

from gateway.audit import Action, Outcome
from gateway.config import Config
from gateway.errors import ConfigurationError
from gateway.loaded import State, state_of
from gateway.processors import parts as processors
from gateway.rules.watch import Rules
from gateway.vault.audits import AuditTable, Selection


def configuration(config: Config, audit: AuditTable) -> tuple[dict[str, object], bool]:
    """As JSON, and whether what is on the disk is what a gateway loaded last. Raises VaultUnavailable."""
    state = _on_disk(config)
    last = {
        "gateway.yaml": _loaded(audit, Action.CONFIG_LOAD),
        "rules": _loaded(audit, Action.RULES_LOAD),
    }
    now = {"gateway.yaml": config.digest, "rules": None if state is None else state.digest}
    same = all(last[name] is not None and last[name] == now[name] for name in now)
    found: dict[str, object] = {
        "on_disk": now,
        "loaded_last": last,
        "same": same,
        "files": {} if state is None else dict(sorted(state.files.items())),
        "destinations": {} if state is None else dict(sorted(state.targets.items())),
    }
    if state is None:
        found["mistake"] = "The rules can not be loaded. Run: card-gateway check"
    return found, same


def _on_disk(config: Config) -> State | None:
    try:
        rules = Rules.load(config)
        return state_of(rules.current, processors.load(config, rules).current)
    except ConfigurationError:
        return None


def _loaded(audit: AuditTable, action: Action) -> str | None:
    last = audit.newest(Selection(action=action, outcome=Outcome.DONE), 1)
    return last[0].subject if last else None
