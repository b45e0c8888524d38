"""`card-gateway`: one module per command or group, of its name, each with `register(app)`."""

from __future__ import annotations

import importlib
import sys
from types import TracebackType
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from gateway import __version__, log
from gateway.cli.output import complain, complain_of
from gateway.errors import ConfigurationError, GatewayError

_HELP = """An HTTP proxy that keeps card numbers out of hotel software.

Examples:

  card-gateway certs init     make the development CA and certificates
  card-gateway check          are gateway.yaml, rules and files right?
  card-gateway keys create --client pms --name front-desk
  card-gateway refused        what was refused, and the YAML that allows it
  card-gateway audit verify   is the audit as it was written?
  card-gateway evidence DIR   what an assessor asks for, in a folder
  card-gateway exchanges list answers that did not arrive, and what to do

Exit codes: 0 fine, 1 found something, 2 wrong use.
"""


# In the order of the help: each with what its module says of it, so that a list of them imports none.
_COMMANDS: Final = {
    "run": "Run the gateway until Ctrl-C or SIGTERM; running exchanges are finished first.",
    "demo": "Tell the whole story: a PMS, its partners, the gateway between them, message by message.",
    "check": "Check gateway.yaml, the rules, the files and certificates. Exit code 1 for any problem.",
    "refused": "Print what was refused lately, with the YAML to paste. Exit code 1 when there is something.",
    "exchanges": "Answers that did not arrive, were refused, or have failed cards; pushes that were refused.",
    "recaptures": "Cards that failed at Expedia Rapid.",
    "rules": "Look at the packs, try them on messages.",
    "processors": "The processors that cards are charged through.",
    "keys": "Make, list and revoke gateway keys.",
    "cards": "Forget cards, erase guests, and bring cards from another vault.",
    "vault": "The vault's keys, and what it keeps.",
    "audit": "Check, export and follow the audit.",
    "evidence": "Write what an assessor asks for (PCI DSS).",
    "pages": "Compare served pages with what is installed.",
    "scan": "Find clear card numbers in files, logs, SQLite databases and archives.",
    "certs": "Make certificates, see when they end.",
    "sandbox": "Simulated partners on this machine: SiteMinder, Stripe, Adyen, PAYCOMET, Channex,\n"
    "BookingSync, Expedia Rapid, Octorate, a processor of its own, and a PMS.",
}


class _Listed(TyperGroup):
    """The group as its help shows it: each command with a sentence, and nothing behind it."""

    def list_commands(self, ctx: Any) -> list[str]:  # click's Context, as below
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # as above; its Command
        del ctx
        return TyperCommand(cmd_name, help=_COMMANDS[cmd_name])


class _Group(TyperGroup):
    """Tells our own errors as text; they are wrong use or a wrong set-up, so the exit code is 2.

    A command's module is imported when it is asked for: whoever lists keys need not wait for the
    simulators of the demo, and whoever asks what there is waits for none of them.
    """

    def format_help(self, ctx: Any, formatter: Any) -> None:  # click's Context and HelpFormatter
        listed = _Listed(name=self.name, help=self.help, params=self.params)
        listed.context_settings = self.context_settings
        listed.format_help(ctx, formatter)

    def list_commands(self, ctx: Any) -> list[str]:  # click's Context, as below
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # as above; its Command
        # What is misspelt is compared with all that there are.
        for name in (cmd_name,) if cmd_name in _COMMANDS else _COMMANDS:
            if name not in self.commands:
                part = typer.Typer(callback=lambda: None)
                importlib.import_module(f"gateway.cli.{name}").register(part)
                made: Any = typer.main.get_command(part)
                self.add_command(made.commands[name])
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: Any) -> Any:  # click's Context, which newer typers bring along themselves
        try:
            return super().invoke(ctx)
        except (ConfigurationError, GatewayError) as error:
            complain_of(error)
        except OSError as error:  # a file that is absent, or not ours to read or write
            complain(f"{error.filename or 'a file'}: {error.strerror or 'could not be used'}")
        raise typer.Exit(2)


app = typer.Typer(
    cls=_Group,
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"card-gateway {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print it and leave."),
    ] = False,
) -> None:
    """Options of the command as a whole."""


def _without_input(
    kind: type[BaseException], _: BaseException, trace: TracebackType | None
) -> None:
    """Where an unforeseen error happened, never its text: that may hold what a file held."""
    place = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename.rpartition("/")[2]
        place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    complain(f"{kind.__name__} at {place}", "This is a mistake in card-gateway: please report it.")


def main() -> None:
    """The console script."""
    sys.excepthook = _without_input
    log.configure("warning", formatter=log.PlainLines())  # `run` has lines of JSON instead
    # Not `app(...)`: that puts typer's own hook in place of ours, which tells texts and lines.
    typer.main.get_command(app)(prog_name="card-gateway")


if __name__ == "__main__":
    main()
