"""`card-gateway sandbox`: simulated partners on this machine, and pushes from them."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Annotated, NoReturn

import httpx
import typer

from gateway.sandbox.pull import read_request
from gateway.sandbox.push import Credential, PushResult, push_json, push_ota
from gateway.sandbox.server import HOSTS, PORT_BASE, PortTaken, Sandbox, fixed_ports

_To = Annotated[str, typer.Option("--to", help="The gateway's URL that the push goes to.")]
_Hotel = Annotated[str, typer.Option(help="The hotel code in the message.")]
_Ca = Annotated[Path | None, typer.Option(help="PEM file of the CA that the URL's server has.")]
_User = Annotated[str, typer.Option(help="User of WS-Security (ota) or HTTP Basic.")]
_PasswordFile = Annotated[Path | None, typer.Option(help="File with that user's password.")]
_Basic = Annotated[bool, typer.Option("--basic", help="Send user and password as HTTP Basic.")]
_Header = Annotated[str, typer.Option(help="Name of the header that holds the push key.")]
_HeaderFile = Annotated[Path | None, typer.Option(help="File with that header's value.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


_HELP = """Simulated partners on this machine: SiteMinder, Stripe, Adyen, PAYCOMET, Channex,
BookingSync, Expedia Rapid, Octorate, a processor of its own, and a PMS.

Examples:

  card-gateway sandbox                         until Ctrl-C; prints hosts and calls to try

  card-gateway sandbox push ota --to https://127.0.0.1:8443/... --ca state/ca/...pem
"""


def register(app: typer.Typer) -> None:
    """Adds the command `sandbox` with its sub-command `push` to `app`."""
    group = typer.Typer(invoke_without_command=True, help=_HELP)
    group.callback()(_run)
    pushes = typer.Typer(
        no_args_is_help=True, help="Push a reservation as a channel manager would."
    )
    pushes.command("ota")(_push_ota)
    pushes.command("json")(_push_json)
    group.add_typer(pushes, name="push")
    app.add_typer(group, name="sandbox")


def describe(sandbox: Sandbox) -> dict[str, object]:
    """Hosts, credentials and settings of a running sandbox, as `--json` prints them."""
    who = sandbox.siteminder.settings
    return {
        "ca": str(sandbox.ca_file),
        "hosts": {host.name: sandbox.named_url(host.name) for host in HOSTS},
        "urls": {host.name: sandbox.url(host.name) for host in HOSTS},
        "test_hosts": sandbox.gateway_settings(),
        "siteminder": {"username": who.username, "password": who.password, "code": "SANDBOX"},
    }


def _run(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Option(help="Where the sandbox keeps its CA; made when it is not there.")
    ] = Path("state/sandbox"),
    port_base: Annotated[
        int, typer.Option(min=1024, max=65500, help=f"The first of {len(HOSTS)} ports.")
    ] = PORT_BASE,
    as_json: _AsJson = False,
) -> None:
    """Runs the simulators until Ctrl-C, and prints where they are and what to try."""
    if context.invoked_subcommand is not None:
        return
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sandbox = Sandbox(directory, ports=fixed_ports(port_base))
    try:
        sandbox.start()
    except PortTaken as taken:
        typer.echo(str(taken), err=True)
        raise typer.Exit(2) from None
    try:
        typer.echo(json.dumps(describe(sandbox)) if as_json else _told(sandbox))
        while not stop.wait(1.0):  # in slices, so that a signal is handled
            pass
    finally:
        sandbox.stop()


def _told(sandbox: Sandbox) -> str:
    """What a newcomer reads: hosts, and a call for each simulator, ready to copy."""
    who = sandbox.siteminder.settings
    hosts = "\n".join(f"  {host.name:<11} {sandbox.named_url(host.name)}" for host in HOSTS)
    curl = f"curl --noproxy '*' --cacert {sandbox.ca_file}"
    pull = f"{sandbox.url('siteminder')}/pmsxchangev2/services/SANDBOX"
    stripe, adyen = sandbox.url("stripe"), sandbox.url("adyen")
    channex, pms = sandbox.url("channex"), sandbox.url("pms")
    paycomet = sandbox.url("paycomet")
    bookingsync = sandbox.url("bookingsync")
    return f"""The sandbox runs on this machine only. Ctrl-C stops it.

{hosts}

CA to trust: {sandbox.ca_file}
SiteMinder: user {who.username}, password {who.password}, PMS code SANDBOX; hotel 10107 has a card
(hotel codes for every other case: gateway/sandbox/siteminder.py)

Without a gateway, to see what a PMS would have to handle itself:

