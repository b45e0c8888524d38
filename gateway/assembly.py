"""The composition root: everything that a gateway is made of, built once, each part given what it needs.

What is served on the gateway's own ports is put together of it in `own_ports.py`. Nothing here listens, waits
or is started: that is `worker.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.access.clients import Access
from gateway.cards.bins import Bins, load_bins
from gateway.channels import paycomet
from gateway.charges import parts as charges
from gateway.collections import parts as collections
from gateway.config import Config
from gateway.connecting import egress_of, engine_settings, outgoing, own_calls
from gateway.control.cards_guessing import Guessing
from gateway.drift.tally import Tally
from gateway.drift.watch import DriftWatch
from gateway.egress import Egress
from gateway.engine.master import Engine
from gateway.exchange import new_id
from gateway.garbage import Garbage
from gateway.log import event
from gateway.metrics import Metrics
from gateway.pages import parts as pages
from gateway.pipeline import Pipeline, Stages
from gateway.processors import parts as processors
from gateway.processors.reload import Reload
from gateway.recapture import parts as recapture
from gateway.record import Recorder
from gateway.refused import Refusals
from gateway.replay import Replay
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
    tally = Tally(vault.route_hours, metrics, clock, new_id())
    egress, garbage, limits = egress_of(config), Garbage(), config.limits
    window = timedelta(minutes=limits.unknown_tokens_minutes)
    guessing = Guessing(limits.unknown_tokens, window, clock, vault=vault, metrics=metrics)
    opening = Opening(access=access, vault=vault, metrics=metrics, guessing=guessing, clock=clock)
    swap = Swap(access=access, vault=vault, opening=opening, bins=_bins(config), metrics=metrics)
    issuing = Issuing(
        calls=outgoing(config, egress, limits.upstream_seconds),
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
    # What is claimed for a while is judged by every node.
    recaptures = _recaptures(config, vault, egress, metrics, vault.clock)
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
    engine = Engine(engine_settings(config), pipeline, egress)
    shown = pages.build(config, vault, access, clock)
    made = processors.build(
        config,
        files,
        pipeline=pipeline,
        calls=own_calls(config, egress),
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
            sender=own_calls(config, egress),
            metrics=metrics,
            clock=vault.clock,
        ),
        processors=made,
        charges=ours,
        collections=collections.build(
            config,
            vault=vault,
            charges=ours.charges,
            processors=made.processors,
            links=links,
            clock=vault.clock,
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
        sender=own_calls(config, egress),
        metrics=metrics,
        clock=clock,
    )
