"""Why a PostgreSQL server can not be connected to, in words of ours: libpq's hold names and addresses."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Refusal(NamedTuple):
    """`code` is for the log; `message` and `hint` are for whoever starts the gateway."""

    code: str
    message: str
    hint: str


_REFUSALS: Final = (
    (
        r"could not read root certificate file|root certificate file .* does not exist|no start line",
        Refusal(
            "authority_unreadable",
            "the authorities that would vouch for the database's server can not be read",
            "Name a file with certificates in PEM as `vault.ca`.",
        ),
    ),
    (
        r"certificate verify failed",
        Refusal(
            "certificate_untrusted",
            "the database's server shows a certificate that no trusted authority vouches for,"
            " or that has expired",
            "Renew it, or name the authority that issued it as `vault.ca`.",
        ),
    ),
    (
        r"server certificate for .* does not match host name",
        Refusal(
            "certificate_of_another",
            "the certificate of the database's server is for another name",
            "Write into `vault.url` the name that the certificate is for, or have one issued.",
        ),
    ),
    (
        r"server does not support SSL",
        Refusal(
            "no_tls",
            "the database's server does not encrypt, so nothing was sent to it",
            "Turn TLS on there (`ssl = on`): beyond this machine there is no way without.",
        ),
    ),
    (
        r"protocol version|unsupported protocol|wrong version number|no protocols available",
        Refusal(
            "tls_too_old",
            "the database's server offers no TLS from 1.2 on",
            "Have it offer TLS 1.2 or newer (`ssl_max_protocol_version`).",
        ),
    ),
    (
        r"(password|SASL) authentication failed|no password supplied|wrong password|role \".*\" does not exist|no such user",
        Refusal(
            "password_refused",
            "the database's server does not take this role with this password",
            "Compare `vault.password` and the role in `vault.url` with those on the server.",
        ),
    ),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        Refusal(
            "not_let_in",
            "the database's server lets this role in from nowhere, or not from here",
            "Add a `hostssl` line for this machine to its pg_hba.conf.",
        ),
    ),
    (
        r"database \".*\" does not exist|no such database",
        Refusal(
            "no_database",
            "there is no database of this name on the server",
            "Create it, or correct the name in `vault.url`.",
        ),
    ),
    (
        r"permission denied for database",
        Refusal(
            "no_database",
            "the role may not connect to this database",
            "Run deploy/postgres/roles.sql there, or correct `vault.url`.",
        ),
    ),
)  # fmt: skip


def refusal_of(told: str) -> Refusal | None:
    """What libpq `told` of a connection that it did not get; None where it may be had later: the server
    is away, starts, or has no connection left. A server that speaks another language than English is
    understood as far as libpq itself is speaking.
    """
    return next((one for pattern, one in _REFUSALS if re.search(pattern, told)), None)