A pull
  {curl} {pull} \\
    -H 'Content-Type: text/xml; charset=utf-8' --data-binary @- <<'XML'
{read_request("10107", who.username, who.password)}
XML
A charge
  {curl} {stripe}/v1/payment_intents -u sk_test_sandbox: -d amount=1099 -d currency=eur \\
    -d confirm=true -d 'payment_method_data[type]=card' \\
    -d 'payment_method_data[card][number]=4242424242424242' \\
    -d 'payment_method_data[card][exp_month]=12' -d 'payment_method_data[card][exp_year]=2030'
  {curl} {stripe}/_sandbox/received      # the cards that came in ({adyen}: the same)
A card for PAYCOMET to keep, answered with its pair (docs/sandbox-paycomet.md has more)
  {curl} {paycomet}/v1/cards -H 'PAYCOMET-API-TOKEN: sandbox' -H 'Content-Type: application/json' \\
    -d '{{"terminal":1,"pan":"5445288852200883","expiryMonth":"05","expiryYear":"30","cvc2":"123"}}'
A JSON feed
  {curl} {channex}/api/v1/booking_revisions/feed -H 'user-api-key: sandbox'
A tentative booking, to be paid by card (then: docs/sandbox-bookingsync.md)
  {curl} {bookingsync}/api/v3/rentals/1/bookings -H 'Authorization: Bearer sandbox' \\
    -H 'Content-Type: application/vnd.api+json' \\
    -d '{{"bookings": [{{"start_at": "2030-05-01", "end_at": "2030-05-04", "booked": false}}]}}'
A booking whose card fails (the calls: docs/sandbox-rapid.md)
  {curl} {sandbox.url("rapid")}/_sandbox/book-link \\
    -d '{{"checkin": "2030-05-01", "checkout": "2030-05-03"}}'
A reservation with Octorate's token (then: docs/octorate.md)
  {curl} {sandbox.url("octorate")}/connect/rest/v1/reservation/10107/900101 \\
    -H 'Authorization: Bearer sandbox'
A push
  card-gateway sandbox push ota --to {pms}/ota --ca {sandbox.ca_file}"""


def _push_ota(  # noqa: PLR0917  # options, by name on the command line
    to: _To,
    hotel: _Hotel = "10107",
    ca: _Ca = None,
    user: _User = "",
    password_file: _PasswordFile = None,
    basic: _Basic = False,
    header: _Header = "",
    header_value_file: _HeaderFile = None,
    as_json: _AsJson = False,
) -> None:
    """Posts an OTA_HotelResNotifRQ (SOAP) with one card. Exit 1 when it is not accepted."""
    credential = _credential(
        user, password_file, header, header_value_file, as_wsse=bool(user) and not basic
    )
    try:
        result = push_ota(to, hotel=hotel, credential=credential, ca=ca)
    except httpx.HTTPError as error:
        _unanswered(error)
    _report(result, as_json=as_json)


def _push_json(  # noqa: PLR0917  # the same
    to: _To,
    hotel: _Hotel = "10107",
    ca: _Ca = None,
    user: _User = "",
    password_file: _PasswordFile = None,
    header: _Header = "",
    header_value_file: _HeaderFile = None,
    as_json: _AsJson = False,
) -> None:
    """Posts a booking as JSON with one card. Exit 1 when it is not accepted."""
    credential = _credential(user, password_file, header, header_value_file, as_wsse=False)
    try:
        result = push_json(to, hotel=hotel, credential=credential, ca=ca)
    except httpx.HTTPError as error:
        _unanswered(error)
    _report(result, as_json=as_json)


def _credential(
    user: str, password_file: Path | None, header: str, header_file: Path | None, *, as_wsse: bool
) -> Credential:
    if bool(user) != bool(password_file) or bool(header) != bool(header_file):
        raise typer.BadParameter(
            "--user goes with --password-file, --header with --header-value-file"
        )
    pair = (user, _secret(password_file)) if password_file else None
    return Credential(
        wsse=pair if as_wsse else None,
        basic=None if as_wsse else pair,
        header=(header, _secret(header_file)) if header_file else None,
    )


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None


def _unanswered(error: httpx.HTTPError) -> NoReturn:
    typer.echo(f"no answer: {type(error).__name__}", err=True)
    raise typer.Exit(1) from None


def _report(result: PushResult, *, as_json: bool) -> None:
    if as_json:
        told = {"status": result.status, "accepted": result.accepted, "errors": result.errors}
        typer.echo(json.dumps(told))
    else:
        typer.echo(f"{'accepted' if result.accepted else 'refused'}, status {result.status}")
        for error in result.errors:
            typer.echo(f"  {error}")
    if not result.accepted:
        raise typer.Exit(1)
