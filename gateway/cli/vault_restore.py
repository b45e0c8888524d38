"""`card-gateway vault restore`: a backup becomes the vault, once what was erased since is erased again."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.audit import Action, Entry, Outcome
from gateway.charges import content as charges
from gateway.cli.audit_options import expected_row
from gateway.cli.cards_named import Yes, confirm
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    counted,
    done,
    print_json,
    say,
)
from gateway.cli.vault_backup import watched
from gateway.cli.vault_upgrade import as_owner
from gateway.collections import content as collections
from gateway.config import Config, read_config
from gateway.system_user import command_line
from gateway.vault import restoring
from gateway.vault.backup_file import newest_in
from gateway.vault.entries import stamp, unstamp
from gateway.vault.erasure import Reduced
from gateway.vault.kek import configured
from gateway.vault.kek.provider import KekProvider
from gateway.vault.manifest import Manifest
from gateway.vault.places import open_database, place_of
from gateway.vault.replaying import Replayed
from gateway.vault.workplace import workplace

REDUCED: Final = Reduced(charges.without_guest, collections.without_guest)
_REASON: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_AGAIN: Final = {
    "cards": "cards were erased again",
    "links": "bookings of cards",
    "stubs": "what was left of erased cards",
    "charges": "charges lost the guest's fields",
    "collections": "collections lost the guest's fields",
    "notices": "what a client was told of a guest",
    "recaptures": "cards that were to be replaced",
    "answers": "kept answers that named a guest",
    "keys": "keys were revoked again",
    "viewers": "viewers were disabled, locked, or must choose a code again",
    "credentials": "processors' credentials that were erased or replaced since are gone: set them",
    "import_keys": "keys for files to import were erased again",
    "page_links": "links to pages that were used or withdrawn are over",
    "stopped": "collections are stopped: look at what was taken, and begin anew what was not",
}
_MISSING: Final = {
    "cards": "Cards came since the backup, and are lost; their tokens open nothing (iduser)",
    "keys": "Keys were made since: make them anew (id)",
    "viewers": "Viewers were invited since: invite them again (id)",
    "credentials": "Credentials were set since: set them again",
    "expiries": "Cards got another expiry since, and have the old one (iduser)",
    "charges": "Charges were made or changed since: what they came to is known to the processor alone",
    "collections": "Collections began since: look at what was taken",
    "kek": "The KEK was moved since: move it again, vault kek move",
    "vault_keys": "Keys of the vault came into use since: run vault rotate and vault rewrap again",
    "import_keys": "Keys for files to import were made since: make them anew",
}
_SHOWN: Final = 10  # of each


def register(parent: typer.Typer) -> None:
    """Adds the command to the group."""
    parent.command("restore")(restore)


def restore(  # noqa: PLR0917 - typer's options
    backup: Annotated[
        Path, typer.Argument(metavar="FROM", help="The backup, or the folder: its newest.")
    ],
    audit: Annotated[
        list[Path] | None,
        typer.Option(help="A file that the audit went to; several, the oldest first."),
    ] = None,
    from_vault: Annotated[
        str | None,
        typer.Option(help="The old database, if it can be read: its file, or postgresql://…"),
    ] = None,
    without_audit: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Nothing is left of the audit: why, or a ticket."),
    ] = None,
    expect: Annotated[
        str,
        typer.Option(
            metavar="ID:HASH",
            help="The audit must have this entry: `audit verify` said it earlier.",
        ),
    ] = "",
    url: Annotated[
        str | None, typer.Option(help="Of the same database, with the role that owns its tables.")
    ] = None,
    password_file: Annotated[Path | None, typer.Option(help="Where its password is.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make a backup the vault that gateway.yaml names, which must be empty; no gateway runs there meanwhile.

    Before it opens, what was erased and revoked since the backup is erased and revoked again. That is known
    from the old vault's audit: from the files that it went to (without --audit: the one of gateway.yaml), or
    from the old database. A vault is never overwritten. Stopped at any moment, it does not open, and the same
    command starts over. It says until when that audit reaches, and on a terminal asks whether that is all of
    it: of what was cut off at its end nothing can be known.

    For example:

      card-gateway vault restore /mnt/backups --from-vault state/vault.db.lost

      card-gateway vault restore vault.backup --audit audit.jsonl.1 --audit audit.jsonl

      card-gateway vault restore vault.backup --without-audit INC-4711
    """
    settings, now = read_config(config), datetime.now(UTC)
    if url is not None:
        vault = as_owner(settings.vault, url, password_file)
        settings = settings.model_copy(update={"vault": vault})
    ways = sum(one is not None for one in (audit or None, from_vault, without_audit))
    if ways > 1:
        raise typer.BadParameter("name one of --audit, --from-vault, --without-audit")
    if without_audit is not None:
        _warn(without_audit, yes=yes)
    file = newest_in(backup) if backup.is_dir() else backup
    by = Entry(now, "", Action.RESTORE, Outcome.DONE, origin=command_line())
    with (
        _lost(settings, audit or [], from_vault, without_audit, now) as lost,
        workplace(settings.database.parent) as place,
    ):
        reason = without_audit or ""
        expected = expected_row(expect)
        terms = restoring.Terms(keks_of(settings), REDUCED, now, lost, reason, expected)
        with ExitStack() as held:
            with watched() as progress:  # ended before anything is asked
                staged = held.enter_context(restoring.staged(file, terms, place, progress=progress))
            if lost is not None and not as_json:
                _ask(staged, known=yes or expected is not None)
            with watched() as progress:
                restoring.install(
                    staged, place_of(settings), terms, by,
                    sinks=settings.audit.files, progress=progress,
                )  # fmt: skip
    if as_json:
        print_json(
            {
                "backup": str(file),
                "made": staged.manifest.made.isoformat(),
                **public(staged.replayed),
            }
        )
        return
    done(f"Restored: {file}, made {staged.manifest.made:%Y-%m-%d %H:%M} UTC.")
    tell(staged.replayed)
    if staged.others:
        say(
            f"No entries in the audit's files: {counted(staged.others, 'line')}; nothing is missing"
            " between them."
        )
    say("Check it, then start the gateway: card-gateway vault verify")


