"""What `rules new` says of cards beside each other, and of dialects that name nothing."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

BESIDE = ("tests/cli/test_cli_rules_new_beside.py",)

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
)
