"""`card-gateway cards import-key|import-keys|import-key-erase|import`: cards from another vault."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from gateway.access.products import Product, Products
from gateway.audit import COMMAND_LINE
from gateway.cli.cards_tables import new_table
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
from gateway.config import Config, read_config
from gateway.config_values import parse_name
from gateway.importing import keys
from gateway.importing.refusal import FileRefused
from gateway.importing.rows import Code
from gateway.importing.service import Importing, Looked, Told
from gateway.vault.configured import open_vault
from gateway.vault.files import publish
from gateway.vault.import_keys import ImportKey
from gateway.vault.service import Vault, utc_now
from gateway.yaml_model import suggest

_SHOWN: Final = 20  # lines that are told on the terminal; a file takes all of them
_MAP: Final = ("old_token", "token", "iduser", "tokenuser")
_REFUSED: Final = ("line", "code")


def register(parent: typer.Typer) -> None:
    """Adds the commands to the group `cards`."""
    parent.command("import-key")(make_key)
    parent.command("import-keys")(list_keys)
    parent.command("import-key-erase")(erase_key)
    parent.command("import")(import_cards)


def make_key(
    out: Annotated[Path, typer.Option(help="Where its certificate goes, for the other provider.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make a key pair for a file to import. The private key stays in the vault, sealed.

    Example: card-gateway cards import-key --out import.pem
    """
    with _vault(read_config(config)) as vault:
        key = keys.new_key(datetime.now(UTC))
        if not publish(out, key.certificate.encode("ascii")):
            complain(f"{out} is there already.", "Name another file.")
            raise typer.Exit(2)
        vault.import_keys.add(key, COMMAND_LINE)
    done(f"Import key {key.id}. Its certificate, for whoever hands out the cards: {out}")
    say(f"SHA-256 of the certificate, to be read out over the telephone: {keys.fingerprint(key)}")
    say("They encrypt the file with:")
    say("")
    say(f"    {command_for(out.name)}")


def command_for(certificate: str) -> str:
    """What the sender runs, with any OpenSSL since 3.0."""
    return (
        "openssl cms -encrypt -binary -outform DER -aes-256-gcm -in cards.csv -out cards.cms"
        f" -recip {certificate} -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256"
    )


