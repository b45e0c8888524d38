"""Text that was read as YAML before is not taken apart again: it is a good part of each gateway's start.

In a process of tests (conftest.py), and in what forks gateways (children.py, by `tests.parsed_packs`,
which has read already what is shipped).
"""

from __future__ import annotations

import dataclasses
import pickle

from gateway import strict_yaml

_TEXTS: dict[str, bytes] = {}
_READ = strict_yaml.load_text


def known(text, file):
    """As `strict_yaml.load_text`; what comes back is the caller's own. A mistake is found each time."""
    if text not in _TEXTS:
        _TEXTS[text] = pickle.dumps(_READ(text, file))
    return dataclasses.replace(pickle.loads(_TEXTS[text]), file=file)


def remember():
    """From now on."""
    strict_yaml.load_text = known
