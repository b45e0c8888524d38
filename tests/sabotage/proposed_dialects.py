"""What `rules new` says of cards beside each other, and of dialects that name nothing."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

BESIDE = ("tests/cli/test_cli_rules_new_beside.py",)

DIALECTS = ("tests/cli/test_cli_rules_new_dialects.py",)

BREAKAGES = (
    Breakage(
        "propose two cards of one node as two dialects of one",
        "P15",
        "gateway/cli/proposal/shapes.py",
        "        if flat or (*key, number) in beside:",
        "        if flat:",
        BESIDE,
    ),
    Breakage(
        "give the second card of a node the first one's expiry",
        "P15",
        "gateway/cli/proposal/flat.py",
        "        yield [len(one & parts) for one in self._own]\n",
        "",
        BESIDE,
    ),
    Breakage(
        "take what a segment says for a part of a path",
        "P16",
        "gateway/cli/proposal/segments.py",
        'if not n and _QUALIFIER.fullmatch(value) else "{*}")',
        "if not n else value)",
        DIALECTS,
    ),
    Breakage(
        "take a data element's number for a name that says nothing",
        "P15",
        "gateway/cli/proposal/called.py",
        "        if known:\n            return known\n",
        "",
        DIALECTS,
    ),
    Breakage(
        "propose agencies' range though a guest's card is of it",
        "P15",
        "gateway/cli/proposal/agencies.py",
        " and not shared & others",
        "",
        ("tests/cli/test_cli_rules_new_around.py",),
    ),
    Breakage(
        "scan a hex dump line by line",
        "P16",
        "gateway/cli/hex_dumps.py",
        "if not goes_on and content:",
        "if content:",
        ("tests/cli/test_cli_scan.py",),
    ),
)
