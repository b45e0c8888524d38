"""Breakages of routes whose messages have several formats, and of cards that stand beside each other."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

STAGE = "tests/stages/test_formats.py"
E2E = "tests/e2e/test_formats.py"
BESIDE = "tests/stages/test_own_cards.py"

BREAKAGES = (
    Breakage(
        "let a text's token be told nowhere beside JSON's",
        "P37",
        "gateway/rules/several_formats.py",
        "    if not said or any(one.format == wanted for one in said):",
        '    if not said or wanted == "text" or any(one.format == wanted for one in said):',
        ("tests/rules/test_mistakes.py::test_p37_each_mistake_has_file_line_column_and_words",),
    ),
    Breakage(
        "read a form as what it begins as, whatever its label says",
        "P13",
        "gateway/stages/formats.py",
        "    if rule.tokenize is not None and first_sign(body) != sign_of(named):\n",
        "    if rule.tokenize is None and first_sign(body) != sign_of(named):\n",
        (
            f"{STAGE}::test_p09_p13_each_message_is_read_as_its_format_or_refused",
            f"{E2E}::test_p09_p13_a_push_that_another_reader_takes_for_another_format_is_refused",
        ),
    ),
    Breakage(
        "put a card in by what a body begins as",
        "P09",
        "gateway/stages/formats.py",
        "    signs_tell = rule.tokenize is not None and",
        "    signs_tell =",
        (f"{STAGE}::test_p09_p13_each_message_is_read_as_its_format_or_refused",),
    ),
    Breakage(
        "let a form be told without its label",
        "P13",
        "gateway/stages/formats.py",
        "    if signs_tell or not body or not rule.by_format:\n",
        "    if rule.tokenize is not None or not body or not rule.by_format:\n",
        (f"{E2E}::test_p09_p13_a_push_that_another_reader_takes_for_another_format_is_refused",),
    ),
    Breakage(
        "read a message by a format that it does not begin as",
        "P13",
        "gateway/codecs/first_sign.py",
        "    return _SIGNS.get(first_signs(body)[:1])\n",
        '    return _SIGNS.get(body.lstrip()[:1], "json")\n',
        (
            f"{STAGE}::test_p09_p13_each_message_is_read_as_its_format_or_refused",
            f"{STAGE}::test_p13_no_reader_reads_what_begins_as_another_format",
        ),
    ),
    Breakage(
        "read a message by shapes of which nobody chose",
        "P13",
        "gateway/stages/messages.py",
        "    if any(shape.layout != first for shape in shapes[1:]):\n",
        "    if any(shape.layout is None for shape in shapes[1:]):\n",
        (f"{STAGE}::test_no_message_is_read_by_shapes_of_two_formats",),
    ),
    Breakage(
        "let an answer pass that holds a card by another format's names",
        "P10",
        "gateway/pipeline.py",
        "document = await self._parsed(exchange, rule, whole.response.shapes, body)",
        "document = await self._parsed(exchange, rule, rule.shapes, body)",
        (f"{E2E}::test_p10_p13_what_has_a_cards_name_in_either_format_is_refused",),
    ),
    Breakage(
        "take a form for an answer",
        "P13",
        "gateway/rules/several_formats.py",
        '    if way == "response" and not',
        '    if way == "request" and not',
        ("tests/rules/test_mistakes.py::test_p37_each_mistake_has_file_line_column_and_words",),
    ),
    Breakage(
        "keep a code in what is of one of two formats",
        "P21",
        "gateway/stages/without_codes.py",
        "            if (told and not named) or coded:\n",
        "            if told and not named:\n",
        (
            f"{STAGE}::test_p21_what_can_not_be_looked_into_is_not_kept_though_another_format_needs_nothing",
        ),
    ),
    Breakage(
        "take two cards of one node for one in two dialects",
        "P03",
        "gateway/stages/order.py",
        'shape.name if shape.own_card else ""',
        '""',
        (f"{BESIDE}::test_p03_both_cards_are_found_each_with_its_own_expiry_and_code",),
    ),
    Breakage(
        "look at a node for one of its cards alone",
        "P03",
        "gateway/stages/odd_places.py",
        "        seen = seen_by[group.own]\n",
        "        seen = seen_by[min(seen_by)]\n",
        (f"{BESIDE}::test_p03_in_odd_places_no_card_and_no_code_is_left",),
    ),
    Breakage(
        "give two cards of one node what stands in one place",
        "P20",
        "gateway/stages/reading.py",
        "    if order.beside:\n",
        "    if order.beside and order.shares and not cards:\n",
        (f"{BESIDE}::test_p13_what_would_be_two_cards_refuses_the_message",),
    ),
    Breakage(
        "tell a card's token under the other one's name",
        "P03",
        "gateway/stages/tokenize.py",
        "(item.shapes and place.shape.name not in item.shapes)",
        "(item.shapes and not place.shape.name)",
        (f"{BESIDE}::test_inserted_for_names_whose_token_it_is",),
    ),
    Breakage(
        "load two cards with one expiry",
        "P20",
        "gateway/rules/own_cards.py",
        "            if (shape.own_card or other.own_card) and",
        "            if (shape.own_card and other.own_card) and",
        ("tests/rules/test_mistakes.py::test_p37_each_mistake_has_file_line_column_and_words",),
    ),
    Breakage(
        "read a text's value as long as it is",
        "P33",
        "gateway/codecs/around.py",
        "(first, first, rest, _LONGEST)",
        "(first, first, rest, 32 * _LONGEST)",
        ("tests/codecs/test_text.py::test_what_a_path_finds",),
    ),
)
