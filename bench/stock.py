"""Stock mitmdump, doing nothing: default addons, quiet, upstream certificates verified."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.child import Child
from bench.load import Proxy


def start(directory: Path, upstream_authority: Path, pinned: set[int]) -> tuple[Child, Proxy]:
    """The process and how it is reached. It believes `upstream_authority`, as the gateway does."""
    directory.mkdir()
    command = [
        str(Path(sys.executable).parent / "mitmdump"),
        "-q",
        "--listen-host", "127.0.0.1",
        "--listen-port", "0",
        "--set", f"confdir={directory}",
        "--set", f"ssl_verify_upstream_trusted_ca={upstream_authority}",
    ]  # fmt: skip
    child = Child(command, directory / "mitmdump.log", pinned)
    try:
        port = child.port()
        authority = directory / "mitmproxy-ca-cert.pem"
        while not authority.exists():
            time.sleep(0.05)
    except BaseException:
        child.close()
        raise
    return child, Proxy("mitmdump", child.pid, port, authority)
