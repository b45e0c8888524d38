"""`card-gateway check`: gateway.yaml, rules, files, certificates; every problem at once."""

from __future__ import annotations

import importlib.util
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import typer

from gateway.certificates import read
from gateway.cli.output import DEFAULT_CONFIG, ConfigFile, complain_of, done, say
from gateway.config import Config, TlsFiles, load_config, read_config
from gateway.errors import ConfigurationError, Problem
from gateway.processors.load import All, ProcessorFiles, used_in
from gateway.rules.load import load_rules
from gateway.rules.match import Matcher
from gateway.rules.model import RuleSet
from gateway.secret_file import readable_by_others
from gateway.vault.kek import configured


def register(parent: typer.Typer) -> None:
    """Adds the command."""
    parent.command("check")(check)


def check(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Check gateway.yaml, the rules, the files and certificates. Exit code 1 for any problem.

    Example: card-gateway check --config /etc/card-gateway/gateway.yaml
    """
    try:
        settings = read_config(config)
    except ConfigurationError as error:
        complain_of(error)
        say(f"{_count(error.problems)} in {config}; the rules were not looked at.")
        raise typer.Exit(1) from None
    rules, problems = _rules(settings)
    problems += _secrets(config)
    problems += _files(settings)
    processors: All = {}
    if rules is not None:
        problems += _tunnels(settings, rules, config)
        processors, wrong = _processors(settings, rules)
        problems += wrong
    if problems:
        complain_of(ConfigurationError(problems))
        say(_count(problems) + ".")
        raise typer.Exit(1)
    _summary(settings, rules)
    if processors:
        used = used_in(settings)
        charged = ", ".join(f"{product} by {name}" for product, name in used.items())
        done(f"processors: {', '.join(processors)}; charged: {charged or 'no product'}")


def _processors(config: Config, rules: RuleSet) -> tuple[All, list[Problem]]:
    try:
        return ProcessorFiles(config.rules, used_in(config), Matcher(rules)).current, []
    except ConfigurationError as error:
        return {}, error.problems


def _rules(config: Config) -> tuple[RuleSet | None, list[Problem]]:
    try:
        rules = load_rules(
            config.rules,
            enabled=config.packs,
            drafts=config.drafts,
            variables=config.variables,
            callers=config.callers,
            products=config.products,
            bins=config.virtual_bins,
        )
    except ConfigurationError as error:
        return None, error.problems
    return rules, []


def _secrets(path: Path) -> list[Problem]:
    try:
        load_config(path)
    except ConfigurationError as error:
        return error.problems
    return []


def tls_problems(config: Config) -> Iterator[Problem]:
    """What would keep a listener from speaking TLS: files that are absent or do not fit together."""
    authority = config.authority / "mitmproxy-ca.pem"
    absent = {authority: "the CA that signs for intercepted hosts"}
    for name, files in _tls(config).items():
        absent |= {files.certificate: f"the {name} listener's certificate"}
        absent |= {files.key: f"the {name} listener's key"}
    for file, what in absent.items():
        if not file.exists():
            yield Problem(str(file), 0, f"{what} is missing", "Make it: card-gateway certs init")
    for name, files in _tls(config).items():
        if not (files.certificate.exists() and files.key.exists()):
            continue
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key)
        except ssl.SSLError:
            text = f"the {name} listener's certificate and key can not be read, or are no pair"
            yield Problem(str(files.certificate), 0, text)


def _files(config: Config) -> Iterator[Problem]:
    """Keys that others may read; files that are named and absent; certificates that end soon."""
    yield from tls_problems(config)
    tls = _tls(config)
    authority = config.authority / "mitmproxy-ca.pem"
    for key in (authority, *_kek_files(config), *(files.key for files in tls.values())):
        if key.exists() and readable_by_others(key):
            yield Problem(str(key), 0, "others may read this key", f"Run: chmod 600 {key}")
    for certificate in (authority, *(files.certificate for files in tls.values())):
        if certificate.exists():
            yield from _certificate(certificate)
    yield from _named_files(config)
    yield from _kek(config)


def _kek_files(config: Config) -> list[Path]:
    """The files that the KEK's providers read, where they have any."""
    given = (configured.current(config), configured.upcoming(config))
    return [one.file for one in given if one is not None and one.file is not None]


def _kek(config: Config) -> Iterator[Problem]:
    """What would keep the KEK's provider from working, as far as that is seen without asking it."""
    for settings in (config.vault.kek, config.vault.next_kek):
        if settings is not None and settings.aws_kms and importlib.util.find_spec("boto3") is None:
            hint = "Install it: pip install 'card-gateway[aws]'"
            yield Problem("vault.kek.aws-kms", 0, "boto3 is not installed", hint)


def _tls(config: Config) -> dict[str, TlsFiles]:
    own = {"proxy": config.listen.proxy.tls, "control": config.listen.control.tls}
    made = {"endpoints": config.endpoints_tls}
    if config.has_pages:
        made["pages"] = config.pages_tls
    return made | {name: files for name, files in own.items() if files is not None}


def _named_files(config: Config) -> Iterator[Problem]:
    for file in dict.fromkeys(test.ca for test in config.test_hosts.values()):
        if file is not None and not file.exists():
            hint = "The sandbox makes its own when it starts: card-gateway sandbox"
            yield Problem(
                str(file), 0, "the authority of a host under test_hosts: is missing", hint
            )
    if config.b2b_bins is not None and not config.b2b_bins.exists():
        yield Problem(str(config.b2b_bins), 0, "the table under b2b_bins: is missing")


def _certificate(file: Path) -> Iterator[Problem]:
    now = datetime.now(UTC)
    try:
        seen = read(file.stem, file)
    except ValueError:
        yield Problem(str(file), 0, "this is not a certificate in PEM form")
        return
    if seen.ends_soon(now):
        yield Problem(str(file), 0, f"this certificate ends in {seen.days_left(now)} days")


def _tunnels(config: Config, rules: RuleSet, path: Path) -> Iterator[Problem]:
    """A tunnelled host passes blind, so that its routes would never see a card."""
    for target in config.tunnel:
        for route in rules.routes:
            if route.to is not None and route.to.host.matches(target.host):
                message = f"`{target}` stands under `tunnel:` and passes blind, but {route.id} is its route"
                hint = f"Remove one of them; the route stands in {route.source}."
                yield Problem(str(path), 0, message, hint)


def _summary(config: Config, rules: RuleSet | None) -> None:
    listen = config.listen
    packs = rules.packs if rules else ()
    routes = rules.routes if rules else ()
    done(
        f"listens: proxy {listen.proxy.address}, endpoints {listen.endpoints.address}, "
        f"control {listen.control.address}, metrics {listen.metrics}"
    )
    if config.has_pages:
        done(f"pages: {listen.pages.address}")
    modes = [f"{name} ({product.mode})" for name, product in config.products.items()]
    done(f"products: {', '.join(modes)}")
    done(f"clients: {', '.join(config.clients)}; callers: {', '.join(config.callers) or 'none'}")
    systems = ", ".join(pack.system for pack in packs) or "none"
    done(f"rules: {len(routes)} routes of {len(packs)} packs: {systems}")
    kek, upcoming = configured.current(config), configured.upcoming(config)
    then = "" if upcoming is None else f", next {upcoming.kind} ({upcoming.place})"
    done(f"key-encryption key: {kek.kind} ({kek.place}){then}")
    if config.tunnel:
        done(f"pass blind: {', '.join(str(target) for target in config.tunnel)}")


def _count(problems: list[Problem]) -> str:
    return f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
