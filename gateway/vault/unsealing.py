"""Opening a vault's keyring with its key-encryption key, and making both for a new vault (P22).

1. Of the providers that are configured the first one is used whose KEK opens the keyring: while the
   KEK moves from one to the other, both are configured, and one of them opens it at any moment.
2. A KEK is made only where there never was a keyring, under the database's lock: of two processes that
   start together one does it. A keyring without its KEK stays shut.
3. A KEK is fetched before the lock is taken: whoever keeps it may be slow, and others must not wait.
4. New keys are wrapped only under a KEK that opens those that stand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from gateway.errors import RecordDamaged, VaultSealed, VaultUnavailable
from gateway.vault.envelope import Sealer
from gateway.vault.kek.provider import KekProvider, sealed
from gateway.vault.keyring import Keyring, Purpose, WrappedKey, new_keys, opens, unlock
from gateway.vault.store import Store

# The KEK may be moved while we fetch it; then we look once more.
_ATTEMPTS: Final = 3


class Unsealed(NamedTuple):
    """A keyring that was opened; `rows`, `version`: what stood then, and its name; `kek`: what opened it."""

    keyring: Keyring
    rows: Sequence[WrappedKey]
    version: str
    kek: Sealer


def unsealed(store: Store, keks: Sequence[KekProvider], now: str) -> Unsealed:
    """The keyring, opened; made, or completed, where it has to be. `keks`: at least one provider; the
    first one makes the key of a new vault. Raises VaultSealed, VaultUnavailable.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _unsealed(store, keks, now)
        except RecordDamaged:
            continue
    raise _other(keks[0])


def holder(rows: Sequence[WrappedKey], keks: Sequence[KekProvider]) -> tuple[KekProvider, Sealer]:
    """Which of the providers has the KEK that `rows` are wrapped under, and that. Raises VaultSealed."""
    problems: list[VaultSealed] = []
    for provider in keks:
        try:
            kek = provider.load()
        except VaultSealed as problem:
            problems.append(problem)
            continue
        if opens(rows, kek):
            return provider, kek
    # One that may pass first: whoever waits for it may yet have the key.
    passing = [problem for problem in problems if problem.again]
    raise [*passing, *problems, _other(keks[0])][0]


def _unsealed(store: Store, keks: Sequence[KekProvider], now: str) -> Unsealed:
    rows = store.wrapped_keys()
    provider = keks[0]
    fetched: Sealer | None = None
    if rows:
        provider, fetched = holder(rows, keks)
    elif provider.made():
        fetched = provider.load()

    def make(stand: Sequence[WrappedKey], made: Collection[Purpose]) -> list[WrappedKey]:
        nonlocal fetched
        if fetched is None:
            if not made and not provider.made():
                provider.create()
            fetched = provider.load()
        added = new_keys(fetched, stand, made)
        # Keys wrapped under a KEK that is not this vault's would shut it for its own.
        unlock([*stand, *added], fetched)
        return added

    found, version = store.keyring(make, now)
    if fetched is None:
        raise VaultUnavailable
    return Unsealed(unlock(found, fetched), found, version, fetched)


def _other(provider: KekProvider) -> VaultSealed:
    return sealed(
        provider.kind,
        provider.place,
        "this key-encryption key does not open the vault's keyring",
        "Restore the key that belongs to this database.",
    )
