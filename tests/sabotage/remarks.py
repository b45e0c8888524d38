"""What `rules new` says of a recording beside the pack, and how it reads what other tools kept."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

REMARKS = ("tests/cli/test_cli_rules_new_remarks.py",)
CASSETTES = ("tests/cli/test_cli_transcript_cassettes.py",)

BREAKAGES = (
    Breakage(
        "keep silent on cards in URLs where others were found",
        "P16",
        "gateway/cli/proposal/why_not.py",
        "        if _in_url(message.recorded):\n            yield f",
        "        if False:\n            yield f",
        REMARKS,
    ),
    Breakage(
        "propose a route for a URL that the gateway refuses, and say nothing",
        "P32",
        "gateway/cli/proposal/proof.py",
        "            ambiguous.append(message.recorded.place)",
        "            continue",
        REMARKS,
    ),
    Breakage(
        "leave a code that is empty in the recording out of the pack",
        "P03",
        "gateway/cli/proposal/found.py",
        "    said = code or guessed or codes.blank(taken, region)",
        "    said = code or guessed",
        ("tests/cli/test_cli_rules_new.py",),
    ),
    Breakage(
        "read a card's number in a cassette as a number",
        "P15",
        "gateway/yaml_texts.py",
        "class _Texts(yaml.BaseLoader):",
        "class _Texts(yaml.SafeLoader):",
        CASSETTES,
    ),
)
