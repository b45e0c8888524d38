"""What is in force, told in the audit before it is: gateway.yaml, packs, processors, where they lead.

1. Each start is two entries: `config_load` and `rules_load`, each with the digest of what is loaded, and
   whether the last one's was another. What is unchanged is told by no more than that.
2. Each file of rules that is new, changed or gone since is one (`rules_change`), with its SHA-256; so is
   each route and each processor that leads elsewhere than before (`destination_change`).
3. A reload writes the same before its rules come into force; where it can not be written they do not.
4. Rules that are refused, at a start or a reload, are an entry, too: those before stay in force.
5. What was in force last is read from the audit. Where entries of that are purged, its files and
   destinations are told anew.

Nothing is kept of gateway.yaml but its digest.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.audit import FROM_FILES, Action, Entry, Outcome
from gateway.config import Config
from gateway.errors import ConfigurationError, GatewayError
from gateway.exchange import Authority
from gateway.log import event
from gateway.processors.load import FOLDER, All
from gateway.rules.model import Route, RuleSet
from gateway.system_user import command_line
from gateway.vault.audits import AuditTable, Selection
from gateway.vault.configured import open_vault
from gateway.vault.places import is_there, place_of
from gateway.vault.service import Vault

_PAGE: Final = 1000
_NEW, _CHANGED, _GONE, _SAME = "new", "changed", "gone", "unchanged"


@dataclass(frozen=True, slots=True)
class State:
    """What is loaded. `files`: pack, or `processors/` and a processor's name → its file's SHA-256;
    `targets`: route, or the same of a processor → where it leads.
    """

    files: Mapping[str, str]
    targets: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Of all of it: the same where nothing is another."""
        lines = [f"{name} {what}\n" for name, what in sorted(self.files.items())]
        lines += [f"{name} {where}\n" for name, where in sorted(self.targets.items())]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def state_of(rules: RuleSet, processors: All) -> State:
    """Of what was read."""
    files = {pack.system: pack.digest for pack in rules.packs}
    files |= {f"{FOLDER}/{name}": one.digest for name, one in processors.items()}
    targets = {route.id: where for route in rules.routes if (where := _leads_to(route))}
    for name, one in processors.items():
        hosts = sorted({str(request.authority) for request in one.requests})
        targets[f"{FOLDER}/{name}"] = " ".join(hosts)
    return State(files, targets)


class Loaded:
    """Tells what is loaded. `config`: the digest of gateway.yaml. Every method raises VaultUnavailable;
    then nothing was told, and nothing may come into force.
    """

    def __init__(self, vault: Vault, config: str, clock: Callable[[], datetime]) -> None:
        self._vault, self._config, self._clock = vault, config, clock
        self._state: State | None = None

    async def starting(self, state: State) -> None:
        """Of a gateway that is about to serve."""
        entries = await asyncio.to_thread(self._start, state)
        await self._vault.record(entries)
        self._state = state

    async def reloading(self, state: State) -> None:
        """Of rules that were saved, and are about to come into force."""
        before = self._state or State({}, {})
        entries = list(self._changes(before, state, FROM_FILES))
        how = _SAME if state.digest == before.digest else _CHANGED
        await self._vault.record(
            [*entries, self._entry(Action.RULES_LOAD, FROM_FILES, detail=how, subject=state.digest)]
        )
        self._state = state

    async def refusing(self) -> None:
        """Of rules that were saved with a mistake; those before stay in force."""
        await self._vault.record(
            [
                self._entry(
                    Action.RULES_LOAD, FROM_FILES, outcome=Outcome.REFUSED, detail="rules_invalid"
                )
            ]
        )

    def _start(self, state: State) -> list[Entry]:
        audit, origin = self._vault.audit, command_line()
        entries = [self._whole(audit, Action.CONFIG_LOAD, self._config, origin)]
        whole = self._whole(audit, Action.RULES_LOAD, state.digest, origin)
        if whole.detail != _SAME:
            entries += self._changes(_told(audit), state, origin)
        return [*entries, whole]

    def _whole(self, audit: AuditTable, action: Action, digest: str, origin: str) -> Entry:
        last = audit.newest(Selection(action=action, outcome=Outcome.DONE), 1)
        how = _NEW if not last else _SAME if last[0].subject == digest else _CHANGED
        return self._entry(action, origin, detail=how, subject=digest)

    def _changes(self, before: State, now: State, origin: str) -> Iterator[Entry]:
        for name, how, _, digest in _differences(before.files, now.files):
            yield self._entry(Action.RULES_CHANGE, origin, route=name, detail=how, subject=digest)
        for name, how, was, is_now in _differences(before.targets, now.targets):
            yield self._entry(
                Action.DESTINATION_CHANGE,
                origin,
                route=name,
                detail=how,
                subject=f"{was} > {is_now}",
            )

    def _entry(
        self,
        action: Action,
        origin: str,
        *,
        outcome: Outcome = Outcome.DONE,
        route: str = "",
        detail: str = "",
        subject: str = "",
    ) -> Entry:
        return Entry(
            self._clock(), "", action, outcome,
            origin=origin, route=route, detail=detail, subject=subject,
        )  # fmt: skip


def refused_at_start(config: Config) -> None:
    """Tells that a start was refused for a mistake in what it read, where there is a vault to tell it
    to. Nothing came into force: that it can not be told is in the log. Blocks.
    """
    if not is_there(place_of(config)):
        return
    now = datetime.now(UTC)
    entry = Entry(
        now, "", Action.RULES_LOAD, Outcome.REFUSED, origin=command_line(), detail="rules_invalid"
    )
    code = ""
    try:
        vault = open_vault(config, sinks=config.audit.sinks)
        try:
            asyncio.run(vault.record([entry]))
        finally:
            vault.close()
    except GatewayError as error:
        code = error.code
    except ConfigurationError:  # the vault's own, which is what is told anyway
        code = "vault_not_opened"
    if code:
        event("refusal_not_recorded", level=logging.ERROR, code=code)


def _differences(
    before: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[tuple[str, str, str, str]]:
    """Name, how it differs, what was, what is."""
    for name in sorted(before.keys() | now.keys()):
        was, is_now = before.get(name, ""), now.get(name, "")
        if was != is_now:
            yield name, _NEW if not was else _CHANGED if is_now else _GONE, was, is_now


def _told(audit: AuditTable) -> State:
    """What was in force last, as far as the audit has it."""
    files = dict(_all(audit, Action.RULES_CHANGE))  # the newest of each counts
    moves = dict(_all(audit, Action.DESTINATION_CHANGE))
    targets = {name: subject.rpartition(" > ")[2] for name, subject in moves.items()}
    return State(_there(files), _there(targets))


def _there(found: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in found.items() if value}


def _all(audit: AuditTable, action: Action) -> Iterator[tuple[str, str]]:
    """Route and subject, oldest first."""
    after = 0
    which = Selection(action=action, outcome=Outcome.DONE)
    while page := audit.lines(which, after=after, limit=_PAGE):
        yield from ((line.route, line.subject) for line in page)
        after = page[-1].id


def _leads_to(route: Route) -> str:
    """Scheme, host and port of where its requests go; empty: nowhere beyond the gateway."""
    found = []
    if (to := route.to) is not None:
        host = f"*.{to.host.host}" if to.host.any_below else to.host.host
        found.append(str(Authority(to.scheme, host, to.port)))
    if (forward := route.forward) is not None:
        found.append(str(Authority(forward.scheme, forward.host, forward.port)))
    return " ".join(found)
