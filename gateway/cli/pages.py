"""`card-gateway pages verify|inventory`: are the pages that browsers get the ones that are installed?"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated

import httpx
import typer

from gateway.cli.output import AsJson, complain, done, print_json, table
from gateway.pages.assets import inventory
from gateway.pages.served import Page, differences

app = typer.Typer(no_args_is_help=True, help="Compare served pages with what is installed.")
_SECONDS = 20.0


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
    parent.add_typer(app, name="pages")


@app.command("inventory")
def show(as_json: AsJson = False) -> None:
    """Show each script and style of the pages, why it is there, and its hash (PCI DSS 6.4.3).

    Example: card-gateway pages inventory --json
    """
    listed = inventory()
    if as_json:
        print_json([{"name": o.name, "why": o.why, "integrity": o.integrity} for o in listed])
    else:
        table(("FILE", "WHY", "SHA-384"), ((o.name, o.why, o.integrity) for o in listed))


@app.command("verify")
def verify(
    url: Annotated[
        str,
        typer.Argument(help="The pages' address, or a link's: opening a link does not use it up."),
    ],
    ca: Annotated[Path | None, typer.Option(help="The CA to trust. Default: the system's.")] = None,
) -> None:
    """Fetch what is really served, and compare scripts and headers with what is installed (11.6.1).

    Exit code 1 for a difference, 2 where nothing could be fetched. To be run once a week at least, from
    outside, on a machine that the pages' server can not change.

    Example: card-gateway pages verify https://cards.example.com/
    """
    if not url.startswith("https://"):
        complain("That is not an https URL.", "Write it like https://cards.example.com/")
        raise typer.Exit(2)
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    try:
        with httpx.Client(verify=context, timeout=_SECONDS, trust_env=False) as client:
            page, again = _page(client, url), _page(client, url)
            found = list(differences(page, again, lambda one: _content(client, one)))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        complain(
            f"The page could not be fetched: {type(error).__name__}.", "Check address and --ca."
        )
        raise typer.Exit(2) from None
    for one in found:
        complain(one)
    if found:
        raise typer.Exit(1)
    done(f"{len(inventory())} scripts and styles, and all headers, are as installed.")


def _page(client: httpx.Client, url: str) -> Page:
    answer = client.get(url)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Page(str(answer.url), answer.status_code, headers, answer.text)


def _content(client: httpx.Client, url: str) -> bytes | None:
    answer = client.get(url)
    return answer.content if answer.status_code == 200 else None
