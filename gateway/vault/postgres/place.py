"""Where a vault on PostgreSQL is: the server's URL, and the password that is not in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from gateway.secret import Secret

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """`url` as libpq reads it, without a password. `ca`: who vouches for the server, None: the system's
    authorities. `connections`: how many one process opens at most.
    """

    url: str
    password: Secret[str] | None = None
    ca: Path | None = None
    connections: int = 10

    def __str__(self) -> str:
        """For messages: it holds no secret."""
        return self.url

    def options(self, seconds: float) -> dict[str, str | int]:
        """What libpq is told; `seconds`: how long it waits for a connection."""
        options: dict[str, str | int] = {
            "connect_timeout": max(2, round(seconds)),  # libpq takes 1 for 2
            "application_name": "card-gateway",
            # A server that has vanished is noticed, where nothing comes back at all.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
        }
        said = conninfo_to_dict(self.url)
        several = any("," in str(said.get(name, "")) for name in ("host", "hostaddr"))
        if several and "target_session_attrs" not in said:
            options["target_session_attrs"] = "read-write"  # one that lags behind knows old keys
        if is_local(self.url):
            # Without TLS: so no variable of libpq's (PGHOST, PGHOSTADDR) may lead it elsewhere.
            options["hostaddr"] = ""
            if not said.get("host"):
                options["host"] = ""
        else:
            options["sslmode"] = "verify-full"
            options["sslrootcert"] = "system" if self.ca is None else str(self.ca)
        if self.password is not None:
            options["password"] = self.password.reveal()
        return options


def is_local(url: str) -> bool:
    """Whether the server is on this machine: a socket in a directory, or loopback. Raises
    psycopg.ProgrammingError for what is no URL of a server.
    """
    said = conninfo_to_dict(url)
    hosts = [str(said[name]) for name in ("host", "hostaddr") if said.get(name)]
    named = [host for text in hosts for host in text.split(",")]
    return all(host in _LOCAL or host.startswith("/") for host in named)
