"""Secrets of the configuration: never in gateway.yaml, but in a file or the environment."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from gateway.secret import Secret

# Shorter than this is no password that a machine uses; longer than that is no password at all.
SHORTEST: Final = 8
LONGEST: Final = 1024


def readable_by_others(path: Path) -> bool:
    """Whether group or others have any right on the file."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def read_secret_file(path: Path) -> Secret[str]:
    """The file's text without its last line end. Raises ValueError with a text for the operator:
    absent, not a plain file, open to others, not UTF-8, too short, too long.
    """
    if not path.is_file():
        raise ValueError(f"the file {path.name} does not exist")
    if readable_by_others(path):
        raise ValueError(f"others may read {path.name}; run: chmod 600 {path}")
    return _read(path)


def read_secret_variable(name: str) -> Secret[str]:
    """The environment variable's value. Raises ValueError as `read_secret_file` does."""
    text = os.environ.get(name)
    if text is None:
        raise ValueError(f"the environment variable {name} is not set")
    return _checked(text, name)


def read_secret_credential(name: str) -> Secret[str]:
    """The credential that systemd gives the service under `name`. Raises ValueError as
    `read_secret_file` does. Its mode is systemd's business: it may show the group an ACL's rights.
    """
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        raise ValueError(f"systemd gives no credentials here: LoadCredential={name}:… is missing")
    path = Path(directory) / name
    if not path.is_file():
        raise ValueError(f"the credential {name} does not exist; LoadCredential={name}:… gives it")
    return _read(path)


def _read(path: Path) -> Secret[str]:
    try:
        raw = path.read_bytes()[: LONGEST + 2]
        text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ValueError(f"{path.name} can not be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not UTF-8 text") from None
    return _checked(text, path.name)


def _checked(text: str, source: str) -> Secret[str]:
    if not SHORTEST <= len(text) <= LONGEST:
        raise ValueError(f"the secret in {source} must have {SHORTEST} to {LONGEST} characters")
    if not text.isprintable():
        raise ValueError(f"the secret in {source} has control characters or several lines")
    return Secret(text)
