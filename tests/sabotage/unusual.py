"""Breakages of how the guard finds numbers that are written as no card is, and of what a process leaves."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

UNUSUAL = "tests/cards/test_unusual.py"
MORE = "tests/cards/test_unusual_more.py"
FORM = "tests/codecs/test_form.py"
GUARD = "tests/stages/test_guard.py"
CODES = "tests/stages/test_without_codes.py"

BREAKAGES = (
    Breakage(
        "start with standard streams that are closed",
        "P40",
        "gateway/cli/run.py",
        "    open_streams()\n",
        "",
        ("tests/e2e/test_start.py::test_p40_it_serves_whatever_became_of_its_standard_streams",),
    ),
    Breakage(
        "leave a core dump to a program that takes it",
        "P16",
        "gateway/process.py",
        "prctl(_PR_SET_DUMPABLE, 0, ",
        "prctl(_PR_SET_DUMPABLE, 1, ",
        (
            "tests/e2e/test_control.py::test_p16_the_process_leaves_no_core_and_switches_threads_often",
        ),
    ),
    Breakage(
        "leave out a number that stands right behind a spelled sign",
        "P11",
        "gateway/cards/scan.py",
        "        if not any(decoded.kinds[max(0, verdict.start - _BESIDE) : verdict.start]):\n            return",
        "        if True:\n            return",
        (
            f"{UNUSUAL}::test_p11_a_spelled_sign_does_not_hide_the_number_behind_it",
            f"{UNUSUAL}::test_p11_in_a_form_it_is_masked_where_it_stands",
        ),
    ),
    Breakage(
        "look for cards as they are printed alone",
        "P11",
        "gateway/cards/scan.py",
        "        yield from unusual(text, start, end)\n",
        "        yield from unusual(text, start, start)\n",
        (
            f"{UNUSUAL}::test_p11_in_groups_with_another_sign",
            f"{UNUSUAL}::test_p11_a_number_as_a_power_of_ten",
        ),
    ),
    Breakage(
        "count no zeros of a power of ten when its number is masked",
        "P11",
        "gateway/stages/guard.py",
        "    number = len(one.digits.reveal()) - code_within(one)\n",
        "    number = len(one.spans) - code_within(one)\n",
        (f"{UNUSUAL}::test_p11_p15_it_becomes_a_string_with_first_six_and_last_four_at_most",),
    ),
    Breakage(
        "take an IPv6 address for a card",
        "P15",
        "gateway/cards/unusual.py",
        ' or (b":" in match[0] and _is_address(match))',
        "",
        (f"{UNUSUAL}::test_p15_what_only_looks_so_stays",),
    ),
    Breakage(
        "read a list's entry as another field than its list",
        "P14",
        "gateway/codecs/form.py",
        "            if places or self._is_list(name):",
        "            if places:",
        (f"{FORM}::test_p14_a_name_that_some_readers_take_for_a_named_one_is_refused",),
    ),
    Breakage(
        "let an answer that can not be read pass with a code in single digits",
        "P03",
        "gateway/stages/guard.py",
        r"\d(?:[^\w<>]{0,3}\d){2,3}",
        r"\d(?:[^\w<>]{0,3}\d){9}",
        (f"{GUARD}::test_p11_what_has_a_code_behind_its_name_may_not_pass_unparsed",),
    ),
    Breakage(
        "keep a code whose JSON stands in a form",
        "P21",
        "gateway/stages/without_codes.py",
        "|(?<=%2[0-9A-Ea-e])",
        "|(?<=%2[DdEe])",
        (f"{CODES}::test_p21_of_a_push_no_code_is_left_by_its_usual_names",),
    ),
    Breakage(
        "know powers of ten by their first digit alone",
        "P11",
        "gateway/cards/unusual.py",
        '    digits = (whole + fraction).lstrip(b"0")\n',
        "    digits = whole + fraction\n",
        (f"{MORE}::test_p11_a_power_of_ten_wherever_its_point_stands",),
    ),
    Breakage(
        "take a spelled percent sign for a number's first digits",
        "P11",
        "gateway/cards/judge.py",
        "        start = percent.end()\n",
        "        pass\n",
        (f"{MORE}::test_p11_a_spelled_percent_sign_does_not_hide_the_number_behind_it",),
    ),
    Breakage(
        "ask for a semicolon behind each reference",
        "P11",
        "gateway/cards/spelling.py",
        "(?:;|(?<=nbsp|.shy)(?![A-Za-z]))",
        ";",
        (f"{MORE}::test_p11_references_that_a_browser_shows_as_a_gap",),
    ),
)
