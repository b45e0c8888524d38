"""Snippets of a document, each run as it stands there, with the client that it is for."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "sh": ("run.sh", ["sh", "-eu"]),
    "python": ("run.py", [sys.executable]),
    "javascript": ("run.mjs", ["node"]),
    "java": ("Pull.java", ["java"]),
    "php": ("run.php", ["php"]),
    "go": ("run.go", ["go", "run"]),
}
# What must be there for a snippet, besides what its language needs.
NEEDS = {
    "curl": ["curl"], "wget": ["wget"], "openssl": ["openssl"], "keytool": ["keytool"],
    "java": ["java", "keytool"],
}  # fmt: skip
MODULES = ("requests", "httpx", "aiohttp", "urllib3", "zeep", "stripe")
FOREIGN = re.compile("proxy|CA_BUNDLE|SSL_CERT|EXTRA_CA|JAVA_TOOL", re.IGNORECASE)
PULL = re.compile(r"^pull (\d+)$", re.MULTILINE)
CHARGE = re.compile(r"^charge (\d+)$", re.MULTILINE)


def snippets_of(path):
    """name → (language, text), for every fence with a `run:` before it."""
    found = re.findall(
        r"<!-- run: ([\w-]+) -->\n```(\w+)\n(.*?)\n```", path.read_text(encoding="utf-8"), re.DOTALL
    )
    return {name: (language, text) for name, language, text in found}


def clean_environment():
    """Whatever this machine says about proxies and authorities is not what is tried."""
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.search(name)}
    # Go compiles its own library first; with the test's HOME it would do so each time.
    return {"GOCACHE": str(Path.home() / ".cache/go-build")} | kept


def run_snippet(name, snippet, directory: Path, environment, options=()):
    """What it wrote. A client that is not installed is skipped with its name."""
    language, text = snippet
    file, command = FILES[language]
    client = name.partition("-")[0]
    for program in (command[0], *NEEDS.get(client, ())):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if client in MODULES and importlib.util.find_spec(client) is None:
        pytest.skip(f"the Python package {client} is not installed")
    path = directory / file
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [*command, *options, str(path)],
        env=clean_environment() | environment, cwd=directory,
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr
