"""What `rules new` proposes holds nothing of the recording, and is put through the gateway before it is printed."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

PROPOSED = (
    "tests/cli/test_cli_rules_new.py",
    "tests/cli/test_cli_rules_new_command.py",
    "tests/cli/test_cli_rules_new_names.py",
)

BREAKAGES = (
    Breakage(
        "propose an example with the recording's own texts",
        "P16",
        "gateway/cli/proposal/blanked.py",
        '    return "0" if bare.isdigit() else "x"',
        "    return bare",
        PROPOSED,
    ),
    Breakage(
        "propose the recorded number in an example",
        "P16",
        "gateway/cli/proposal/examples.py",
        "    texts = {card.number.steps: number}",
        "    texts = {card.number.steps: card.number.text}",
        PROPOSED,
    ),
    Breakage(
        "take an order's number for a card",
        "P15",
        "gateway/cli/proposal/found.py",
        "    if words.names_else(name):\n        return False\n    return pan",
        "    return pan",
        PROPOSED,
    ),
    Breakage(
        "keep a URL's identifiers in a proposed path",
        "P16",
        "gateway/cli/proposal/plan.py",
        "and not _VARIES.fullmatch(one)",
        "and one",
        PROPOSED,
    ),
)
