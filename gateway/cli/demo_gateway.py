"""The gateway of the demo: a process of its own, with files and ports of its own."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway.access.keys import DEFAULT_SCOPES, NewKey, create
from gateway.cli.certs import initialise
from gateway.config import Config, read_config
from gateway.sandbox.server import Sandbox
from gateway.secret import Secret
from gateway.vault.configured import open_vault
from gateway.vault.places import place_of
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.postgres.values import tables
from gateway.vault.service import Vault

# Whose packs the story needs; others stay out, for they may ask for callers that are not here.
PACKS: Final = (
    "siteminder",
    "siteminder-push",
    "channex",
    "stripe",
    "adyen",
    "bookingsync",
    "expedia-rapid",
    "octorate",
    "sandbox",
)
_PROCESSORS: Final = ("sandbox",)
_HOTELS: Final = (  # of the first product
    "10107",
    "CVC",
    "MIXED",
    "HOTEL-A",
    "COMMENT",
    "SLOW",
    "BULK-300",
)
_LISTENERS: Final = 5
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 25.0
_ADDRESS: Final = re.compile(r"^(\w+) +([0-9.]+:[0-9]+)$", re.MULTILINE)

_YAML: Final = """\
# Made by: card-gateway demo. Ports are free ones of this machine.
listen:
  proxy: 127.0.0.1:0
  endpoints: 127.0.0.1:0
  control: 127.0.0.1:0
  metrics: 127.0.0.1:0
  pages: 127.0.0.1:0
state: state
rules: rules
drafts: [octorate]
products:
  seaside:
    merchant_code: seaside01
    terminal: 1
    mode: test
    processor: sandbox
    pages: {{ name: Hotel Seaside, origins: ["https://pms.example"] }}
  hilltop: {{ merchant_code: hilltop01, terminal: 1, mode: test }}
  lakeside: {{ merchant_code: lakeside01, terminal: 1, mode: test, hold_cvc_minutes: 15 }}
clients:
  pms: {{ networks: [127.0.0.0/8] }}
callers:
  channel-manager:
    networks: [127.0.0.0/8]
    header: {{ name: X-Push-Key, value_file: state/push-key }}
  siteminder-push:
    networks: [127.0.0.0/8]
    wsse: {{ user: siteminder, password_file: state/siteminder-push-password }}
hotels:
  siteminder:
{hotels}
    HOTEL-B: hilltop
    PLAINTEXT: lakeside
  siteminder-push: {{ "10107": seaside }}
  channex: {{ "10107": seaside }}
  octorate: {{ "10107": seaside }}
variables:
  pms: "{pms}"
  siteminder: "{siteminder}"
test_hosts:
{test_hosts}
log: {{ level: debug }}
"""


class NotStarted(Exception):
    """The gateway's process ended, or was not there in time. The text says how."""


class PacksMissing(Exception):
    """The directory of rules does not hold the packs of the story. The text names them."""


class VaultTaken(Exception):
    """The database that was named for the vault is not empty. The text says so."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit code, and whether it had to be killed."""

    code: int
    killed: bool


