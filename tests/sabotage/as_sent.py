"""What packs for messages as systems send them showed: breakages of its remedies."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

STRANGERS = "tests/rules/test_strangers.py"
WHOLE = f"{STRANGERS}::test_p15_every_card_is_found_and_every_other_byte_stays"

BREAKAGES = (
    Breakage(
        "look for a signature in what an envelope holds",
        "P08",
        "gateway/rules/directions.py",
        "        outer = shapes[0].layout.outer if shapes else None",
        "        outer = shapes[0].format if shapes else None",
        (WHOLE,),
    ),
    Breakage(
        "write line ends around a number as a parser tells them",
        "P15",
        "gateway/codecs/xml_edits.py",
        "        if value.text == bare:\n            return value",
        "        if value:\n            return value",
        (
            WHOLE,
            "tests/codecs/test_xml_changes.py::test_p15_white_space_around_a_new_value_is_that_which_came",
        ),
    ),
    Breakage(
        "read no expiry in two fields beside one in a field",
        "P15",
        "gateway/stages/card_place.py",
        "    if shape.expiry_month:\n",
        "    if shape.expiry_month and not shape.expiry:\n",
        (WHOLE,),
    ),
    Breakage(
        "write an expiry where the message has it in another way",
        "P15",
        "gateway/stages/detokenize.py",
        "    return [field for way in held or there[:1] or [whole] for field in way]",
        "    return [*whole, *parts]",
        (WHOLE,),
    ),
    Breakage(
        "take a bank's number for a card's where the rule chose above it",
        "P15",
        "gateway/stages/order.py",
        "        any(step.where or step.named for step in steps),",
        "        any(step.where or step.named for step in steps[-1:]),",
        (WHOLE,),
    ),
    Breakage(
        "end a check of the rules at an example that is refused",
        "P37",
        "gateway/cli/rules_exercised.py",
        "        with suppress(GatewayError):  # a name twice",
        "        with suppress(KeyError):  # a name twice",
        ("tests/cli/test_cli_rules_check.py::test_what_is_found_in_a_pack",),
    ),
)
