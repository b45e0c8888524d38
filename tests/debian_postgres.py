"""Debian's PostgreSQL, for what the wheel's can not do: it is built without TLS."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.ports import free_port
from tests.postgres import Server

_HBA = "local all all trust\n{kind} all all 127.0.0.1/32 scram-sha-256\n"


def programs() -> Path | None:
    """Where its programs are, of the newest version that is installed."""
    found = list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return max((one.parent for one in found), key=lambda one: int(one.parent.name), default=None)


def why_not() -> str:
    """Why there is none here; empty where there is one."""
    return "" if programs() else "PostgreSQL with TLS is not installed"


class NetworkServer(Server):
    """A server on loopback at `port`, that wants passwords there."""

    def __init__(self) -> None:
        self.port = free_port()
        super().__init__(programs(), port=self.port, listen_addresses="127.0.0.1")

    def encrypt(self, issued, **settings: object) -> None:
        """Starts it anew with the certificate `issued`: over TCP it takes nothing without TLS."""
        for number, path in enumerate(issued):
            ours = shutil.copy(path, self.data / f"tls-{number}")
            ours.chmod(0o600)
            if self.user is not None:
                shutil.chown(ours, self.user)
        own = {"ssl": "on", "ssl_cert_file": "tls-0", "ssl_key_file": "tls-1",
               "ssl_min_protocol_version": "TLSv1.2", "ssl_max_protocol_version": ""}  # fmt: skip
        self._anew("hostssl", **own | settings)

    def bare(self) -> None:
        """Starts it anew without TLS."""
        self._anew("host", ssl="off")

    def _anew(self, kind: str, **settings: object) -> None:
        self.stop()
        (self.data / "pg_hba.conf").write_text(_HBA.format(kind=kind))
        self.configure(**settings)
        self.start()