def keks_of(settings: Config) -> list[KekProvider]:
    """Who may give the KEK."""
    upcoming = configured.upcoming(settings)
    return [configured.current(settings), *([] if upcoming is None else [upcoming])]


def reaches(found: Replayed, made: Manifest) -> str:
    """Until when the audit tells of what happened."""
    if found.entries:
        return f"The audit reaches until {_spelled(unstamp(found.until))} (entry {found.last})."
    if made.newest is None:
        return "The audit has no entry."
    return f"The audit reaches no further than the backup, until {_spelled(made.made)} (entry {made.newest[0]})."


def _spelled(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _ask(staged: restoring.Staged, *, known: bool) -> None:
    say(reaches(staged.replayed, staged.manifest))
    if not known and _is_asked():
        say(
            "Whatever was erased or revoked after that is not known here, and would be back. Compare it with"
            " the newest entry that somebody noted down, or that Prometheus has: docs/backup.md."
        )
        confirm("Is that all of it?", yes=False)


def _is_asked() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty()


def tell(found: Replayed) -> None:
    """What was done again, and what is lost."""
    if found.entries:
        say(f"Since the backup: entries {found.first} to {found.last} of the audit.")
    for what, count in found.again.items():
        say(f"{count:>8}  {_AGAIN[what]}")
    for what, count in found.left.items():
        complain(
            f"{count} in `{what}` name an erased guest, and were on their way at the backup.",
            "Erase that guest again: card-gateway cards erase",
        )
    for what, names in found.missing.items():
        more = f", … ({len(names)} in all)" if len(names) > _SHOWN else ""
        complain(f"{_MISSING[what]}: {', '.join(names[:_SHOWN])}{more}")


def public(found: Replayed) -> dict[str, object]:
    """The same, as JSON has it."""
    return {
        "entries": found.entries,
        "first": found.first,
        "last": found.last,
        "until": found.until,
        "again": found.again,
        "missing": found.missing,
        "left": found.left,
    }


@contextmanager
def _lost(
    settings: Config,
    audit: list[Path],
    from_vault: str | None,
    without_audit: str | None,
    now: datetime,
) -> Iterator[restoring.Lost | None]:
    if without_audit is not None:
        yield None
        return
    if from_vault is None:
        files = audit or [path for path in settings.audit.files if path.is_file()]
        if not files:
            raise typer.BadParameter(
                "an old backup may have cards that were erased since. Say where the old vault's audit is:"
                " --audit FILE, or --from-vault; or, if nothing of it is left, --without-audit REASON"
            )
        yield restoring.from_files(files)
        return
    if not from_vault.startswith(("postgresql:", "postgres:")):
        yield restoring.from_old_file(Path(from_vault))
        return
    vault = as_owner(settings.vault, from_vault, None)
    place = place_of(settings.model_copy(update={"vault": vault}))
    database = open_database(place, now=stamp(now))
    try:
        yield restoring.from_database(database)
    finally:
        database.close()


def _warn(reason: str, *, yes: bool) -> None:
    if not _REASON.fullmatch(reason):
        raise typer.BadParameter(
            "write letters, digits, `.`, `_` and `-`: a ticket's number",
            param_hint="--without-audit",
        )
    complain(
        "Nothing is known of what was erased or revoked since the backup: erased cards may come back, revoked"
        " keys work, used links open.",
        "Before any client may call: revoke keys, reset viewers, erase whom a guest's request names.",
    )
    confirm("Restore it all the same? The audit will say who did.", yes=yes)
