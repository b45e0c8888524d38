"""gateway.yaml: where the gateway listens, who may call, what belongs to whom.

These models are the file's schema, key by key; what a pack may say is in `rules/model.py`. Unknown
keys are errors, so nothing like mitmproxy's `ssl_insecure` can be switched on here. Paths are
relative to the file. Secrets are never in it: a `…_file` (mode 0600) or a `…_env` names them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from gateway import config_checks, strict_yaml
from gateway.config_audit import AuditSettings
from gateway.config_pages import PagesSettings, ProductPages
from gateway.config_recapture import Recaptures
from gateway.config_retention import RetentionSettings
from gateway.config_section import PlainSecret, SecretSource, Section
from gateway.config_values import (
    BindAddress,
    FilePath,
    Fingerprint,
    HeaderName,
    HostName,
    HostPatternText,
    LiteralAddress,
    Name,
    Names,
    NetworkList,
    Size,
    TargetHost,
    TimeZone,
    parse_bind,
    short_form,
)
from gateway.config_vault import VaultSettings
from gateway.config_webhook import Webhook
from gateway.errors import ConfigurationError

Scope = Literal["proxy", "detokenize", "reveal", "cards", "charges", "admin"]
Seconds = Annotated[int, Field(ge=1, le=3600)]


class TlsFiles(Section):
    """A listener's own certificate (chain, leaf first) and key, PEM."""

    certificate: FilePath
    key: FilePath


class Listener(Section):
    """Where one listener listens, and how. In short: only its address."""

    address: BindAddress
    tls: TlsFiles | None = None
    plain_text_networks: NetworkList = ()  # private networks that may speak plain text to it


class ProxyListener(Listener):
    """The proxy; `authorization_required`: a CONNECT without a key is answered 407."""

    authorization_required: bool = False


class Listen(Section):
    """The ports. Leaving `endpoints` out keeps its default; every default is on loopback."""

    proxy: Annotated[ProxyListener, short_form("address")] = ProxyListener(
        address=parse_bind("127.0.0.1:8080")
    )
    endpoints: Annotated[Listener, short_form("address")] = Listener(
        address=parse_bind("127.0.0.1:8443")
    )
    control: Annotated[Listener, short_form("address")] = Listener(
        address=parse_bind("127.0.0.1:8081")
    )
    # Opened where a product has `pages:`, and always with TLS.
    pages: Annotated[Listener, short_form("address")] = Listener(
        address=parse_bind("127.0.0.1:8444")
    )
    metrics: BindAddress = parse_bind("127.0.0.1:9108")


class ProductSettings(Section):
    """A tenant that tokens belong to: merchant code and terminal, in mode test or live."""

    merchant_code: Annotated[str, Field(min_length=1, max_length=64)]
    terminal: Annotated[int, Field(ge=1)]
    mode: Literal["test", "live"]
    allow_test_numbers: bool = False  # a live product that takes published test numbers
    cvc_required: bool = False  # a card without a CVC fails
    # Held this long, for one authorisation; without it a CVC is dropped when it comes.
    hold_cvc_minutes: Annotated[int, Field(ge=1, le=60)] | None = None
    processor: Name | None = None  # which one charges its cards: rules/processors/
    accepts_tokens_of: Names = ()  # other vaults, whose tokens were imported with their cards
    time_zone: TimeZone | None = None  # the hotel's: when the days of virtual cards begin
    pages: ProductPages | None = None  # without it the product has no pages
    retention: RetentionSettings = RetentionSettings()


class NetworkIsEnough(Section):
    """What a client may do without a key, by its network alone: proxied exchanges, no more."""

    scopes: Annotated[tuple[Literal["proxy", "detokenize"], ...], Field(min_length=1)] = ("proxy",)
    products: Names = ()  # empty: every product


class Client(Section):
    """A PMS: where it calls from, and where it is told of what happens meanwhile."""

    networks: Annotated[NetworkList, Field(min_length=1)]
    network_is_enough: NetworkIsEnough | None = None
    webhook: Webhook | None = (
        None  # where it is told what it did not ask for; None: it is told nothing
    )


