"""What is told about packs: where a mistake stands, what `rules check` finds. P37."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

YAML = "tests/test_strict_yaml.py"
MISTAKES = "tests/rules/test_mistakes.py"
SCHEMA = "tests/rules/test_json_schema.py"
SHADOW = "tests/rules/test_shadow.py"
CHECK = "tests/cli/test_cli_rules_check.py"

BREAKAGES = (
    Breakage(
        "count a mistake's column from 0",
        "P37",
        "gateway/strict_yaml.py",
        "return Mark(mark.line + 1, mark.column + 1) if mark else Mark(0, 0)\n\n\ndef _mark",
        "return Mark(mark.line + 1, mark.column) if mark else Mark(0, 0)\n\n\ndef _mark",
        (
            f"{YAML}::test_p37_every_key_and_text_stands_where_its_mark_says",
            f"{MISTAKES}::test_p37_each_mistake_has_file_line_column_and_words",
        ),
    ),
    Breakage(
        "point at a misspelt key's value",
        "P37",
        "gateway/yaml_model.py",
        'return located.problem_of_key(place, f"unknown key `{key}`{guess}", hint)',
        'return located.problem(place, f"unknown key `{key}`{guess}", hint)',
        (f"{MISTAKES}::test_p37_each_mistake_has_file_line_column_and_words",),
    ),
    Breakage(
        "let the schema refuse one text where a list may be one",
        "P37",
        "gateway/rules/json_schema.py",
        'return made if least > 1 else {"anyOf": [made["items"], made]}',
        "return made",
        (f"{SCHEMA}::test_every_pack_that_loads_is_valid",),
    ),
    Breakage(
        "leave the schema's file as it was",
        "P37",
        "gateway/rules/json_schema.py",
        '"title": "card-gateway pack"',
        '"title": "a pack"',
        (f"{SCHEMA}::test_the_file_in_docs_is_what_the_command_prints",),
    ),
    Breakage(
        "let the schema take half of an optional expiry",
        "P37",
        "gateway/rules/json_schema.py",
        '            _both_optional("expiry", "expiry_month"),\n',
        "",
        (f"{SCHEMA}::test_what_the_models_refuse_the_schema_refuses",),
    ),
    Breakage(
        "say that a `*` takes an empty segment",
        "P32",
        "gateway/rules/reach.py",
        'return bool(segment) if said == "*" else said in {"**", segment}',
        'return said in {"*", "**", segment}',
        (f"{SHADOW}::test_a_path_is_found_where_there_is_one_and_only_there",),
    ),
    Breakage(
        "overlook a slip of the hand in what a route refuses unseen",
        "P32",
        "gateway/cli/rules_check.py",
        "        yield from unexercised_of_routes(read)\n",
        "",
        (f"{CHECK}::test_what_is_found_in_a_pack",),
    ),
    Breakage(
        "look for a path among the routes that no path of its own fits",
        "P32",
        "gateway/rules/shadow.py",
        "        rivals = (one for one in self.rivals(route, method) if self.overlap(one, route))",
        "        rivals = (one for one in self.rivals(route, method) if one is not route)",
        (f"{SHADOW}::test_of_two_hundred_routes_of_one_host_each_is_compared_with_each_once",),
    ),
    Breakage(
        "call a route never taken that a less literal one stands before",
        "P32",
        "gateway/rules/shadow.py",
        "            order.sort(key=lambda one: weight(pattern_of(one)), reverse=True)",
        "            order.sort(key=lambda one: weight(pattern_of(one)))",
        (
            f"{SHADOW}::test_p32_what_is_never_taken_is_taken_by_no_request_and_all_else_has_a_witness",
        ),
    ),
    Breakage(
        "overlook what takes a part of another host's routes",
        "P32",
        "gateway/rules/shadow.py",
        "return b.host.any_below and a.port == b.port and b.host.matches(a.host.host)",
        "return False",
        (
            f"{SHADOW}::test_p32_every_request_that_two_routes_name_is_told_with_the_one_that_gets_it",
        ),
    ),
    Breakage(
        "take a path for shown that leads nowhere",
        "P03",
        "gateway/cli/rules_exercised.py",
        "            if document.select(path, within):\n                yield place",
        "            if path:\n                yield place",
        (f"{CHECK}::test_what_is_found_in_a_pack",),
    ),
    Breakage(
        "tell no tie where rules are listed or tried",
        "P37",
        "gateway/cli/rules_found.py",
        "check_together([pack for pack in rules.packs if force.has(pack)])",
        "check_together([pack for pack in rules.packs if not force.has(pack)])",
        (f"{CHECK}::test_ties_are_told_by_the_other_commands_too",),
    ),
    Breakage(
        "take any place to insert into for one that is there",
        "P37",
        "gateway/cli/rules_exercised.py",
        "found = bool(found) or bool(document.select(one.into, node))",
        "found = bool(found) or document.select(one.into, node) is not None",
        (f"{CHECK}::test_what_is_found_in_a_pack",),
    ),
    Breakage(
        "show a sentinel that could be a card",
        "P16",
        "gateway/rules/unused.py",
        "the sentinel {pan.mask(digits)} could be",
        "the sentinel {digits} could be",
        (f"{CHECK}::test_p16_a_sentinel_that_could_be_a_card_is_told_masked",),
    ),
    Breakage(
        "try a refusal's template with no text that ends a comment",
        "P32",
        "gateway/rules/refusals.py",
        '"<&\\"\'>--"',
        '"<&\\"\'>"',
        ("tests/rules/test_mistakes.py",),
    ),
    Breakage(
        "ask what a route takes of another's first method alone",
        "P32",
        "gateway/rules/shadow.py",
        "            for method in _sorted(methods):  # of",
        "            for method in _sorted(methods)[:1]:  # of",
        ("tests/rules/test_shadow.py::test_what_a_third_route_gets_of_one_method_hides_no_other",),
    ),
    Breakage(
        "load a charge whose two cards have one expiry",
        "P07",
        "gateway/rules/directions.py",
        'check_shared(detokenize, (*place, "detokenize")',
        'check_shared(detokenize[:1], (*place, "detokenize")',
        ("tests/rules/test_mistakes.py::test_p37_each_mistake_has_file_line_column_and_words",),
    ),
    Breakage(
        "believe that each place of bookings is shown",
        "P15",
        "gateway/cli/rules_exercised.py",
        "(_bookings_of(shape) | _of_booking(shape) | _of_card(shape))",
        "(_of_booking(shape) | _of_card(shape))",
        (f"{CHECK}::test_what_is_found_in_a_pack",),
    ),
    Breakage(
        "look for not_cards of a shape only where no route shows it in its own way",
        "P11",
        "gateway/cli/rules_exercised_routes.py",
        "                if same.name == shape.name\n",
        "                if same == shape\n",
        (f"{CHECK}::test_what_is_found_in_a_pack",),
    ),
)