def list_keys(as_json: AsJson = False, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """List the import keys that there are.

    Example: card-gateway cards import-keys
    """
    with _vault(read_config(config)) as vault:
        found = vault.import_keys.all()
    if as_json:
        print_json([_public(one) for one in found])
    elif found:
        rows = ((one.id, f"{one.created:%Y-%m-%d}", keys.fingerprint(one)) for one in found)
        table(("ID", "CREATED", "SHA-256 OF THE CERTIFICATE"), rows)
    else:
        say("No import keys. Make one: card-gateway cards import-key --out import.pem")


def erase_key(
    id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, from `import-keys`.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Erase an import key: no copy of a file that was encrypted for it opens any more.

    Example: card-gateway cards import-key-erase 4f0a9b1c
    """
    with _vault(read_config(config)) as vault:
        if not vault.import_keys.erase(id, datetime.now(UTC), COMMAND_LINE):
            complain(
                "There is no import key with this id.", "The ids: card-gateway cards import-keys"
            )
            raise typer.Exit(2)
    done(f"Import key {id} is erased.")


def import_cards(  # noqa: PLR0917 - typer's options
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As it came, encrypted.")],
    product: Annotated[str, typer.Option(help="A product of gateway.yaml.")],
    provider: Annotated[str, typer.Option(help="Whose tokens these are: pci-booking.")],
    map: Annotated[
        Path | None, typer.Option(help="Where each old token goes with its new one, as CSV.")
    ] = None,
    refused: Annotated[
        Path | None,
        typer.Option(help="Where the lines go that were refused or are doubtful, as CSV."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Import the cards of an encrypted file, each with its old token. The gateway may run meanwhile.

    May be stopped, and run again: what is there already stays. Exit code 1 when lines were refused or are
    doubtful.

    Example: card-gateway cards import cards.cms --product seaside --provider pci-booking --map map.csv
    """
    settings = read_config(config)
    known = _product(settings, product)
    _check_provider(provider)
    with ExitStack() as closing:
        opened = closing.enter_context(file.open("rb"))
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise typer.BadParameter("it is read twice: name a file, no pipe", param_hint="FILE")
        vault = closing.enter_context(_vault(settings))
        private = [keys.load(one) for one in vault.import_keys.all()]
        importing = Importing(vault, known, provider, private, utc_now)
        looked, counts, shown = _run(importing, opened, map, refused)
    if as_json:
        print_json({"sha256": looked.sha256, "records": looked.records, **_counted(counts)})
    else:
        _tell(looked, counts, shown)
        if provider not in known.accepts_tokens_of:
            say(
                f"The old tokens count once products.{product} has `accepts_tokens_of: [{provider}]`."
            )
    raise typer.Exit(1 if any(counts[code] for code in Code) else 0)


# --- inside ---------------------------------------------------------------------------------------


def _run(
    importing: Importing, file: BinaryIO, map: Path | None, refused: Path | None
) -> tuple[Looked, Counter[str], list[Told]]:
    counts: Counter[str] = Counter()
    shown: list[Told] = []
    size = os.fstat(file.fileno()).st_size
    try:
        with _watched("looking", size) as progress:
            looked = importing.look(file, progress)
    except FileRefused as error:
        complain(f"{error.text} Nothing was imported.", error.action)
        raise typer.Exit(2) from None
    try:
        with (
            new_table(map, _MAP) as mapped,
            new_table(refused, _REFUSED) as told,
            _watched("importing", size) as progress,
        ):
            for one in importing.run(file, looked, progress):
                if one.code is not None:
                    counts[one.code] += 1
                    told.add(one.line, one.code.value)
                    shown += [one] if len(shown) < _SHOWN else []
                if one.token is not None and one.old is not None:
                    counts["imported" if one.created else "already_there"] += 1
                    token = one.token
                    mapped.add(one.old.text, token.alias, token.iduser, token.tokenuser)
    except FileRefused as error:
        complain(error.text, error.action)
        raise typer.Exit(2) from None
    return looked, counts, shown


@contextmanager
def _watched(what: str, size: int) -> Iterator[_Watcher]:
    terminal = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, console=terminal, transient=True, disable=not terminal.is_terminal
    ) as progress:
        yield _Watcher(progress, what, size)


class _Watcher:
    """Tells on a terminal how far it came."""

    def __init__(self, progress: Progress, what: str, size: int) -> None:
        self._progress, self._task = progress, progress.add_task(what, total=size)

    def __call__(self, read: int) -> None:
        self._progress.update(self._task, completed=read)


@contextmanager
def _vault(config: Config) -> Iterator[Vault]:
    with closing(open_vault(config, sinks=config.audit.files)) as vault:
        yield vault


def _product(config: Config, name: str) -> Product:
    if name in config.products:
        return Products(config).named(name)
    guess = suggest(name, config.products) or f"; there are: {', '.join(config.products)}"
    raise typer.BadParameter(f"there is no product `{name}`{guess}", param_hint="--product")


def _check_provider(name: str) -> None:
    try:
        parse_name(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--provider") from None


def _public(key: ImportKey) -> dict[str, object]:
    return {"id": key.id, "created": key.created.isoformat(), "sha256": keys.fingerprint(key)}


def _counted(counts: Counter[str]) -> dict[str, object]:
    refusals = {code.value: counts[code] for code in Code if counts[code] and code is not Code.LUHN}
    return {
        "imported": counts["imported"],
        "already_there": counts["already_there"],
        "refused": sum(refusals.values()),
        "refused_for": refusals,
        "doubtful": counts[Code.LUHN],
    }


def _tell(looked: Looked, counts: Counter[str], shown: list[Told]) -> None:
    for one in shown:
        complain(f"line {one.line}: {one.code}")
    found = _counted(counts)
    done(f"Imported: {found['imported']}. There already: {found['already_there']}.")
    say(f"Refused: {found['refused']}. Imported, with a wrong check digit: {found['doubtful']}.")
    say(f"Records in the file: {looked.records}. SHA-256 of the file: {looked.sha256}")
