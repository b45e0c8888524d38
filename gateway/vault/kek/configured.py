"""Which providers gateway.yaml names."""

from __future__ import annotations

from gateway.config import Config
from gateway.config_vault import KekSettings
from gateway.vault.kek.environment import KekVariable
from gateway.vault.kek.file import KekFile
from gateway.vault.kek.passphrase import KekPassphrase
from gateway.vault.kek.provider import KekProvider


def current(config: Config) -> KekProvider:
    """The one under `vault.kek`; the file in the state directory where there is none."""
    settings = config.vault.kek
    return KekFile(config.kek) if settings is None else _provider(config, settings)


def upcoming(config: Config) -> KekProvider | None:
    """The one under `vault.next_kek`."""
    settings = config.vault.next_kek
    return None if settings is None else _provider(config, settings)


def _provider(config: Config, settings: KekSettings) -> KekProvider:
    beside = config.state
    if settings.env is not None:
        return KekVariable(settings.env)
    if (passphrase := settings.passphrase) is not None:
        return KekPassphrase(passphrase.wrapped or beside / "kek.passphrase", passphrase.secret)
    if (transit := settings.transit) is not None:
        from gateway.vault.kek.transit import KekTransit  # noqa: PLC0415  # httpx: others need not wait

        return KekTransit(transit.wrapped or beside / "kek.transit", transit)
    if (aws := settings.aws_kms) is not None:
        from gateway.vault.kek.aws_kms import KekAws  # noqa: PLC0415  # as above

        return KekAws(aws.wrapped or beside / "kek.aws-kms", aws)
    return KekFile(settings.file or config.kek)
