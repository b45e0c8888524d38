"""Text that was read as YAML before is not taken apart again: the packs are half of a start.

`once()` is for gateways in the tests' own process. Importing `tests.parsed_packs` does the same for
good, with what is shipped read already: for what forks gateways (children.py).
"""

from __future__ import annotations

import pickle
from contextlib import contextmanager
from unittest import mock

from gateway import strict_yaml

_TEXTS: dict[tuple[str, str], bytes] = {}
_READ = strict_yaml.load_text


def known(text, file):
    """As `strict_yaml.load_text`; what comes back is the caller's own."""
    if (text, file) not in _TEXTS:
        _TEXTS[text, file] = pickle.dumps(_READ(text, file))
    return pickle.loads(_TEXTS[text, file])


@contextmanager
def once():
    with mock.patch.object(strict_yaml, "load_text", known):
        yield
