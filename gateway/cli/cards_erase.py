"""`card-gateway cards erase`: all that names a guest, of a booking or of a card, on request."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from gateway.audit import COMMAND_LINE, Action, Entry, Outcome
from gateway.charges import content as charges
from gateway.cli.cards_named import BookingNamed, Yes, confirm, read_booking, read_token
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    console,
    done,
    print_json,
    say,
    table,
)
from gateway.collections import content as collections
from gateway.config import read_config
from gateway.vault.configured import open_vault
from gateway.vault.erasure import Reduced
from gateway.vault.guest import Guest
from gateway.vault.service import Vault
from gateway.vault.traces import Traces

_REDUCED: Final = Reduced(charges.without_guest, collections.without_guest)
_WHAT: Final = {
    "links": "bookings of cards that stay for another one",
    "cards": "cards, with number, holder, bookings",
    "stubs": "what was left of erased cards",
    "charges": "charges: the guest's fields; sums and references stay",
    "collections": "collections: the guest's fields; sums and references stay",
    "page_links": "links to pages",
    "notices": "what a client was told",
    "recaptures": "cards that were to be replaced",
    "answers": "kept answers, whole",
}
_LEFT: Final = {
    "charge": "a charge that is asked, or that the guest is to authenticate",
    "collection": "a collection that goes on: stop it",
    "notice": "what a client is still to be told",
    "recapture": "a card that is to be replaced still",
    "answer": "an answer that nobody has yet, or that was refused: it goes by itself within days",
}
_STAYS: Final = (
    "The audit stays, which names no guest; sums and references; answers to an Idempotency-Key, for a day.",
    "So does what backups hold, the PMS, the channel and the processor.",
)


def register(parent: typer.Typer) -> None:
    """Adds the command to the group."""
    parent.command("erase")(erase)


def erase(  # noqa: PLR0917 - typer's options
    token: Annotated[
        str | None, typer.Argument(metavar="TOKEN", help="A card's alias: tok_1234567_…")
    ] = None,
    booking: BookingNamed = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what there is.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Erase all that names a guest (GDPR, article 17): name the booking, or a card. For good, and for refunds
    too where a processor wants more of the guest than its own reference. Exit code 1 when something is
    still on its way, and stays for now: run it again.

    For example:

      card-gateway cards erase --booking siteminder 10107 RES-1 --dry-run

      card-gateway cards erase --booking siteminder 10107 RES-1

      card-gateway cards erase tok_1234567_Example000001
    """
    if (token is None) == (booking is None):
        raise typer.BadParameter("name either a token or a booking", param_hint="TOKEN, --booking")
    guest = Guest(token=read_token(token)) if token is not None else Guest()
    if booking is not None:
        guest = Guest(booking=read_booking(booking))
    settings = read_config(config)
    with closing(open_vault(settings, sinks=[] if dry_run else settings.audit.files)) as vault:
        with console(stderr=True).status("Looking in every table …"):
            found = vault.erasure.find(guest)
        if not as_json:
            _tell(found)
        if not dry_run and any(found.counts.values()):
            confirm("Erase it? It can not be undone.", yes=yes)
            _erase(vault, guest, found, quiet=as_json)
    if as_json:
        print_json({"erased": not dry_run, **found.counts, "left": dict(found.left)})
    raise typer.Exit(1 if found.left else 0)


def _erase(vault: Vault, guest: Guest, found: Traces, *, quiet: bool) -> None:
    entry = Entry(datetime.now(UTC), "", Action.ERASE, Outcome.DONE, origin=COMMAND_LINE)
    vault.erasure.erase(guest, found, _REDUCED, entry)
    scrubbed = vault.retention.scrub()
    if quiet:
        return
    done("Erased.")
    for line in _STAYS:
        say(line)
    if not scrubbed:
        complain(
            "The database's log or pages still hold what was erased: somebody reads an older state.",
            "A running gateway cuts it off within ten minutes; or run: card-gateway vault purge",
        )


def _tell(found: Traces) -> None:
    rows = [(str(count), _WHAT[name]) for name, count in found.counts.items() if count]
    if rows:
        table(("COUNT", "WHAT GOES"), rows)
    else:
        say("Nothing is kept that could be erased.")
    for name, count in found.left:
        complain(f"Stays for now: {count}, {_LEFT[name]}.", "Run it again later.")
