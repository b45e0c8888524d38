"""`card-gateway evidence DIRECTORY`, `evidence verify DIRECTORY`: what an assessor asks for, in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from gateway import __version__
from gateway.cli import scan, vault_verify
from gateway.cli.audit import public, watched
from gateway.cli.output import DEFAULT_CONFIG, ConfigFile, complain, counted, done, say
from gateway.cli.scan_parts import Unreadable
from gateway.config import Config, read_config
from gateway.evidence import audited, requirements, sbom
from gateway.evidence.configuration import configuration
from gateway.evidence.folder import Folder, faults
from gateway.evidence.part import Part, readme
from gateway.pages.assets import DIRECTORY as SCRIPTS
from gateway.pages.assets import integrity_of, inventory
from gateway.vault.configured import open_vault, retention_of
from gateway.vault.key_history import Made
from gateway.vault.places import is_there, place_of
from gateway.vault.service import Vault

_ENTRIES: Final = ("entry", "entries")
_COMMANDS: Final = {"write", "verify"}
Where = Annotated[Path, typer.Argument(help="A folder: a new one, or an empty one.")]


class _Group(TyperGroup):
    """`evidence DIRECTORY` is `evidence write DIRECTORY`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # click's Context
        named = args and (args[0] in _COMMANDS or args[0] in {"-h", "--help"})
        return super().parse_args(ctx, args if named or not args else ["write", *args])


app = typer.Typer(
    cls=_Group, no_args_is_help=True, help="Write what an assessor asks for (PCI DSS)."
)


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
    parent.add_typer(app, name="evidence")


