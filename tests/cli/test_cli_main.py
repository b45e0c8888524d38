"""The command as a whole: help, version, exit codes, errors as text, a pipe."""

import contextlib
import json
import os
import pty
import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from gateway import __version__
from gateway.cli import main
from gateway.errors import VaultUnavailable


def test_version_and_help(run):
    assert run("--version", options=False) == (0, f"card-gateway {__version__}\n", "")
    code, out, _ = run("--help", options=False)
    assert code == 0
    assert "Exit codes: 0 fine, 1 found something, 2 wrong use." in out
    for group in ("keys", "certs", "refused", "check"):
        assert group in out
        assert run(group, "--help", options=False)[0] == 0


def test_the_help_says_of_each_command_what_its_module_says():
    group = get_command(main.app)
    assert group.list_commands(None) == list(main._COMMANDS)
    for name, said in main._COMMANDS.items():
        assert group.get_command(None, name).help.split("\n\n")[0] == said


def test_a_command_imports_what_it_needs_and_the_help_none():
    script = (
        "import sys\n"
        "from typer.main import get_command\n"
        "from typer.testing import CliRunner\n"
        "from gateway.cli.main import app\n"
        "shown = CliRunner().invoke(app, ['--help']).stdout\n"
        "print('exchanges' in shown, [name for name in sys.modules if name.startswith(\n"
        "      ('gateway.vault', 'gateway.config', 'gateway.rules', 'pydantic', 'lxml'))])\n"
        "get_command(app).get_command(None, 'keys').get_command(None, 'list')\n"
        "print('gateway.vault.service' in sys.modules,\n"
        "      {'fastapi', 'httpx', 'mitmproxy', 'gateway.sandbox'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout == "True []\nTrue set()\n", done.stderr


def test_wrong_use_is_2(run):
    code, _, err = run("exchange", options=False)
    assert code == 2
    assert "exchanges" in err  # what may be meant
    assert run("keys", "create")[0] == 2


def test_a_mistake_in_the_configuration_is_told_with_its_line(run):
    run.config.write_text(run.config.read_text().replace("terminal: 2", "terminal: 1"))
    code, out, err = run("keys", "list")
    assert (code, out) == (2, "")
    assert err == (
        f"{run.config}:6:3: `hilltop` and `seaside` have the same merchant_code and terminal\n"
        "    A token belongs to one product: remove one of them.\n"
    )


def test_a_configuration_that_is_not_there(run):
    run.config.unlink()
    code, _, err = run("refused")
    assert code == 2
    assert err == f"{run.config}: the file can not be read: No such file or directory\n"


def test_a_refusal_is_told_with_what_to_do(run, monkeypatch):
    def sealed(*_, **_more):
        raise VaultUnavailable

    monkeypatch.setattr("gateway.cli.keys.open_vault", sealed)
    code, _, err = run("keys", "list")
    assert code == 2
    assert err == f"{VaultUnavailable.text}\n    {VaultUnavailable.action}\n"


def test_a_file_that_can_not_be_used(run):
    code, _, err = run("certs", "init", "--directory", str(run.config / "ca"))
    assert code == 2
    assert "Not a directory" in err or "File exists" in err


def test_p16_an_unforeseen_error_shows_where_and_never_what(capsys):
    try:
        raise ValueError("4111111111111111")
    except ValueError as error:
        main._without_input(type(error), error, error.__traceback__)
    err = capsys.readouterr().err
    assert "4111" not in err
    assert "ValueError at test_cli_main.py:" in err


def test_a_real_process_in_a_pipe_prints_plain_text(run):
    def call(*arguments):
        command = [sys.executable, "-m", "gateway.cli.main", *arguments, "-c", str(run.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    made = call("keys", "create", "--client", "pms", "--name", "front-desk", "--json")
    assert (made.returncode, made.stderr) == (0, "")
    key = json.loads(made.stdout)["key"]
    listed = call("keys", "list")
    assert listed.returncode == 0
    assert "\x1b" not in listed.stdout
    assert key[4:16] in listed.stdout
    assert key not in listed.stdout


@pytest.mark.parametrize("columns", ["40", "200"])
def test_a_table_in_a_pipe_is_never_cut(run, columns):
    run("keys", "create", "--client", "pms", "--name", "a-name-that-is-rather-long-for-a-key")
    result = CliRunner(env={"COLUMNS": columns}).invoke(
        main.app, ["keys", "list", "--config", str(run.config)]
    )
    assert len(result.stdout.splitlines()) == 2
    assert "a-name-that-is-rather-long-for-a-key" in result.stdout


def test_on_a_terminal_there_are_colours(run):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gateway.cli.main", "keys", "list", "-c", str(run.config)]
    run("keys", "create", "--client", "pms", "--name", "front-desk")
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "160"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(command, stdout=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # what a closed terminal answers
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    assert process.returncode == 0
    assert b"\x1b[1m" in shown
    assert b"front-desk" in shown
