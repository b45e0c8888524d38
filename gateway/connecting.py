"""How gateway.yaml has the gateway connected: where its engine listens, whom it reaches, how long it waits."""

from __future__ import annotations

from typing import Final

from gateway.config import Config
from gateway.egress import Egress, HostException, StandIn
from gateway.engine.settings import EngineSettings, Limits, ListenerSettings
from gateway.outgoing import Outgoing
from gateway.rules.model_addresses import HostPattern

# A call of our own ends before the connection of whoever waits for it on the control port does.
_OWN_CALL_SECONDS: Final = 25


def egress_of(config: Config) -> Egress:
    """Whom the gateway may call. Its own addresses are not known before its ports are open."""
    stand_ins = [
        StandIn(target.host, target.port, host.stands_for, host.address, host.ca)
        for target, host in config.test_hosts.items()
    ]
    private = [
        HostException(
            HostPattern(entry.host.removeprefix("*."), entry.host.startswith("*.")), entry.networks
        )
        for entry in config.egress.private
    ]
    return Egress(stand_ins=stand_ins, private=private, own=())


def engine_settings(config: Config) -> EngineSettings:
    """What the engine is told: its two listeners, its limits, where its authority is."""
    proxy, endpoints = config.listen.proxy, config.listen.endpoints
    own, limits = config.endpoints_tls, config.limits
    return EngineSettings(
        confdir=config.authority,
        proxy=ListenerSettings(
            str(proxy.address.host),
            proxy.address.port,
            tls=proxy.tls is not None,
            certificate=proxy.tls.certificate if proxy.tls else None,
            key=proxy.tls.key if proxy.tls else None,
            plain_text_networks=proxy.plain_text_networks,
            authorization_required=proxy.authorization_required,
        ),
        endpoints=ListenerSettings(
            str(endpoints.address.host),
            endpoints.address.port,
            tls=True,
            certificate=own.certificate,
            key=own.key,
            plain_text_networks=endpoints.plain_text_networks,
        ),
        limits=Limits(
            head=limits.head,
            body=limits.body,
            request_seconds=limits.request_seconds,
            idle_seconds=limits.idle_seconds,
            upstream_connect_seconds=limits.upstream_connect_seconds,
            upstream_seconds=limits.upstream_seconds,
            connections=limits.connections,
        ),
    )


def own_calls(config: Config, egress: Egress) -> Outgoing:
    """For calls that the gateway makes itself, while a caller may wait for what comes of them."""
    return outgoing(config, egress, min(config.limits.upstream_seconds, _OWN_CALL_SECONDS))


def outgoing(config: Config, egress: Egress, seconds: float) -> Outgoing:
    """For calls that have so many seconds each."""
    connect = config.limits.upstream_connect_seconds
    return Outgoing(egress, connect_seconds=connect, seconds=seconds)
