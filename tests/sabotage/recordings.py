"""What is told of recorded messages shows no card, and a rehearsal is one: guarded, and nothing sent."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

HARS = ("tests/cli/test_cli_transcript_har.py",)
EXPLAINED = ("tests/cli/test_cli_rules_recorded.py", "tests/cli/test_cli_rules_explain.py")
REHEARSED = ("tests/cli/test_cli_rules_rehearse.py", "tests/cli/test_cli_rehearsal.py")

BREAKAGES = (
    Breakage(
        "show a number that is taken out as it was",
        "P16",
        "gateway/cli/hiding.py",
        '    return digits[:6] + "x" * (len(digits) - 10) + digits[-4:]',
        "    return digits",
        EXPLAINED,
    ),
    Breakage(
        "show what stands around a change as it came",
        "P16",
        "gateway/cli/explain.py",
        "        tail = Piece(context(",
        "        tail = Piece(str(",
        EXPLAINED,
    ),
    Breakage(
        "tell what a request asked for with its query",
        "P16",
        "gateway/cli/hiding.py",
        '    bare = path.partition("?")[0]\n    text',
        "    bare = path\n    text",
        (*EXPLAINED, *REHEARSED),
    ),
    Breakage(
        "repeat the recording where its JSON breaks",
        "P16",
        "gateway/cli/transcript_har.py",
        'raise wrong(file, line, "this is not well-formed JSON", "Export the HAR again.") from None',
        "raise wrong(file, line, error.doc) from None",
        HARS,
    ),
    Breakage(
        "rehearse without the guard",
        "P11",
        "gateway/cli/rehearsal.py",
        "                step = self._step(self._pipeline.answer, exchange, exchange.response)\n"
        "                refused = run_here(step)\n",
        "                refused = None\n",
        REHEARSED,
    ),
    Breakage(
        "call a day fine in which a message is refused",
        "P11",
        "gateway/cli/rehearsed.py",
        "            self.refusals or self.failures",
        "            self.failures",
        REHEARSED,
    ),
    Breakage(
        "give a rehearsal a loop that could send",
        "P30",
        "gateway/cli/rehearsal.py",
        "    before = events._get_running_loop()",
        "    asyncio.new_event_loop().close()\n    before = events._get_running_loop()",
        REHEARSED,
    ),
)
