"""The composition root: builds everything once, wires it, starts it in order, stops it in order.

Nothing listens before everything behind it works: configuration, rules, vault, in this order, then
the ports. A mistake in any of them ends the start with every problem named.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
import resource
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any, Final

from fastapi import APIRouter, FastAPI

from gateway import __version__
from gateway.access.clients import Access
from gateway.cards.bins import Bins, load_bins
from gateway.channels import paycomet
from gateway.config import Config
from gateway.control import api, health
from gateway.control.cards import CardCalls
from gateway.control.cards_guessing import Guessing
from gateway.control.exchanges import Exchanges
from gateway.control.notifications import NotificationCalls
from gateway.control.port import Port, welcome
from gateway.control.probe import Probe
from gateway.control.recaptures import RecaptureCalls
from gateway.egress import Egress, HostException, StandIn
from gateway.engine.master import Engine
from gateway.engine.settings import EngineSettings, Limits, ListenerSettings
from gateway.errors import ConfigurationError, Stopping, VaultUnavailable
from gateway.garbage import Garbage
from gateway.heap import free_in_small_steps
from gateway.log import event
from gateway.metrics import Metrics
from gateway.outgoing import Outgoing
from gateway.pipeline import Pipeline, Stages
from gateway.recapture import parts
from gateway.record import Recorder
from gateway.refused import Refusals
from gateway.replay import Replay
from gateway.rules.model import HostPattern, RuleSet
from gateway.rules.watch import Rules
from gateway.stages.admit import Admitting
from gateway.stages.exchange_tokens import TokenExchange
from gateway.stages.inbox import Inbox
from gateway.stages.issuing import Issuing
from gateway.stages.last_look import LastLook
from gateway.stages.messages import Messages
from gateway.stages.opening import Opening
from gateway.stages.quarantine import Quarantine
from gateway.stages.swap import Swap
from gateway.stages.turns import Turns
from gateway.upkeep import Upkeep
from gateway.vault.service import Vault

# Threads of the loop's own: key refresh, name look-ups, health. Messages have theirs (threads.py).
_THREADS: Final = 16
# How long a thread may keep the interpreter's lock when the loop wants it. Python's 5 ms add up with
# each thread that waits: at worst the loop stood for 682 ms under load, with this for 143 ms.
_SWITCH_SECONDS: Final = 0.0005
# A call of our own ends before the connection of whoever waits for it on the control port does.
_OWN_CALL_SECONDS: Final = 25


def utc_now() -> datetime:
    """The clock that everything below is given."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a started worker really listens (a configured port 0 takes any)."""

    proxy: tuple[str, int]
    endpoints: tuple[str, int]
    control: tuple[str, int]
    metrics: tuple[str, int]

    def items(self) -> list[tuple[str, tuple[str, int]]]:
        """Listener and address, in the order of the ports' numbers in gateway.yaml."""
        return [
            ("proxy", self.proxy),
            ("endpoints", self.endpoints),
            ("control", self.control),
            ("metrics", self.metrics),
        ]