class HeaderSecret(SecretSource):
    """A header field whose value is a shared secret."""

    name: HeaderName
    value_file: FilePath | None = None
    value_env: str | None = None

    def source(self) -> tuple[Path | None, str | None]:
        return self.value_file, self.value_env


class UserPassword(SecretSource):
    """A user name and password: HTTP Basic, or a WS-Security UsernameToken (PasswordText)."""

    user: Annotated[str, Field(min_length=1, max_length=256)]
    password_file: FilePath | None = None
    password_env: str | None = None

    def source(self) -> tuple[Path | None, str | None]:
        return self.password_file, self.password_env


class PathSecret(PlainSecret):
    """A secret that is one whole segment of the URL's path."""


class CertificatePins(Section):
    """The caller's TLS client certificate is one of these."""

    sha256: Annotated[tuple[Fingerprint, ...], Field(min_length=1)]


class Caller(Section):
    """Who pushes to an endpoint. Every method that stands here must hold."""

    networks: NetworkList = ()
    certificate: CertificatePins | None = None
    header: HeaderSecret | None = None
    basic: UserPassword | None = None
    wsse: UserPassword | None = None
    secret_path: PathSecret | None = None
    products: Names = ()  # the products its cards may go to; empty: every product

    @model_validator(mode="after")
    def _check(self) -> Caller:
        if not any((self.networks, self.certificate, *self.secrets().values())):
            raise ValueError("a caller without networks or credentials would be anyone")
        return self

    def secrets(self) -> dict[str, HeaderSecret | UserPassword | PathSecret]:
        """The methods that rest on a shared secret, by their key in the file."""
        methods = {
            "header": self.header,
            "basic": self.basic,
            "wsse": self.wsse,
            "secret_path": self.secret_path,
        }
        return {key: method for key, method in methods.items() if method is not None}


class PrivateTarget(Section):
    """A host that may resolve to these private networks. `*.` before it: any name below."""

    host: HostPatternText
    networks: Annotated[NetworkList, Field(min_length=1)]


class EgressSettings(Section):
    """Exceptions to "public addresses only"."""

    private: tuple[PrivateTarget, ...] = ()


