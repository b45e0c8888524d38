"""docs/leaving.md: its file is imported, its command is ours, its settings load, its codes are all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.access.products import Product
from gateway.cli.cards_import import command_for
from gateway.config import read_config
from gateway.importing.lines import COLUMNS
from gateway.importing.rows import Code
from tests.importing.files import encrypt, imported
from tests.vault.makers import opened

PAGE = (Path(__file__).parents[2] / "docs" / "leaving.md").read_text(encoding="utf-8")
CLIENTS = "clients: { pms: { networks: [127.0.0.0/8] } }\n"


def block(language):
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return found


def test_the_file_is_imported(tmp_path):
    file = encrypt(tmp_path, block("csv"))
    with opened(tmp_path) as vault:
        told = imported(vault, Product("seaside", test=True), file)[1]
    assert [(one.code, one.created) for one in told] == [(None, True), (None, True)]


def test_the_command_is_what_is_printed():
    assert block("sh").strip() == command_for("import.pem")


def test_the_settings_load(tmp_path):
    (tmp_path / "gateway.yaml").write_text(CLIENTS + block("yaml"))
    config = read_config(tmp_path / "gateway.yaml")
    assert config.products["seaside"].accepts_tokens_of == ("pci-booking", "paycomet")


def test_every_code_and_every_column_is_there():
    for name in (*(code.value for code in Code), *COLUMNS):
        assert f"`{name}`" in PAGE, name


@pytest.mark.parametrize(
    "text", ["2029-08", "08/29", "08/2029", "2029/08", "08-2029", "2029-08-31"]
)
def test_the_spellings_are_read(tmp_path, text):
    assert f"`{text}`" in PAGE
    file = encrypt(tmp_path, f"pan,expiry,token\n4012888888881881,{text},t\n")
    with opened(tmp_path) as vault:
        (one,) = imported(vault, Product("seaside", test=True), file)[1]
    assert one.code is None