class Worker:
    """One process's gateway. `start`, then `stop`; it is not started twice."""

    def __init__(self, config: Config, clock: Callable[[], datetime] = utc_now) -> None:
        """Builds everything that needs no event loop; opens the vault.

        Raises `ConfigurationError` for a mistake in gateway.yaml or a pack, `VaultUnavailable`.
        """
        self._config, self._clock = config, clock
        self.metrics = Metrics()
        self._rules = Rules.load(config)
        self._vault = Vault.open(config.database, config.kek, clock=clock)
        self._access = Access(config, self._vault.keys, clock)
        self._refusals = Refusals(self._vault.refusals)
        bins = load_bins(config.b2b_bins) if config.b2b_bins else Bins()
        if not config.b2b_bins:
            event("no_b2b_table", level=logging.WARNING, effect="every card is reported as not B2B")
        self._egress = _egress(config)
        self._garbage = Garbage()
        opening = Opening(access=self._access, vault=self._vault, metrics=self.metrics, clock=clock)
        swap = Swap(
            access=self._access, vault=self._vault, opening=opening, bins=bins, metrics=self.metrics
        )
        limits = config.limits
        outgoing = Outgoing(
            self._egress,
            connect_seconds=limits.upstream_connect_seconds,
            seconds=limits.upstream_seconds,
        )
        issuing = Issuing(
            calls=outgoing,
            vault=self._vault,
            opening=opening,
            metrics=self.metrics,
            wait_seconds=limits.upstream_seconds,
        )
        tokens = TokenExchange(opening=opening, issuing=issuing, vault=self._vault)
        recorder = Recorder(
            vault=self._vault, metrics=self.metrics, refusals=self._refusals, clock=clock
        )
        tunnels = frozenset((target.host, target.port) for target in config.tunnel)
        messages = Messages(self._garbage, config.limits.body)
        self._inbox = Inbox(
            vault=self._vault, clock=clock, keep=timedelta(hours=config.inbox.keep_hours)
        )
        quarantine = Quarantine(
            vault=self._vault,
            messages=messages,
            clock=clock,
            keep=timedelta(hours=config.inbox.quarantine_hours),
        )
        self.recaptures = self._recaptures(config)
        channels = {paycomet.NAME: paycomet.PaycometSiteMinder(clock)}
        self._pipeline = Pipeline(
            Stages(
                rules=self._rules,
                admitting=Admitting(self._access, self._egress, tunnels, channels),
                turns=Turns(),
                messages=messages,
                inbox=self._inbox,
                quarantine=quarantine,
                swap=swap,
                tokens=tokens,
                last_look=LastLook(self.metrics),
                recorder=recorder,
                recapture=self.recaptures.recaptures.seen if self.recaptures else None,
            )
        )
        self._replay = Replay(
            pipeline=self._pipeline,
            quarantine=quarantine,
            inbox=self._inbox,
            rules=self._rules,
            clock=clock,
        )
        self._engine = Engine(_engine_settings(config), self._pipeline, self._egress)
        self._upkeep = Upkeep(
            config=config,
            vault=self._vault,
            keys=self._access.keys,
            refusals=self._refusals,
            inbox=self._inbox,
            metrics=self.metrics,
            garbage=self._garbage,
            idle=lambda: self._engine.idle,
            clock=clock,
        )
        self._tasks: list[asyncio.Task[None]] = []
        listen = config.listen
        app = health.build({"serving": self._check_serving, "vault": Probe(self._vault.check)})
        api.mount(app, self._access, self._calls())
        self._mount_notifications(app)
        self._control = Port(
            app, listen.control.address, tls=listen.control.tls, welcome=welcome(listen.control)
        )
        self._metrics_port = Port(health.metrics(self.metrics.registry), listen.metrics)
        self._stopping = False
        self.failed = asyncio.Event()  # a task that must run as long as we do has ended

    async def start(self) -> Addresses:
        """Opens the ports, once everything behind them works.

        Raises `VaultUnavailable` where the vault does not take a write, `OSError` where a port can
        not be had; nothing stays open then. Whoever started it stops it when `failed` is set.
        """
        _settle_process()
        try:
            await asyncio.to_thread(self._vault.check)
            await asyncio.to_thread(self._access.keys.refresh)
            await self._engine.start()
            control = await self._claimed(self._control)
            metrics = await self._claimed(self._metrics_port)
        except BaseException:  # a cancellation too: what is open is closed
            await self.stop(0.0)
            raise
        self._measure_once()
        await asyncio.to_thread(self._upkeep.measure_ends)
        self._garbage.take_over()
        self._keep_running("rules", self._rules.watch(loaded=self._loaded, failed=self._kept_old))
        self._keep_running("keys", self._upkeep.refresh_keys())
        self._keep_running("housekeeping", self._upkeep.keep_house())
        self._keep_running("cvcs", self._upkeep.purge_cvcs())
        self._keep_running("answers", self._upkeep.purge_answers())
        if self.recaptures is not None:
            self._keep_running("recaptures", self.recaptures.jobs.run())
        engine = self._engine.addresses
        addresses = Addresses(engine["proxy"], engine["endpoints"], control, metrics)
        listening = {name: f"{host}:{port}" for name, (host, port) in addresses.items()}
        event("started", version=__version__, listening=listening)
        return addresses

    async def replay(self, client: str, exchange: str) -> str:
        """See `Replay`."""
        return await self._replay(client, exchange)

    async def stop(self, grace: float) -> None:
        """Drains for up to `grace` seconds, then closes everything; calling it again does nothing."""
        if self._stopping:
            return
        self._stopping = True
        await self._engine.stop(grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(self._control.close(), self._metrics_port.close())
        if not self.failed.is_set():
            with contextlib.suppress(VaultUnavailable):
                await self._inbox.flush()
        await asyncio.to_thread(self.close_vault)
        self._garbage.give_back()
        event("stopped")

    def close_vault(self) -> None:
        try:
            if not self.failed.is_set():  # what is broken is not called again
                with contextlib.suppress(VaultUnavailable):  # the log says so already
                    self._upkeep.flush()
        finally:
            self._vault.close()

    # --- what the control port offers ------------------------------------------------------------

    def _recaptures(self, config: Config) -> parts.Parts | None:
        settings, limits = config.recaptures.expedia_rapid, config.limits
        if settings is None:
            return None
        sender = Outgoing(
            self._egress,
            connect_seconds=limits.upstream_connect_seconds,
            seconds=min(limits.upstream_seconds, _OWN_CALL_SECONDS),
        )
        return parts.build(
            settings,
            vault=self._vault,
            egress=self._egress,
            sender=sender,
            metrics=self.metrics,
            clock=self._clock,
        )

    def _calls(self) -> list[APIRouter]:
        exchanges = Exchanges(self._vault.answers, self._replay, self._clock)
        calls = [exchanges.router, self._cards()]
        if self.recaptures is not None:
            calls.append(RecaptureCalls(self.recaptures, self._access, self._clock).router)
        return calls

    def _cards(self) -> APIRouter:
        limits = self._config.limits
        window = timedelta(minutes=limits.unknown_tokens_minutes)
        guessing = Guessing(limits.unknown_tokens, window, self._clock)
        return CardCalls(self._vault, self._access, guessing, self.metrics, self._clock).router

    def _mount_notifications(self, app: FastAPI) -> None:
        """Apart from the API: whoever notifies holds no gateway key."""
        made = self.recaptures
        if made is not None and made.settings.notifications is not None:
            calls = NotificationCalls(made, made.settings.notifications, self._access, self._clock)
            app.include_router(calls.router, prefix=api.PREFIX)

    # --- ports of our own -----------------------------------------------------------------------

    async def _claimed(self, ours: Port) -> tuple[str, int]:
        """Opens a port that no exchange may be sent to (P31)."""
        bound = await ours.open()
        host, port = bound.getsockname()[:2]
        self._egress.claim(ip_address(host), port)
        return host, port

    def _check_serving(self) -> None:
        if self._stopping:
            raise Stopping
        if self.failed.is_set():
            raise Stopping

    # --- while it runs --------------------------------------------------------------------------

    def _keep_running(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Starts a task that must run until we stop: what fails silently would be missed too late."""

        def ended(task: asyncio.Task[None]) -> None:
            if self._stopping or task.cancelled():
                return
            error = task.exception()
            kind = type(error).__name__ if error is not None else ""
            event("task_failed", level=logging.CRITICAL, task=name, exception=kind)
            self.failed.set()

        task = asyncio.create_task(work, name=name)
        task.add_done_callback(ended)
        self._tasks.append(task)

    def _loaded(self, rules: RuleSet) -> None:
        self.metrics.rules_loaded.set(self._clock().timestamp())
        event("rules_loaded", routes=len(rules.routes))

    def _kept_old(self, error: ConfigurationError) -> None:
        self.metrics.rules_failures.inc()
        problems = [str(problem) for problem in error.problems]
        event("rules_not_loaded", level=logging.ERROR, problems=problems)

    def _measure_once(self) -> None:
        self.metrics.rules_loaded.set(self._clock().timestamp())
        versions = (__version__, version("mitmproxy"), platform.python_version())
        self.metrics.build_info.labels(*versions).set(1)
        self.metrics.connections.set_function(lambda: self._engine.connections)


def _settle_process() -> None:
    """What the whole process needs: quick switches, threads enough, and no dump of its memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setswitchinterval(_SWITCH_SECONDS)
    free_in_small_steps()
    threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="gateway")
    asyncio.get_running_loop().set_default_executor(threads)


async def replay(config: Config, client: str, exchange: str) -> str:
    """`Replay` beside a running gateway, or without one: no port is opened.

    Raises what it raises, ConfigurationError, VaultUnavailable.
    """
    worker = Worker(config)
    try:
        return await worker.replay(client, exchange)
    finally:
        await asyncio.to_thread(worker.close_vault)


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
