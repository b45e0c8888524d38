"""What the control API and its commands give to whom: P16, P28, P33."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

CALLER = ("tests/control/test_control_caller.py",)
EXCHANGES = ("tests/control/test_control_exchanges.py",)
ANSWERS = ("tests/control/test_control_answers.py",)
COMMAND = ("tests/cli/test_cli_exchanges.py",)

BREAKAGES = (
    Breakage(
        "repeat what is invalid in a call",
        "P16",
        "gateway/control/problems.py",
        '"problem": kind}',
        '"problem": str(found["input"])}',
        CALLER,
    ),
    Breakage(
        "an answer's file that others may read",
        "P16",
        "gateway/cli/exchanges_content.py",
        "os.O_EXCL, 0o600)",
        "os.O_EXCL, 0o644)",
        COMMAND,
    ),
    Breakage(
        "take any live key for any call",
        "P28",
        "gateway/control/caller.py",
        "        if caller.scopes.isdisjoint(scopes):",
        "        if not caller.key_id:",
        CALLER,
    ),
    Breakage(
        "show an exchange of another product",
        "P28",
        "gateway/control/exchanges.py",
        "products=caller.products, client=whose",
        "products=None, client=whose",
        EXCHANGES,
    ),
    Breakage(
        "name another client and have its exchange",
        "P28",
        "gateway/control/exchanges.py",
        "        if whose == caller.client or caller.is_admin:",
        "        if whose:",
        EXCHANGES,
    ),
    Breakage(
        "give an administrator every client's answers",
        "P28",
        "gateway/control/exchanges.py",
        "        if row.client != caller.client:\n",
        "        if row.client != caller.client and not caller.is_admin:\n",
        EXCHANGES,
    ),
    Breakage(
        "read a body of any length before asking who sends it",
        "P33",
        "gateway/control/border.py",
        "            if left < 0:\n",
        "            if left < -(2**40):\n",
        CALLER,
    ),
    Breakage(
        "let a filter pass that filters nothing",
        "P16",
        "gateway/control/api.py",
        "    asked = [Depends(caller.authenticated), *schemes, Depends(query.known)]",
        "    asked = [Depends(caller.authenticated), *schemes]",
        ("tests/control/test_control_charges.py",),
    ),
)
