"""`card-gateway run`: the gateway, and beside it the sandbox when asked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway import log
from gateway.cli.certs import initialise
from gateway.cli.check import tls_problems
from gateway.cli.output import DEFAULT_CONFIG, ConfigFile, complain, complain_of
from gateway.cli.streams import announce, open_streams
from gateway.cli.tryout import prepare, told
from gateway.config import Config, load_config, read_config
from gateway.errors import ConfigurationError, GatewayError
from gateway.sandbox.tls import make_authority

if TYPE_CHECKING:
    from gateway.worker import Addresses

# Running exchanges get this long after SIGTERM; orchestrators kill after 30 seconds by default.
_GRACE_SECONDS: Final = 20.0
_SANDBOX_SECONDS: Final = 20.0


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("run")(run)


def run(
    config: ConfigFile = DEFAULT_CONFIG,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox", help="Also start simulated partners, and make what is missing to try them."
        ),
    ] = False,
) -> None:
    """Run the gateway until Ctrl-C or SIGTERM; running exchanges are finished first.

    Its log is JSON lines on standard error.

    Examples:
      card-gateway run
      card-gateway run --sandbox        on a laptop: nothing else is needed
    """
    open_streams()
    if not sandbox:
        _serve(load_config(config), lambda addresses: announce(_listening(addresses)))
        return
    plain = read_config(config)
    make_authority(plain.authority)
    child = _start_sandbox(plain.authority)
    try:
        initialise(plain, plain.authority, [])
        settings = load_config(config)
        what = prepare(settings)

        def ready(addresses: Addresses) -> None:
            _await_sandbox(child)
            announce(told(what, addresses, settings))

        _serve(settings, ready)
    finally:
        _stop_sandbox(child)


def _serve(config: Config, ready: Callable[[Addresses], None]) -> None:
    if problems := list(tls_problems(config)):
        raise ConfigurationError(problems)
    log.configure(config.log.level)
    try:
        run_loop(_until_told(config, ready))
    except OSError as error:
        complain(
            f"a port could not be opened: {error.strerror or error}",
            "Stop what listens there, or change listen: in gateway.yaml.",
        )
        raise typer.Exit(2) from None
    except GatewayError as error:
        complain_of(error)
        raise typer.Exit(2) from None


async def _until_told(config: Config, ready: Callable[[Addresses], None]) -> None:
    from gateway.startup import unsealed  # noqa: PLC0415  # mitmproxy: other commands need not wait

    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    # A lost terminal, too: a charge that is under way comes to its end. Under nohup it goes on.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, told_to_stop.set)
    worker = await unsealed(config, told_to_stop)
    if worker is None:
        return
    addresses = await worker.start()
    reasons = [asyncio.create_task(event.wait()) for event in (told_to_stop, worker.failed)]
    try:
        ready(addresses)
        await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for reason in reasons:
            reason.cancel()
        await worker.stop(_GRACE_SECONDS)
    if worker.failed.is_set():
        complain(
            "a part of the gateway failed, so it has stopped.", "Its log says which: task_failed."
        )
        raise typer.Exit(1)


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Runs `main` on uvloop where there is one; CARD_GATEWAY_LOOP=asyncio asks for the other."""
    if os.environ.get("CARD_GATEWAY_LOOP") != "asyncio":
        try:
            import uvloop  # noqa: PLC0415  # optional: not built for every platform
        except ImportError:
            pass
        else:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(main)
            return
    with asyncio.Runner() as runner:
        runner.run(main)


def _listening(addresses: Addresses) -> str:
    return "\n".join(f"{name:<10} {host}:{port}" for name, (host, port) in addresses.items())


def _start_sandbox(directory: Path) -> subprocess.Popen[str]:
    """Starts the simulators in a process of their own: the clear cards are theirs, not ours."""
    command = [sys.executable, "-m", "gateway.cli.main", "sandbox", "--json"]
    command += ["--directory", str(directory)]
    return subprocess.Popen(  # noqa: S603  # our own interpreter, module and arguments
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def _await_sandbox(child: subprocess.Popen[str]) -> None:
    """Returns when the simulators listen; they come up while the gateway does."""
    line = child.stdout.readline() if child.stdout else ""
    try:
        json.loads(line)
    except ValueError:
        from gateway.sandbox.server import fixed_ports  # noqa: PLC0415  # its servers are not ours

        ports = fixed_ports().values()
        remedy = f"Its ports {min(ports)} to {max(ports)} must be free."
        complain("The sandbox did not start.", remedy)
        raise typer.Exit(2) from None


def _stop_sandbox(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_SANDBOX_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if child.stdout:
        child.stdout.close()