class DemoGateway:
    """`card-gateway run` on the configuration in `directory`, beside a started sandbox. `vault`: an empty
    database of PostgreSQL's; None: SQLite, in `directory`.

    Raises PacksMissing; ConfigurationError where a pack in `rules` has a mistake, or `vault` is no such URL.
    """

    def __init__(
        self, directory: Path, sandbox: Sandbox, rules: Path, vault: str | None = None
    ) -> None:
        self.directory = directory
        self.config_file = directory / "gateway.yaml"
        self.log_file = directory / "gateway.log"
        self.rules = directory / "rules"
        self._told_file = directory / "gateway.out"
        self._process: subprocess.Popen[bytes] | None = None
        self.addresses: dict[str, str] = {}
        self.packs = _copied(rules, self.rules)
        self.config_file.write_text(_settings(sandbox, vault), encoding="utf-8")
        self.config: Config = read_config(self.config_file)
        initialise(self.config, self.config.authority, [])

    @property
    def database(self) -> PostgresPlace | None:
        """Where the vault is, if not in a file of its own. Raises ConfigurationError."""
        place = place_of(self.config)
        return place if isinstance(place, PostgresPlace) else None

    def require_empty(self) -> None:
        """Before anything is written there. Raises VaultTaken, VaultUnavailable."""
        if self.database is not None and tables(self.database):
            raise VaultTaken(f"{self.database} has tables already: the demo takes none of yours.")

    # --- its life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts it and waits until it listens. Raises NotStarted."""
        with self.log_file.open("ab") as log, self._told_file.open("wb") as told:
            # A session of its own: Ctrl-C in the terminal is ours, we end it by its id.
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                self.command("run"),
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            found = dict(_ADDRESS.findall(self._told_file.read_text(encoding="utf-8")))
            if len(found) == _LISTENERS:
                self.addresses = found
                return
            if self._process.poll() is not None:
                raise NotStarted(self._last_words())
            time.sleep(0.05)
        raise NotStarted(f"it did not listen within {_START_SECONDS:.0f} seconds")

    def terminate(self) -> None:
        """SIGTERM, as an orchestrator sends it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> Ended:
        """Waits for its end; kills it when that takes too long."""
        process = self._process
        if process is None:
            return Ended(0, killed=False)
        try:
            return Ended(process.wait(_STOP_SECONDS), killed=False)
        except subprocess.TimeoutExpired:
            process.kill()
            return Ended(process.wait(), killed=True)

    def stop(self) -> None:
        """Ends it, whatever it does; calling it again does nothing."""
        self.terminate()
        self.wait()

    def command(self, *arguments: str) -> list[str]:
        """A `card-gateway` command on this configuration, in this Python."""
        line = [sys.executable, "-m", "gateway.cli.main", *arguments]
        return [*line, "--config", str(self.config_file)]

    def output(self, *arguments: str) -> str:
        """What such a command prints. Raises subprocess.TimeoutExpired."""
        done = subprocess.run(  # noqa: S603  # the same
            self.command(*arguments), capture_output=True, text=True, check=False, timeout=30
        )
        return done.stdout

    # --- what an operator sees ------------------------------------------------------------------

    @property
    def ca_file(self) -> Path:
        """The authority that its clients trust."""
        return self.config.authority / "mitmproxy-ca-cert.pem"

    def secret(self, name: str) -> str:
        """A caller's secret, which `certs init` made."""
        return (self.config.state / name).read_text(encoding="utf-8").strip()

    @contextlib.contextmanager
    def vault(self) -> Iterator[Vault]:
        """The vault, opened beside the running gateway as other commands do it."""
        with closing(open_vault(self.config)) as vault:
            yield vault

    def key(
        self, name: str, products: Sequence[str], scopes: Sequence[str] = DEFAULT_SCOPES
    ) -> Secret[str]:
        """A new gateway key of the client `pms`."""
        now = datetime.now(UTC)
        with self.vault() as vault:
            new = NewKey(name, "pms", scopes=tuple(scopes), products=tuple(products))
            key, _ = create(vault.keys, new, now, "demo")
        return key

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's lines of one kind, oldest first."""
        lines = self.log_file.read_text(encoding="utf-8").splitlines()
        return [event for event in map(_event, lines) if event.get("event") == name]

    def write_pack(self, name: str, text: str) -> None:
        """Saves a file of rules as an editor does: whole, under its name at once."""
        (self.rules / f".{name}.new").write_text(text, encoding="utf-8")
        (self.rules / f".{name}.new").replace(self.rules / f"{name}.yaml")
        self.packs[f"{name}.yaml"] = text.encode()

    def _last_words(self) -> str:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return "; ".join(line.strip() for line in lines[-6:]) or "it ended without a word"


def wait_for(fulfilled: Callable[[], bool], seconds: float = 8.0) -> bool:
    """Looks again and again until `fulfilled()`, at most that long; whether it came true."""
    until = time.monotonic() + seconds
    while not fulfilled():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _copied(rules: Path, to: Path) -> dict[str, bytes]:
    """Copies the packs of the story; name and content of each. Raises PacksMissing."""
    names = [f"{name}.yaml" for name in PACKS]
    names += [f"processors/{name}.yaml" for name in _PROCESSORS]
    missing = [name for name in names if not (rules / name).is_file()]
    if missing:
        raise PacksMissing(f"{rules}: there is no {', '.join(missing)}")
    (to / "processors").mkdir(parents=True)
    for name in names:
        shutil.copyfile(rules / name, to / name)
    return packs_in(to)


def packs_in(rules: Path) -> dict[str, bytes]:
    """Path below `rules` and content of each file there."""
    files = (path for path in rules.rglob("*") if path.is_file())
    return {str(path.relative_to(rules)): path.read_bytes() for path in files}


def _settings(sandbox: Sandbox, vault: str | None) -> str:
    """gateway.yaml. A JSON string is a quoted scalar of YAML as well."""
    where = "" if vault is None else f"vault: {{ url: {json.dumps(vault)} }}\n"
    hosts = [
        f"  {json.dumps(host)}: {{ "
        + ", ".join(f"{key}: {json.dumps(value)}" for key, value in entry.items())
        + " }"
        for host, entry in sandbox.gateway_settings().items()
    ]
    return where + _YAML.format(
        hotels="\n".join(f"    {json.dumps(hotel)}: seaside" for hotel in _HOTELS),
        pms=sandbox.named_url("pms_plain"),
        siteminder=sandbox.named_url("siteminder"),
        test_hosts="\n".join(hosts),
    )
