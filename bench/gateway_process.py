"""The gateway as an operator runs it: `card-gateway run`, a vault on disk, the packs as shipped."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import yaml

from bench import messages
from bench.child import Child, python
from bench.load import Proxy
from gateway.access.keys import NewKey, create
from gateway.cli.certs import initialise
from gateway.config import load_config, read_config
from gateway.vault.configured import open_vault

_RULES = Path(__file__).parent.parent / "rules"
_PACKS = (_RULES / "siteminder.yaml", Path(__file__).with_name("bench.yaml"))


def prepare(directory: Path, port: int, upstream_authority: Path) -> tuple[Path, str]:
    """Makes a configuration for the upstream on `port`, with certificates, vault and a key.

    Returns gateway.yaml and the key.
    """
    directory.mkdir()
    config_file = directory / "gateway.yaml"
    rules = directory / "rules"
    rules.mkdir()
    for pack in _PACKS:
        (rules / pack.name).write_bytes(pack.read_bytes())
    settings = {
        "listen": dict.fromkeys(("proxy", "endpoints", "control", "metrics"), "127.0.0.1:0"),
        "state": str(directory / "state"),
        "rules": str(rules),
        "products": {
            "seaside": {
                "merchant_code": messages.MERCHANT,
                "terminal": messages.TERMINAL,
                "mode": "test",
            }
        },
        "clients": {"pms": {"networks": ["127.0.0.0/8"]}},
        "hotels": {system: {messages.HOTEL: "seaside"} for system in ("siteminder", "bench")},
        "test_hosts": {
            f"{messages.HOST}:{port}": {
                "stands_for": "ws.siteminder.com",
                "address": "127.0.0.1",
                "ca": str(upstream_authority),
            }
        },
    }
    config_file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    plain = read_config(config_file)
    initialise(plain, plain.authority, [])
    config = load_config(config_file)
    vault = open_vault(config)
    try:
        key, _ = create(vault.keys, NewKey("bench", "pms"), datetime.now(UTC), "bench")
    finally:
        vault.close()
    return config_file, key.reveal()


def start(config_file: Path, pinned: set[int]) -> tuple[Child, Proxy, int]:
    """The process, how it is reached, and the port of its endpoints."""
    command = python("gateway.cli.main", "run", "--config", str(config_file))
    child = Child(command, config_file.with_name("gateway.log"), pinned)
    ports: dict[str, int] = {}
    try:
        while not {"proxy", "endpoints"} <= ports.keys():
            name, _, address = child.line().partition(" ")
            ports[name] = int(address.rpartition(":")[2])
    except BaseException:
        child.close()
        raise
    return child, proxy(child, config_file, ports["proxy"]), ports["endpoints"]


def proxy(child: Child, config_file: Path, port: int) -> Proxy:
    """How the gateway of `config_file` is reached on `port`."""
    authority = read_config(config_file).authority / "mitmproxy-ca-cert.pem"
    return Proxy("gateway", child.pid, port, authority)
