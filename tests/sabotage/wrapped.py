"""What other tools wrap around an exchange is no message, and what they say of it shows no card."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

WRAPPED = ("tests/cli/test_cli_transcript_wrapped.py",)
TRACES = ("tests/cli/test_cli_transcript_trace.py",)
LOGS = ("tests/cli/test_cli_rules_new_logs.py",)

BREAKAGES = (
    Breakage(
        "take a tool's file for the message in it",
        "P15",
        "gateway/cli/transcript.py",
        "    if wrapped is not None:",
        "    if wrapped is not None and not raw:",
        WRAPPED,
    ),
    Breakage(
        "take what only matches a body for the body",
        "P15",
        "gateway/cli/wrapped/stubs.py",
        '_BODIES: Final = ("equalToJson", "equalToXml", "equalTo")',
        '_BODIES: Final = ("equalToJson", "equalToXml", "equalTo", "contains", "matchesJsonPath")',
        WRAPPED,
    ),
    Breakage(
        "follow names that stand for others in an export",
        "P37",
        "gateway/yaml_texts.py",
        "        return yaml.load(raw, _Plain)",
        "        return yaml.load(raw, _Texts)",
        WRAPPED,
    ),
    Breakage(
        "take the first bytes of a trace's text for digits",
        "P15",
        "gateway/cli/curl_trace.py",
        "    if lengths == list(map(len, shown)) and all(",
        "    if all(",
        TRACES,
    ),
    Breakage(
        "propose a rule for the logger's lines",
        "P15",
        "gateway/cli/proposal/logs.py",
        "    return found if find_cards(found) else log",
        "    return log",
        LOGS,
    ),
    Breakage(
        "take a partner's message for a logger's line",
        "P15",
        "gateway/cli/proposal/logs.py",
        "        if said is None or not (_LEVELS & entry.keys() and _TIMES & entry.keys()):",
        "        if said is None:",
        LOGS,
    ),
    Breakage(
        "scan each row of a trace by itself",
        "P16",
        "gateway/cli/scan.py",
        "    yield from _broken_hits(chunk, data, allow_test_numbers)\n\n",
        "\n",
        ("tests/cli/test_cli_scan.py",),
    ),
)