class TestHost(Section):
    """A stand-in for a partner's host: its routes apply, test tokens may go there."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    stands_for: HostName
    address: LiteralAddress
    ca: FilePath | None = None  # the only authority that is trusted for it


class LimitSettings(Section):
    """How much, how long, how many."""

    head: Size = 64 << 10
    body: Size = 48 << 20
    request_seconds: Seconds = 30
    idle_seconds: Seconds = 120
    upstream_connect_seconds: Seconds = 10
    upstream_seconds: Seconds = 120
    connections: Annotated[int, Field(ge=1, le=100_000)] = 1000
    # A client that names so many tokens that are not its own is blocked for so many minutes.
    unknown_tokens: Annotated[int, Field(ge=1, le=10_000)] = 20
    unknown_tokens_minutes: Annotated[int, Field(ge=1, le=1440)] = 15


class InboxSettings(Section):
    """How long answers are kept on routes with `inbox:`; refused ones may hold clear cards."""

    keep_hours: Annotated[int, Field(ge=1, le=720)] = 72
    quarantine_hours: Annotated[int, Field(ge=1, le=72)] = 24
    # Refused pushes of each caller: so many, and so many bytes in all.
    pushes: Annotated[int, Field(ge=1, le=10_000)] = 100
    push_bytes: Size = 64 << 20


class ChargeSettings(Section):
    """Charges over the control API."""

    # A guest who has not authenticated by then is not waited for.
    challenge_hours: Annotated[int, Field(ge=1, le=168)] = 24


class LogSettings(Section):
    """JSON lines on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Section):
    """The whole file."""

    listen: Listen = Listen()
    state: Annotated[FilePath, Field(validate_default=True)] = Path("state")
    rules: Annotated[FilePath, Field(validate_default=True)] = Path("rules")
    packs: Names | None = None  # None: all that are no drafts
    drafts: Names = ()
    products: Annotated[dict[Name, ProductSettings], Field(min_length=1)]
    clients: Annotated[dict[Name, Client], Field(min_length=1)]
    callers: dict[Name, Caller] = Field(default_factory=dict)
    # system → hotel code → product
    hotels: dict[Name, dict[str, Name]] = Field(default_factory=dict)
    variables: dict[Name, str] = Field(default_factory=dict)  # for `forward: "{pms}/…"`
    trusted_proxies: NetworkList = ()  # whose X-Forwarded-For is believed
    egress: EgressSettings = EgressSettings()
    test_hosts: dict[TargetHost, TestHost] = Field(default_factory=dict)
    tunnel: tuple[TargetHost, ...] = ()  # pass blind: nothing is inspected
    limits: LimitSettings = LimitSettings()
    inbox: InboxSettings = InboxSettings()
    charges: ChargeSettings = ChargeSettings()
    recaptures: Recaptures = Recaptures()
    vault: VaultSettings = VaultSettings()
    _digest: str = PrivateAttr("")
    pages: PagesSettings = PagesSettings()
    b2b_bins: FilePath | None = None
    virtual_bins: dict[Name, FilePath] = Field(
        default_factory=dict
    )  # for `virtual: { bins: name }`
    audit: AuditSettings = AuditSettings()
    log: LogSettings = LogSettings()
    allow_python_3_11: bool = False  # beyond loopback

    @property
    def database(self) -> Path:
        """The SQLite vault."""
        return self.state / "vault.db"

    @property
    def kek(self) -> Path:
        """The file of the key-encryption key, where `vault.kek` names nothing else."""
        return self.state / "kek"

    @property
    def authority(self) -> Path:
        """The directory of the CA that signs for intercepted hosts (mitmproxy's confdir)."""
        return self.state / "ca"

    @property
    def webhooks(self) -> dict[str, Webhook]:
        """By client, of those that have one."""
        clients = self.clients.items()
        return {name: one.webhook for name, one in clients if one.webhook is not None}

    @property
    def endpoints_tls(self) -> TlsFiles:
        """The endpoints' certificate: their own, or the one that `certs init` makes."""
        made = TlsFiles(
            certificate=self.authority / "endpoints-cert.pem",
            key=self.authority / "endpoints-key.pem",
        )
        return self.listen.endpoints.tls or made

    @property
    def digest(self) -> str:
        """The file's SHA-256; empty where there is none."""
        return self._digest

    @property
    def has_pages(self) -> bool:
        """Whether a product has pages, so that their port is opened."""
        return any(product.pages is not None for product in self.products.values())

    @property
    def pages_tls(self) -> TlsFiles:
        """The pages' certificate: their own, or the one that `certs init` makes."""
        made = TlsFiles(
            certificate=self.authority / "pages-cert.pem", key=self.authority / "pages-key.pem"
        )
        return self.listen.pages.tls or made


def read_config(path: Path, *, python: tuple[int, int] = sys.version_info[:2]) -> Config:
    """The file alone, checked in itself. Raises `ConfigurationError` with every problem found.

    What it names (secrets, keys) need not be there yet: `keys` and `certs` work before `run` does.
    """
    return _read(path, python)[0]


def load_config(path: Path, *, python: tuple[int, int] = sys.version_info[:2]) -> Config:
    """As `read_config`; the secrets that it names must be there as well, safely kept."""
    config, located = _read(path, python)
    if problems := config_checks.secrets(config, located):
        raise ConfigurationError(problems)
    return config


def _read(path: Path, python: tuple[int, int]) -> tuple[Config, strict_yaml.Located]:
    text = strict_yaml.read_text(path)
    located = strict_yaml.load_text(text, str(path))
    config = strict_yaml.check_model(located, Config, context={"base": path.parent})
    config._digest = strict_yaml.digest(text)  # noqa: SLF001  # the file's, which is no key of it
    if problems := config_checks.of_file(config, located, python):
        raise ConfigurationError(problems)
    return config, located
