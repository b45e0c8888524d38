"""P24, P27, P36: a vault that is copied, and one that takes nothing."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

COPYING = ("tests/vault/test_vault_copying.py",)

BREAKAGES = (
    Breakage(
        "write into a vault that is closed",
        "P27",
        "gateway/vault/keyring_watch.py",
        "        may(closed)\n",
        "",
        COPYING,
    ),
    Breakage(
        "open a vault whose restore was not finished",
        "P27",
        "gateway/vault/service.py",
        "            closing.may_open(opened.read(closing.why))\n",
        "",
        COPYING,
    ),
    Breakage(
        "leave in a copy what is gone by now",
        "P24",
        "gateway/vault/copying.py",
        "            gone = [key for key in keys if key not in there]",
        "            gone = [key for key in keys if key in there and key not in there]",
        COPYING,
    ),
    Breakage(
        "give numbers of the audit's a second time in a copy",
        "P36",
        "gateway/vault/copying.py",
        '    target.write("copy", lambda c: c.count_from(counters)).result()\n',
        "",
        COPYING,
    ),
    Breakage(
        "lose how far each writer of the audit came",
        "P36",
        "gateway/vault/copying.py",
        "    heads = copying.note_heads()\n",
        "    heads = _heads(source)\n",
        COPYING,
    ),
    Breakage(
        "take a target's full page for all that it has",
        "P24",
        "gateway/vault/copying.py",
        "if unknown and len(there) == table.portion:",
        "if unknown and len(there) == len(portion):",
        (
            "tests/vault/test_vault_copying.py::test_p24_a_target_with_pages_that_the_source_purged_is_brought_in_step",
        ),
    ),
)
