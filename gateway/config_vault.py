"""`vault:` in gateway.yaml: who gives the key-encryption key (KEK), and who gives it next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, model_validator

from gateway.config_section import SecretSource, Section
from gateway.config_values import FilePath, HttpsTarget
from gateway.secret import Secret
from gateway.secret_file import read_secret_credential

EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
# One segment of a URL's path, or several: how transit's keys, mounts and namespaces are named.
Segment = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Segments = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,7}$"),
]
# How long a command waits for a server that is sealed or does not answer; `run` waits sealed.
Wait = Annotated[int, Field(ge=0, le=3600)]
_WAIT_SECONDS = 60
_URL_OPTIONS: Final = frozenset({"host", "port", "target_session_attrs"})


class StartSecret(SecretSource):
    """A secret that a start needs: a file, a variable, or a credential that systemd gives the service
    (`LoadCredential=`). Never a prompt: a machine that starts by itself has nobody to ask."""

    file: FilePath | None = None
    env: EnvironmentName | None = None
    credential: Segment | None = None

    def source(self) -> tuple[Path | None, str | None]:
        return self.file, self.env

    def secret(self) -> Secret[str]:
        if self.credential is not None:
            return read_secret_credential(self.credential)
        return super().secret()

    @model_validator(mode="after")
    def _check(self) -> StartSecret:
        if sum(one is not None for one in (self.file, self.env, self.credential)) != 1:
            raise ValueError("name one source of the secret: `file`, `env` or `credential`")
        return self


class PassphraseKek(StartSecret):
    """A random KEK, wrapped under a passphrase."""

    wrapped: FilePath | None = None  # None: kek.passphrase in the state directory


class AppRole(Section):
    """A role of Vault's AppRole method. Its role id is no secret, its secret id is."""

    role_id: Segment
    secret_id: StartSecret
    mount: Segments = "approle"


class TransitKek(Section):
    """A random KEK, wrapped by the transit engine of HashiCorp Vault or OpenBao."""

    url: HttpsTarget
    key: Segment
    mount: Segments = "transit"
    namespace: Segments | None = None
    ca: FilePath | None = None  # the only authority that is trusted for it
    token: StartSecret | None = None
    app_role: AppRole | None = None
    wait_seconds: Wait = _WAIT_SECONDS
    wrapped: FilePath | None = None  # None: kek.transit in the state directory

    @model_validator(mode="after")
    def _check(self) -> TransitKek:
        if (self.token is None) == (self.app_role is None):
            raise ValueError("name one way to log in: `token` or `app_role`")
        if self.url.path != "/":
            raise ValueError(f"`url` has no path: write `{self.url.base}`")
        return self


class AwsKek(Section):
    """A random KEK, wrapped by a key of AWS KMS. Credentials come the way that AWS's tools find them."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9:/_-]{1,256}$")]  # id, ARN, or alias/…
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")] | None = None
    endpoint: HttpsTarget | None = None  # a VPC endpoint; None: AWS's own
    wait_seconds: Wait = _WAIT_SECONDS
    wrapped: FilePath | None = None  # None: kek.aws-kms in the state directory


class KekSettings(Section):
    """Who gives the KEK: exactly one."""

    file: FilePath | None = None
    env: EnvironmentName | None = None
    passphrase: PassphraseKek | None = None
    transit: TransitKek | None = None
    aws_kms: Annotated[AwsKek | None, Field(alias="aws-kms")] = None

    @model_validator(mode="after")
    def _check(self) -> KekSettings:
        if sum(one is not None for one in vars(self).values()) != 1:
            raise ValueError(
                "name one provider: `file`, `env`, `passphrase`, `transit` or `aws-kms`"
            )
        return self

    def asking_once(self) -> KekSettings:
        """See `VaultSettings`."""
        servers = {"transit": self.transit, "aws_kms": self.aws_kms}
        changed = {
            name: one.model_copy(update={"wait_seconds": 0})
            for name, one in servers.items()
            if one is not None
        }
        return self.model_copy(update=changed)

    def secrets(self) -> Iterator[tuple[tuple[str, ...], SecretSource]]:
        """Every secret that is needed to have the key, by its keys in the file."""
        if self.passphrase is not None:
            yield ("passphrase",), self.passphrase
        if self.transit is not None and self.transit.token is not None:
            yield ("transit", "token"), self.transit.token
        if self.transit is not None and self.transit.app_role is not None:
            yield ("transit", "app_role", "secret_id"), self.transit.app_role.secret_id


def _postgres_url(text: str) -> str:
    """A URL as libpq reads it. How the server is trusted, and the password, are said elsewhere."""
    parts = urlsplit(text)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("write `postgresql://user@host/database`; without `url` it is SQLite")
    if ":" in parts.netloc.rpartition("@")[0]:
        raise ValueError("no password in the URL: name its source under `password`")
    strange = {name for name, _ in parse_qsl(parts.query)} - _URL_OPTIONS
    if strange:
        raise ValueError(f"only {', '.join(sorted(_URL_OPTIONS))} may stand behind the `?`")
    return text


class VaultSettings(Section):
    """Where the vault is, and its keys. `next_kek` is where `vault kek move` moves to; both are tried
    meanwhile.
    """

    # None: SQLite, in the state directory
    url: Annotated[str, AfterValidator(_postgres_url)] | None = None
    password: StartSecret | None = None
    ca: FilePath | None = None  # the only authority that is trusted for the database's server
    connections: Annotated[int, Field(ge=2, le=100)] = 10  # of each process
    kek: KekSettings | None = None  # None: the file `kek` in the state directory
    next_kek: KekSettings | None = None

    @model_validator(mode="after")
    def _check(self) -> VaultSettings:
        if self.url is None and (self.password is not None or self.ca is not None):
            raise ValueError("`password` and `ca` are for a database's server: name its `url`")
        return self

    def asking_once(self) -> VaultSettings:
        """The same, but that no server is waited for: whoever asks tries again by itself."""
        named = {"kek": self.kek, "next_kek": self.next_kek}
        changed = {name: one.asking_once() for name, one in named.items() if one is not None}
        return self.model_copy(update=changed)
