"""Reads the packs and the processors that are shipped, once for all gateways that are forked from here."""

from __future__ import annotations

from pathlib import Path

from gateway.processors.load import FOLDER
from gateway.rules.load import read_texts
from tests.parsed import known, remember

RULES = Path(__file__).parent.parent / "rules"

for directory in (RULES, RULES / FOLDER):
    for file, text in read_texts(directory).items():
        known(text, file)
remember()
