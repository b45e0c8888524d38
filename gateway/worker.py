"""One process's gateway: starts what `assembly.py` built in order, and stops it in order.

Nothing listens before everything behind it works: configuration, rules, vault, in this order, then
the ports. A mistake in any of them ends the start with every problem named.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any

from gateway import __version__, process
from gateway.assembly import assemble
from gateway.config import Config
from gateway.control import health
from gateway.control.port import Port, welcome
from gateway.control.probe import Probe
from gateway.errors import ConfigurationError, Stopping, VaultUnavailable
from gateway.loaded import Loaded, state_of
from gateway.log import event
from gateway.own_ports import mount_control, pages_port
from gateway.processors.reload import Files


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
    pages: tuple[str, int] | None = None  # None: no product has pages

    def items(self) -> list[tuple[str, tuple[str, int]]]:
        """Listener and address, in the order of the ports' numbers in gateway.yaml."""
        found = [
            ("proxy", self.proxy),
            ("endpoints", self.endpoints),
            ("control", self.control),
            ("metrics", self.metrics),
        ]
        return found if self.pages is None else [*found, ("pages", self.pages)]


class Worker:
    """One process's gateway. `start`, then `stop`; it is not started twice."""

    def __init__(self, config: Config) -> None:
        """Builds everything that needs no event loop; opens the vault.

        Raises `ConfigurationError` for a mistake in gateway.yaml or a pack, `VaultUnavailable`.
        """
        made = assemble(config, utc_now)
        self.metrics, self._rules = made.metrics, made.rules
        self._vault, self._access, self._egress = made.vault, made.access, made.egress
        self._codes = made.codes
        self._garbage, self._inbox, self._pipeline = made.garbage, made.inbox, made.pipeline
        self._reload, self._replay = made.reload, made.replay
        self._engine, self._upkeep, self._drift = made.engine, made.upkeep, made.drift
        self.recaptures, self._webhooks = made.recaptures, made.webhooks
        self.processors, self.charges = made.processors, made.charges
        self.collections = made.collections
        self._loaded = Loaded(made.vault, config.digest, utc_now)
        self._tasks: list[asyncio.Task[None]] = []
        listen = config.listen
        self._pages, self._pages_port = made.pages, pages_port(made)
        checks: dict[str, Callable[[], None]] = {
            "serving": self._check_serving,
            "vault": Probe(self._vault.check),
        }
        if config.audit.sinks:
            checks["audit"] = Probe(self._vault.audit.writable)
        app = health.build(checks, {"clock": self._tell_clock})
        mount_control(made, app)
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
        process.settle()
        limits = self._engine.limits
        process.open_files_for(limits.connections, limits.backlog)
        try:
            await asyncio.to_thread(self._vault.check)
            await asyncio.to_thread(self._vault.clock.refresh)
            await asyncio.to_thread(self._upkeep.say_keyring)
            await asyncio.to_thread(self._access.keys.refresh)
            await self._loaded.starting(
                state_of(self._rules.current, self.processors.files.current)
            )
            await self._engine.start()
            pages = await self._open_pages()  # before anybody can ask for a link to one
            control = await self._claimed(self._control)
            metrics = await self._claimed(self._metrics_port)
        except BaseException:  # a cancellation too: what is open is closed
            await self.stop(0.0)
            raise
        self._measure_once()
        await asyncio.to_thread(self._upkeep.measure_ends)
        self._garbage.take_over()
        watching = self._reload.watch(
            loaded=self._came_into_force, failed=self._kept_old, admit=self._told
        )
        self._keep_running("rules", watching)
        self._keep_running("keys", self._upkeep.refresh_keys())
        self._keep_running("keyring", self._upkeep.watch_keyring())
        self._keep_running("housekeeping", self._upkeep.keep_house())
        self._keep_running("cvcs", self._upkeep.purge_cvcs())
        self._keep_running("answers", self._upkeep.purge_answers())
        self._keep_running("cards", self._upkeep.purge_cards())
        self._keep_running("drift", self._drift.run())
        self._keep_running("charges", self.charges.jobs.run())
        self._keep_running("collections", self.collections.jobs.run())
        if self._webhooks is not None:
            self._keep_running("webhooks", self._webhooks.run())
        if self.recaptures is not None:
            self._keep_running("recaptures", self.recaptures.jobs.run())
        engine = self._engine.addresses
        addresses = Addresses(engine["proxy"], engine["endpoints"], control, metrics, pages)
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
        ports = (self._control, self._metrics_port, self._pages_port)
        await asyncio.gather(*(port.close() for port in ports if port is not None))
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
                with contextlib.suppress(VaultUnavailable):
                    self._drift.flush()
        finally:
            self._codes.close()
            self._vault.close()

    # --- ports of our own -----------------------------------------------------------------------

    async def _claimed(self, ours: Port) -> tuple[str, int]:
        """Opens a port that no exchange may be sent to (P31)."""
        bound = await ours.open()
        host, port = bound.getsockname()[:2]
        self._egress.claim(ip_address(host), port)
        return host, port

    async def _open_pages(self) -> tuple[str, int] | None:
        if self._pages is None or self._pages_port is None:
            return None
        opened = await self._claimed(self._pages_port)
        self._pages.links.listens_on(opened[1])
        return opened

    def _check_serving(self) -> None:
        if self._stopping:
            raise Stopping
        if self.failed.is_set():
            raise Stopping

    def _tell_clock(self) -> str:
        leapt = self._upkeep.clock_guard.leapt()
        if leapt is None:
            return ""
        return (
            f"The clock leapt ahead by {leapt}. Set it right: nothing is erased by itself until then,"
            " or for a day."
        )

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

    async def _told(self, files: Files) -> None:
        await self._loaded.reloading(state_of(files.rules.rules, files.processors))

    def _came_into_force(self) -> None:
        self.metrics.rules_loaded.set(utc_now().timestamp())
        routes, processors = len(self._rules.current.routes), len(self.processors.files.current)
        event("rules_loaded", routes=routes, processors=processors)

    async def _kept_old(self, error: ConfigurationError) -> None:
        self.metrics.rules_failures.inc()
        problems = [str(problem) for problem in error.problems]
        event("rules_not_loaded", level=logging.ERROR, problems=problems)
        try:
            await self._loaded.refusing()
        except VaultUnavailable as unavailable:  # the log has it; nothing came into force
            event("refusal_not_recorded", level=logging.ERROR, code=unavailable.code)

    def _measure_once(self) -> None:
        self.metrics.rules_loaded.set(utc_now().timestamp())
        versions = (__version__, version("mitmproxy"), platform.python_version())
        self.metrics.build_info.labels(*versions).set(1)
        self.metrics.connections.set_function(lambda: self._engine.connections)


async def replay(config: Config, client: str, exchange: str) -> str:
    """`Replay` beside a running gateway, or without one: no port is opened.

    Raises what it raises, ConfigurationError, VaultUnavailable.
    """
    worker = Worker(config)
    try:
        return await worker.replay(client, exchange)
    finally:
        await asyncio.to_thread(worker.close_vault)
