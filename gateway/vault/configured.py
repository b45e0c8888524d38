"""The vault that gateway.yaml names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from gateway.config import Config
from gateway.config_retention import RetentionSettings
from gateway.vault.kek import configured
from gateway.vault.places import place_of
from gateway.vault.service import Vault, utc_now
from gateway.vault.terms import Retention, Terms


def open_vault(
    config: Config,
    *,
    clock: Callable[[], datetime] = utc_now,
    told: Collection[str] = (),
    sinks: Sequence[Path | None] = (),
) -> Vault:
    """Opens it, with `told` and `sinks` as `Vault.open`, and raises what that raises."""
    return Vault.open(
        place_of(config),
        configured.current(config),
        next_kek=configured.upcoming(config),
        clock=clock,
        told=told,
        sinks=sinks,
    )


def retention_of(config: Config) -> Retention:
    """How long it keeps what; what belongs to no product any more as long as by default."""
    products = {name: _terms(product.retention) for name, product in config.products.items()}
    return Retention(products, _terms(RetentionSettings()))


def _terms(said: RetentionSettings) -> Terms:
    return Terms(
        timedelta(days=said.after_departure),
        timedelta(days=said.without_departure),
        timedelta(days=said.stub),
        timedelta(days=said.farthest_departure),
    )
