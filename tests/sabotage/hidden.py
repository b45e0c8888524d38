"""P10, P11: what a partner's answer holds where nobody looks, or of which a part is missing."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

ENCODING = "tests/codecs/test_encoding.py"
CUT = "tests/stages/test_guard_cut.py"

BREAKAGES = (
    Breakage(
        "take whatever the header of gzip says",
        "P10",
        "gateway/codecs/encoding.py",
        "    if has_long_number(_said_in_header(body)):\n        raise CodingNotSupported\n",
        "",
        (f"{ENCODING}::test_p10_a_number_in_the_header_of_gzip_is_refused",),
    ),
    Breakage(
        "read the name in a header of gzip alone",
        "P10",
        "gateway/codecs/encoding.py",
        "    for flag in (_NAME, _COMMENT):\n",
        "    for flag in (_NAME,):\n",
        (f"{ENCODING}::test_p10_a_number_in_the_header_of_gzip_is_refused",),
    ),
    Breakage(
        "know a number that was put in when it is whole alone",
        "P11",
        "gateway/cards/judge.py",
        "    if run.digits >= known.shortest_cut:\n",
        "    if False:\n",
        (CUT,),
    ),
    Breakage(
        "look for what is left of a cut number only where no whole one stands",
        "P11",
        "gateway/cards/judge.py",
        "    if run.digits >= known.shortest_cut:\n",
        "    if run.digits >= known.shortest_cut and not verdicts:\n",
        (f"{CUT}::test_p11_so_in_every_spelling",),
    ),
    Breakage(
        "know the beginning of a cut number alone",
        "P11",
        "gateway/cards/judge.py",
        "            one.startswith(digits) or one.endswith(digits)\n",
        "            one.startswith(digits)\n",
        (f"{CUT}::test_p11_what_is_left_of_a_cut_number_is_the_token",),
    ),
    Breakage(
        "take a part of an answer for the whole",
        "P10",
        "gateway/stages/messages.py",
        "        if isinstance(message, Response) and message.body and _is_part(message):\n",
        "        if isinstance(message, Response) and not message.body and _is_part(message):\n",
        ("tests/e2e/test_unseen.py::test_p10_a_part_of_an_answer_is_none",),
    ),
)
