"""What is told about packs: where a mistake stands, what `rules check` finds. P37."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

YAML = "tests/test_strict_yaml.py"
MISTAKES = "tests/rules/test_mistakes.py"
SCHEMA = "tests/rules/test_json_schema.py"

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
        "let the schema take a shape with two expiries",
        "P37",
        "gateway/rules/json_schema.py",
        '            _never_both("expiry", "expiry_month", "expiry_year"),\n',
        "",
        (f"{SCHEMA}::test_what_the_models_refuse_the_schema_refuses",),
    ),
)
