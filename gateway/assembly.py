"""The composition root: everything that a gateway is made of, built once, each part given what it needs.

Nothing here listens, waits or is started: that is `worker.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fastapi import APIRouter, FastAPI

from gateway.access.clients import Access
from gateway.access.old_tokens import Naming
from gateway.cards.bins import Bins, load_bins
from gateway.channels import paycomet
from gateway.charges import parts as charges
from gateway.collections import parts as collections
from gateway.config import Config
from gateway.control import api
from gateway.control.captures import CaptureCalls
from gateway.control.cards import CardCalls
from gateway.control.cards_guessing import Guessing
from gateway.control.charges import ChargeCalls
from gateway.control.collections import CollectionCalls
from gateway.control.exchanges import Exchanges
from gateway.control.notices import NoticeCalls
from gateway.control.notifications import NotificationCalls
from gateway.control.port import Port
from gateway.control.processors import ProcessorCalls
from gateway.control.recaptures import RecaptureCalls
from gateway.control.reveal_links import RevealCalls
from gateway.control.viewer_links import ViewerLinks
from gateway.control.viewers import ViewerCalls
from gateway.drift.tally import Tally
from gateway.drift.watch import DriftWatch
from gateway.egress import Egress, HostException, StandIn
from gateway.engine.master import Engine
from gateway.engine.settings import EngineSettings, Limits, ListenerSettings
from gateway.garbage import Garbage
from gateway.log import event
from gateway.metrics import Metrics
from gateway.outgoing import Outgoing
from gateway.pages import parts as pages
from gateway.pages import viewing
from gateway.pages.app import Kind
from gateway.pages.capture import Capture
from gateway.pages.challenge import ChallengePage
from gateway.pipeline import Pipeline, Stages
from gateway.processors import parts as processors
from gateway.processors.reload import Reload
from gateway.recapture import parts as recapture
from gateway.record import Recorder
from gateway.refused import Refusals
from gateway.replay import Replay
from gateway.rules.model_addresses import HostPattern
from gateway.rules.watch import Rules
from gateway.stages.admit import Admitting
from gateway.stages.cards_in import CardsIn
from gateway.stages.exchange_tokens import TokenExchange
from gateway.stages.inbox import Inbox
from gateway.stages.issuing import Issuing
from gateway.stages.kept_pushes import KeptPushes, Room
from gateway.stages.last_look import LastLook
from gateway.stages.messages import Messages
from gateway.stages.opening import Opening
from gateway.stages.quarantine import Quarantine
from gateway.stages.swap import Swap
from gateway.stages.turns import Turns
from gateway.upkeep import Upkeep
from gateway.vault.configured import open_vault
from gateway.vault.service import Vault
from gateway.viewers.codes import Codes
from gateway.webhooks import parts as webhooks
from gateway.webhooks.jobs import Jobs

# A call of our own ends before the connection of whoever waits for it on the control port does.
_OWN_CALL_SECONDS: Final = 25

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Assembly:
    """What whoever starts and stops it needs to know of."""

    config: Config
    clock: Clock
    metrics: Metrics
    rules: Rules
    reload: Reload
    vault: Vault
    access: Access
    refusals: Refusals
    egress: Egress
    garbage: Garbage
    inbox: Inbox
    pipeline: Pipeline
    replay: Replay
    engine: Engine
    upkeep: Upkeep
    drift: DriftWatch
    recaptures: recapture.Parts | None
    webhooks: Jobs | None
    processors: processors.Parts
    charges: charges.Parts
    collections: collections.Parts
    pages: pages.Parts | None
    codes: Codes
    guessing: Guessing

    def mount_control(self, app: FastAPI) -> None:
        """Puts the control API into `app`."""
        api.mount(app, self.access, self._calls())
        made = self.recaptures
        if made is not None and made.settings.notifications is not None:
            # Apart from the API: whoever notifies holds no gateway key.
            calls = NotificationCalls(made, made.settings.notifications, self.access, self.clock)
            app.include_router(calls.router, prefix=api.PREFIX)

    def pages_port(self) -> Port | None:
        """The port of the pages, not open yet; None where no product has pages."""
        if self.pages is None:
            return None
        completion = None if self.recaptures is None else self.recaptures.completion
        kinds: list[Kind] = [
            Capture(
                site=self.pages.site,
                vault=self.vault,
                access=self.access,
                completion=completion,
                processors=self.processors.processors,
                clock=self.clock,
            ),
            ChallengePage(self.pages.site, self.charges.passing, self.clock),
            *viewing.build(self.pages.site, self.vault, self.codes, self.clock),
        ]
        return self.pages.port(*kinds)

    def _calls(self) -> list[APIRouter]:
        clock, guessing = self.clock, self.guessing
        naming = Naming(self.access, self.vault)
        cards = CardCalls(self.vault, self.access, guessing, self.metrics, clock)
        calls = [
            Exchanges(self.vault.answers, self.replay, self.vault.requests, clock).router,
            cards.router,
            ProcessorCalls(self.processors, self.vault.credentials, self.access, clock).router,
            NoticeCalls(self.vault.notices, self.access, clock).router,
        ]
        calls.append(
            ChargeCalls(
                self.charges.charges,
                access=self.access,
                naming=naming,
                guessing=guessing,
                clock=clock,
            ).router
        )
        calls.append(
            CollectionCalls(
                self.collections.collections,
                access=self.access,
                naming=naming,
                guessing=guessing,
                clock=clock,
            ).router
        )
        made = self.recaptures
        if made is not None:
            calls.append(
                RecaptureCalls(made, access=self.access, guessing=guessing, clock=clock).router
            )
        if self.pages is not None:
            captures = CaptureCalls(
                links=self.pages.links,
                locales=self.pages.site.locales,
                access=self.access,
                cards=cards,
                recaptures=None if made is None else made.recaptures,
                requests=self.vault.requests,
                clock=clock,
            )
            calls.append(captures.router)
            links = self.pages.links
            calls += [
                ViewerCalls(self.vault, ViewerLinks(links, clock), self.access, clock).router,
                RevealCalls(self.vault, links, self.access, guessing, clock).router,
            ]
        return calls


def assemble(config: Config, clock: Clock) -> Assembly:
    """Builds everything that needs no event loop; opens the vault.

    Raises `ConfigurationError` for a mistake in gateway.yaml or a pack, `VaultUnavailable`.
    """
    metrics = Metrics()
    rules = Rules.load(config)
    files = processors.load(config, rules)
    vault = open_vault(config, clock=clock, told=config.webhooks, sinks=config.audit.sinks)
    access = Access(config, vault.keys, clock)
    refusals = Refusals(vault.refusals)
    tally = Tally(vault.route_hours, metrics, clock)
    egress, garbage, limits = _egress(config), Garbage(), config.limits
    window = timedelta(minutes=limits.unknown_tokens_minutes)
    guessing = Guessing(limits.unknown_tokens, window, clock, vault=vault, metrics=metrics)
    opening = Opening(access=access, vault=vault, metrics=metrics, guessing=guessing, clock=clock)
    swap = Swap(access=access, vault=vault, opening=opening, bins=_bins(config), metrics=metrics)
    issuing = Issuing(
        calls=_outgoing(config, egress, limits.upstream_seconds),
        foreign=vault.foreign,
        vault=vault,
        opening=opening,
        metrics=metrics,
        wait_seconds=limits.upstream_seconds,
    )
    messages = Messages(garbage, limits.body)
    kept, refused = config.inbox.keep_hours, config.inbox.quarantine_hours
    inbox = Inbox(vault=vault, clock=clock, keep=timedelta(hours=kept))
    quarantine = Quarantine(
        vault=vault, messages=messages, clock=clock, keep=timedelta(hours=refused)
    )
    recaptures = _recaptures(config, vault, egress, metrics, clock)
    tunnels = frozenset((target.host, target.port) for target in config.tunnel)
    channels = {paycomet.NAME: paycomet.PaycometSiteMinder(clock)}
    pipeline = Pipeline(
        Stages(
            rules=rules,
            admitting=Admitting(access, egress, tunnels, channels),
            turns=Turns(),
            messages=messages,
            inbox=inbox,
            quarantine=quarantine,
            pushes=KeptPushes(
                quarantine,
                vault=vault,
                clock=clock,
                room=Room(config.inbox.pushes, config.inbox.push_bytes),
            ),
            swap=swap,
            cards_in=CardsIn(access=access, vault=vault, opening=opening),
            tokens=TokenExchange(opening=opening, issuing=issuing, foreign=vault.foreign),
            last_look=LastLook(metrics),
            recorder=Recorder(
                vault=vault, metrics=metrics, refusals=refusals, tally=tally, clock=clock
            ),
            recapture=recaptures.recaptures.seen if recaptures else None,
        )
    )
    engine = Engine(_engine_settings(config), pipeline, egress)
    shown = pages.build(config, vault, access, clock)
    made = processors.build(
        config,
        files,
        pipeline=pipeline,
        calls=_own_calls(config, egress),
        vault=vault,
        opening=opening,
        wait_seconds=limits.upstream_seconds,
        metrics=metrics,
    )
    links = None if shown is None else shown.links
    ours = charges.build(
        config, vault=vault, processors=made.processors, pages=links, clock=clock, metrics=metrics
    )
    return Assembly(
        guessing=guessing,
        config=config,
        clock=clock,
        metrics=metrics,
        rules=rules,
        reload=Reload(rules, files),
        vault=vault,
        access=access,
        refusals=refusals,
        egress=egress,
        garbage=garbage,
        inbox=inbox,
        pipeline=pipeline,
        replay=Replay(
            pipeline=pipeline, quarantine=quarantine, inbox=inbox, rules=rules, clock=clock
        ),
        engine=engine,
        upkeep=Upkeep(
            config=config,
            vault=vault,
            keys=access.keys,
            refusals=refusals,
            inbox=inbox,
            metrics=metrics,
            garbage=garbage,
            idle=lambda: engine.idle,
            clock=clock,
        ),
        drift=DriftWatch(
            rules=rules, tally=tally, table=vault.route_hours, metrics=metrics, clock=clock
        ),
        recaptures=recaptures,
        webhooks=webhooks.build(
            config.webhooks,
            table=vault.notices,
            sender=_own_calls(config, egress),
            metrics=metrics,
            clock=clock,
        ),
        processors=made,
        charges=ours,
        collections=collections.build(
            config,
            vault=vault,
            charges=ours.charges,
            processors=made.processors,
            links=links,
            clock=clock,
        ),
        pages=shown,
        codes=Codes(),
    )


def _bins(config: Config) -> Bins:
    if config.b2b_bins:
        return load_bins(config.b2b_bins)
    event("no_b2b_table", level=logging.WARNING, effect="every card is reported as not B2B")
    return Bins()


def _recaptures(
    config: Config, vault: Vault, egress: Egress, metrics: Metrics, clock: Clock
) -> recapture.Parts | None:
    settings = config.recaptures.expedia_rapid
    if settings is None:
        return None
    return recapture.build(
        settings,
        vault=vault,
        egress=egress,
        sender=_own_calls(config, egress),
        metrics=metrics,
        clock=clock,
    )


def _own_calls(config: Config, egress: Egress) -> Outgoing:
    return _outgoing(config, egress, min(config.limits.upstream_seconds, _OWN_CALL_SECONDS))


def _outgoing(config: Config, egress: Egress, seconds: float) -> Outgoing:
    connect = config.limits.upstream_connect_seconds
    return Outgoing(egress, connect_seconds=connect, seconds=seconds)


def _egress(config: Config) -> Egress:
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


def _engine_settings(config: Config) -> EngineSettings:
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
