"""Fields of a card, also in more than one place: P03, P07, P20, P37."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

PLACES = "tests/stages/test_several_places.py"
EXPIRY = "tests/stages/test_expiry_fields.py"
OUTSIDE = "tests/stages/test_outside.py"
NAMED = "tests/stages/test_named.py"
PARENTS = "tests/stages/test_parents.py"
MISTAKES = "tests/rules/test_mistakes.py"

BREAKAGES = (
    Breakage(
        "take a card beyond the end of a range for a virtual one",
        "P37",
        "gateway/cards/bin_ranges.py",
        "        return at >= 0 and begin <= self.ends[at]",
        "        return at >= 0",
        ("tests/cards/test_bin_ranges.py::test_what_falls_into_it",),
    ),
    Breakage(
        "mask a number in the first of its places only",
        "P03",
        "gateway/stages/tokenize.py",
        "        for node in (place.number, *place.copies):",
        "        for node in (place.number,):",
        (f"{PLACES}::test_p03_the_same_number_in_both_places_is_masked_in_both",),
    ),
    Breakage(
        "take the first of two clear numbers in one card's places",
        "P03",
        "gateway/stages/card_place.py",
        "        elif digits != clear_digits or (",
        "        elif len(shape.name) > 40 or (",
        (f"{PLACES}::test_p03_two_clear_values_that_differ_refuse_the_message",),
    ),
    Breakage(
        "put a card in beside another one's number",
        "P07",
        "gateway/stages/detokenize.py",
        "    if any(one.ours is not None or one.digits is not None for one in said.values()):\n        raise MessageForbidden\n",
        "",
        (f"{PLACES}::test_p07_a_token_beside_another_text_refuses_the_message",),
    ),
    Breakage(
        "give two cards the one expiry that stands beside them",
        "P20",
        "gateway/stages/reading.py",
        "    if not order.shares:",
        "    if order.shares:",
        (f"{OUTSIDE}::test_an_expiry_that_two_cards_would_have_is_neithers",),
    ),
    Breakage(
        "send a card with the expiry of the one beside it",
        "P07",
        "gateway/stages/detokenize.py",
        "    if spots and _shares(document, shape, nodes):",
        "    if not spots and _shares(document, shape, nodes):",
        (f"{OUTSIDE}::test_p07_two_cards_that_would_get_one_expiry_refuse_the_message",),
    ),
    Breakage(
        "take another booking's fields for this one's",
        "P37",
        "gateway/rules/shapes.py",
        "path.up > self._levels:",
        "path.up > self._levels + 9:",
        (f"{MISTAKES}::test_p37_each_mistake_has_file_line_column_and_words",),
    ),
    Breakage(
        "pass over a field whose name is hidden by a comment",
        "P12",
        "gateway/codecs/xml_select.py",
        "    if any(len(one) for one in children):\n        raise MessageForbidden\n",
        "",
        (f"{NAMED}::test_p12_a_name_that_readers_take_differently_is_refused",),
    ),
    Breakage(
        "look below a name that stands twice",
        "P13",
        "gateway/codecs/json_select.py",
        "            if above in repeated and container in repeated[above].containers:",
        "            if above in repeated and container in repeated[above].names:",
        (f"{NAMED}::test_p13_a_name_twice_on_the_way_is_refused",),
    ),
    Breakage(
        "guess which pairs of a form without indices belong together",
        "P14",
        "gateway/codecs/form.py",
        "        if any(not match[1].strip() for match in found):",
        "        if any(match[1] is None for match in found):",
        (f"{NAMED}::test_p14_rows_that_readers_put_together_differently_are_refused",),
    ),
    Breakage(
        "keep a code that its sibling names",
        "P21",
        "gateway/stages/without_codes.py",
        "    names = {step.named[1] for path in paths for step in path.steps if step.named}",
        "    names = {step.named[0] for path in paths for step in path.steps if step.named}",
        (f"{NAMED}::test_p21_codes_are_found_by_their_siblings_name",),
    ),
    Breakage(
        "write a card's field over something else in its parent's place",
        "P15",
        "gateway/codecs/json.py",
        '        return self._scan.body[entry.value : entry.end] == b"null"',
        "        return entry.container < 0",
        (f"{PARENTS}::test_something_else_in_the_parents_place_is_not_written_over",),
    ),
    Breakage(
        "write what ends a CDATA section into it",
        "P15",
        "gateway/codecs/xml_write.py",
        '        if "]]>" in value or',
        '        if "]]]]>" in value or',
        ("tests/codecs/test_xml_changes.py::test_a_cdata_section_stays_one_where_it_can",),
    ),
    Breakage(
        "guess whether the day or the month comes first",
        "P37",
        "gateway/rules/shapes.py",
        "        if clash is not None:",
        "        if clash is not None and not said:",
        (f"{MISTAKES}::test_p37_each_mistake_has_file_line_column_and_words",),
    ),
    Breakage(
        "take an expiry that can not be read for one that is missing",
        "P20",
        "gateway/stages/card_place.py",
        "rule is not None and (said or not rule.optional):",
        "rule is not None and not rule.optional:",
        (f"{EXPIRY}::test_an_optional_expiry_may_be_missing_and_not_be_wrong",),
    ),
    Breakage(
        "write one card's holder where another one's is",
        "P07",
        "gateway/stages/detokenize.py",
        "if any(written.setdefault(node, text) != text for node in nodes):",
        "if any(written.setdefault(node, text) is None for node in nodes):",
        ("tests/stages/test_outside.py::test_p07_two_holders_for_one_place_refuse_the_message",),
    ),
    Breakage(
        "take all zeros for the first day of 1970",
        "P20",
        "gateway/cards/expiry.py",
        '"unix": (re.compile(r"([1-9][0-9]{8,9})")',
        '"unix": (re.compile(r"([0-9]{9,10})")',
        ("tests/cards/test_expiry.py::test_nothing_else_is_read",),
    ),
    Breakage(
        "take what ends a text's value for a part of its place",
        "P13",
        "gateway/codecs/text.py",
        "isinstance(other, _Spot) and self[:2] == other[:2]",
        "isinstance(other, _Spot) and self[:] == other[:]",
        (
            "tests/stages/test_own_cards.py::test_p13_two_paths_to_one_expiry_of_a_text_are_told_though_each_ends_it_in_another_way",
        ),
    ),
)