@app.command("write")
def write(
    directory: Where,
    scan_paths: Annotated[
        list[Path] | None,
        typer.Option("--scan", help="Look for clear card numbers there, too; may be repeated."),
    ] = None,
    advisories: Annotated[
        Path | None,
        typer.Option(help="What pip-audit or osv-scanner wrote, as JSON: nothing is fetched."),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write the evidence into a folder; README.md in it is to be read first.

    No card number, secret or guest's name is in it. Exit code 1 when a check found something.

    For example:

      card-gateway evidence evidence-2026

      card-gateway evidence evidence-2026 --scan /srv/pms --scan /var/log --advisories audit.json
    """
    settings = read_config(config)
    _require_paths(scan_paths or [])
    now = datetime.now(UTC)
    components = sbom.installed()
    known = None if advisories is None else sbom.advisories(advisories, components)
    software = sbom.cyclonedx(components)
    try:
        folder = Folder(directory)
    except FileExistsError as error:
        complain(f"{directory}: {error.strerror}")
        raise typer.Exit(2) from None
    with _vault(settings) as vault:
        parts = [
            _requirements(folder),
            *_keys(folder, vault),
            _seen(folder, vault),
            _changes(folder, vault),
            _configuration(folder, settings, vault),
            _audit(folder, vault),
            _retention(folder, vault, settings, now),
            _pages(folder),
            _software(folder, software, components),
            _advisories(folder, known, components),
            _scan(folder, scan_paths),
        ]
        folder.text("README.md", readme(parts, now))
        folder.seal(vault.audit.sign)
    for part in parts:
        if part.found:
            complain(f"{part.file}: {part.says}")
    done(
        f"{directory}: {len(parts)} parts, made by card-gateway {__version__}. Read README.md first."
    )
    raise typer.Exit(1 if any(part.found for part in parts) else 0)


@app.command("verify")
def verify(directory: Where, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Check that a folder is as it was written, by a gateway with this vault; exit with 1 if not.

    Example: card-gateway evidence verify evidence-2026
    """
    with _vault(read_config(config)) as vault:
        found = list(faults(directory, vault.audit.signed))
    for one in found:
        complain(one)
    if found:
        raise typer.Exit(1)
    done(f"{directory}: as it was written.")


@contextmanager
def _vault(settings: Config) -> Iterator[Vault]:
    if not is_there(place := place_of(settings)):
        complain(f"There is no vault at {place}.", "Is this the gateway's gateway.yaml?")
        raise typer.Exit(2)
    with closing(open_vault(settings)) as vault:
        yield vault


def _require_paths(paths: list[Path]) -> None:
    for path in paths:
        if not path.exists():
            complain(f"{path}: there is no such file or directory")
            raise typer.Exit(2)


# --- parts ----------------------------------------------------------------------------------------


def _requirements(folder: Folder) -> Part:
    found = requirements.load()
    folder.text("requirements.md", requirements.as_markdown(found))
    folder.text("requirements.json", requirements.as_json(found))
    count = len(found.requirements)
    return Part(
        "requirements.md", "Requirements", f"{count} requirements, with tests and what stays"
    )


def _keys(folder: Folder, vault: Vault) -> list[Part]:
    made = folder.csv("keys.csv", Made._fields, vault.key_history.all())
    events = audited.rows(vault.audit, audited.OF_KEYS)
    count = folder.csv("key-events.csv", audited.HEAD, events)
    return [
        Part("keys.csv", "Keys of the vault", f"{counted(made, 'data key')}; nothing of any key"),
        Part(
            "key-events.csv",
            "What became of keys, credentials and viewers",
            counted(count, *_ENTRIES),
        ),
    ]


def _seen(folder: Folder, vault: Vault) -> Part:
    entries = audited.rows(vault.audit, audited.SEEN)
    count = folder.csv("cards-seen.csv", audited.HEAD, entries)
    return Part(
        "cards-seen.csv", "Who saw or used which card", f"{counted(count, *_ENTRIES)}, by token"
    )


def _changes(folder: Folder, vault: Vault) -> Part:
    entries = audited.rows(vault.audit, audited.CHANGED)
    count = folder.csv("changes.csv", audited.HEAD, entries)
    return Part(
        "changes.csv", "What was loaded, and which destinations changed", counted(count, *_ENTRIES)
    )


def _configuration(folder: Folder, settings: Config, vault: Vault) -> Part:
    found, same = configuration(settings, vault.audit)
    folder.json("configuration.json", found)
    says = "on the disk is what a gateway loaded last"
    if not same:
        says = "on the disk is something else than a gateway loaded last, or none was started yet"
    return Part("configuration.json", "Configuration and rules", says, found=not same)


def _audit(folder: Folder, vault: Vault) -> Part:
    with watched() as progress:
        report = vault.audit.check(progress=progress)
    folder.json("audit-verify.json", public(report))
    says = f"{counted(report.entries, *_ENTRIES)}, {counted(len(report.findings), 'finding')}"
    return Part("audit-verify.json", "The audit's chain", says, found=bool(report.findings))


def _retention(folder: Folder, vault: Vault, settings: Config, now: datetime) -> Part:
    """What `vault verify` finds: whether anything is kept past its time, and whether all of it opens."""
    with vault_verify.watched() as progress:
        report = vault.verification.check(retention_of(settings), now, progress)
    cards = vault.count_by_product()
    findings = [asdict(one) for one in report.findings]
    written = {"records": report.opened, "findings": findings, "cards": cards}
    folder.json("retention.json", written)
    says = (
        f"{counted(report.opened, 'record')} opened, {counted(len(findings), 'finding')};"
        f" {counted(sum(cards.values()), 'card')}"
    )
    return Part("retention.json", "Retention", says, found=bool(findings))


def _pages(folder: Folder) -> Part:
    rows = []
    for one in inventory():
        file = SCRIPTS / one.name
        here = integrity_of(file.read_bytes()) if file.is_file() else None
        rows.append({**asdict(one), "installed": here, "same": here == one.integrity})
    folder.json("pages.json", rows)
    others = sum(not row["same"] for row in rows)
    says = f"{len(rows)} scripts and styles, {others} not as the inventory has them"
    return Part("pages.json", "Scripts of the pages (6.4.3, 11.6.1)", says, found=others > 0)


def _software(folder: Folder, software: str, components: list[sbom.Component]) -> Part:
    folder.text("sbom.cdx.json", software)
    return Part("sbom.cdx.json", "Software (CycloneDX)", counted(len(components), "distribution"))


def _advisories(
    folder: Folder, known: list[sbom.Advisory] | None, components: list[sbom.Component]
) -> Part:
    title = "Advisories"
    if known is None:
        folder.json("advisories.json", {"handed_in": False, "known": []})
        says = "NONE WERE HANDED IN: nothing is known of vulnerabilities (--advisories FILE)"
        return Part("advisories.json", title, says)
    here = [one for one in known if one.installed]
    folder.json(
        "advisories.json",
        {"handed_in": True, "components": len(components), "known": [asdict(one) for one in known]},
    )
    says = f"{len(here)} against what is installed, {len(known) - len(here)} against other versions"
    return Part("advisories.json", title, says, found=bool(here))


def _scan(folder: Folder, paths: list[Path] | None) -> Part:
    title = "Clear card numbers in the paths that were named"
    if not paths:
        folder.json("scan.json", [])
        return Part("scan.json", title, "NO PATH WAS NAMED (--scan PATH)")
    rows = [_looked(path) for path in paths]
    folder.json("scan.json", rows)
    numbers, closed = (sum(int(str(row[name])) for row in rows) for name in ("found", "unreadable"))
    says = f"{numbers} found in {counted(len(rows), 'path')}; {counted(closed, 'file')} could not be read"
    if numbers:
        says += ". Run card-gateway scan to see where"
    return Part("scan.json", title, says, found=bool(numbers or closed))


def _looked(path: Path) -> dict[str, object]:
    """Counts alone: names of files below it may be guests'."""
    say(f"Looking into {path} …")
    files = numbers = closed = 0
    for one in scan.look([path], allow_test_numbers=False):
        if isinstance(one, Path):
            files += 1
        elif isinstance(one, Unreadable):
            closed += 1
        else:
            numbers += 1
    return {"path": str(path), "files": files, "unreadable": closed, "found": numbers}
