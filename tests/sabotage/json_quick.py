"""Breakages of the quick way through JSON: a parser in C says that it is JSON, one expression where what stands."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

CONTAINERS = "gateway/codecs/json_containers.py"
CONTENTS = "gateway/codecs/json_contents.py"
TEST = "tests/codecs/test_json_containers.py"
LEFT = f"{TEST}::test_p13_what_a_faster_parser_reads_otherwise_is_left_to_the_scan"
NAMES = f"{TEST}::test_p13_names_are_those_that_are_read_one_by_one"

BREAKAGES = (
    Breakage(
        "take NaN for JSON, as a faster parser does",
        "P13",
        CONTAINERS,
        '    if b"NaN" in body or b"Infinity" in body:\n        return False\n',
        "",
        (LEFT,),
    ),
    Breakage(
        "take a number of any length, as a faster parser does",
        "P13",
        CONTAINERS,
        "if not stretches or max(map(len, stretches)) >= WINDOW:",
        "if not stretches:",
        (LEFT,),
    ),
    Breakage(
        "take as many levels as a faster parser does for a card's message",
        "P13",
        CONTAINERS,
        "                if len(open_ones) > levels:\n",
        "                if len(open_ones) > 200:\n",
        (LEFT, f"{TEST}::test_p13_as_many_levels_as_the_scan_takes"),
    ),
    Breakage(
        "take two values for one list",
        "P13",
        CONTAINERS,
        "if position == last and len(starts) <= most else None",
        "if len(starts) <= most else None",
        (LEFT,),
    ),
    Breakage(
        "look for brackets inside of what a piece's end cuts",
        "P13",
        CONTAINERS,
        'rb"|.++", re.DOTALL)',
        'rb"|.", re.DOTALL)',
        (f"{TEST}::test_what_the_pieces_cut_is_read_whole",),
    ),
    Breakage(
        "take the last of two JSON names where they are read at a stroke",
        "P13",
        CONTENTS,
        "        if len(members) < len(found) or escaped:\n",
        "        if escaped:\n",
        (NAMES, "tests/codecs/test_json.py"),
    ),
    Breakage(
        "miss a JSON name with escaped letters where they are read at a stroke",
        "P13",
        CONTENTS,
        "        if len(members) < len(found) or escaped:\n",
        "        if len(members) < len(found):\n",
        (NAMES,),
    ),
    Breakage(
        "let a faster parser hold everybody up with a quarter of a megabyte of brackets",
        "P13",
        CONTAINERS,
        "    if len(body) > MOST or (len(body) > _MANY and",
        "    if len(body) > MOST or (len(body) > 1 << 18 and",
        (f"{TEST}::test_a_large_body_of_brackets_is_read_in_short_steps_by_the_scan",),
    ),
    Breakage(
        "look for a code behind a mask in whatever is longer than a token",
        "P13",
        "gateway/cards/pan.py",
        "    if digits >= 12 or len(text) > _LONGEST_TOKEN or has_code_behind_mask(text):",
        "    if has_code_behind_mask(text) or digits >= 12:",
        ("tests/cards/test_pan.py::test_what_is_longer_than_any_token_is_no_token",),
    ),
    Breakage(
        "read a large JSON object again for each card",
        "P33",
        "gateway/codecs/json_select.py",
        "while len(self._names) >= _OBJECTS_KEPT and self._kept > _NAMES_KEPT:",
        "while self._names and self._kept > _NAMES_KEPT:",
        ("tests/codecs/test_json_reads.py",),
    ),
    Breakage(
        "forget the JSON object first that was asked last",
        "P33",
        "gateway/codecs/json_select.py",
        "names = self._names.pop(container, None)",
        "names = self._names.get(container)",
        ("tests/codecs/test_json_reads.py",),
    ),
)
