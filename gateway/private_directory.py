"""A directory that its owner alone enters, with all that it needs above it."""

from __future__ import annotations

from pathlib import Path


def make_private(directory: Path) -> None:
    """Makes what is missing of it, each mode 0700 whatever the umask; what is there stays as it is.

    Raises OSError.
    """
    # `mkdir(mode=…, parents=True)` gives the mode to the last of them only: those above would have the
    # umask's, and whoever may write to the directory of a key may put another one there.
    for missing in reversed([directory, *directory.parents]):
        if not missing.is_dir():
            missing.mkdir(mode=0o700, exist_ok=True)
