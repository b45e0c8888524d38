"""What `rules new` proposes: it holds nothing of the recording, asks where it is unsure, and was tried on it."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

PROPOSED = (
    "tests/cli/test_cli_rules_new.py",
    "tests/cli/test_cli_rules_new_command.py",
    "tests/cli/test_cli_rules_new_names.py",
)
NEW = "tests/cli/test_cli_rules_new_questions.py"
NAMES = "tests/cli/test_cli_rules_new_names.py"
HOSTILE = "tests/cli/test_cli_rules_new_hostile.py"

BREAKAGES = (
    Breakage(
        "propose an object of bookings as one booking",
        "P15",
        "gateway/cli/proposal/shapes.py",
        'node[-1].axis == "item" or ways.is_keyed(taken, node)',
        'node[-1].axis == "item"',
        ("tests/cli/test_cli_rules_new_around.py",),
    ),
    Breakage(
        "propose an example with the recording's own texts",
        "P16",
        "gateway/cli/proposal/blanked.py",
        '    return "0" if bare.isdigit() else "x"',
        "    return bare",
        PROPOSED,
    ),
    Breakage(
        "propose the recorded number in an example",
        "P16",
        "gateway/cli/proposal/examples.py",
        "    texts = {card.number.steps: number}",
        "    texts = {card.number.steps: card.number.text}",
        PROPOSED,
    ),
    Breakage(
        "take an order's number for a card",
        "P15",
        "gateway/cli/proposal/found.py",
        "    if words.names_else(name):\n        return False\n    return pan",
        "    return pan",
        PROPOSED,
    ),
    Breakage(
        "keep a URL's identifiers in a proposed path",
        "P16",
        "gateway/cli/proposal/plan.py",
        "and not _VARIES.fullmatch(one)",
        "and one",
        PROPOSED,
    ),
    Breakage(
        "write a recording's name as it is into a comment",
        "P16",
        "gateway/cli/proposal/written_routes.py",
        "# If {scalar(signed[0])} signs",
        "# If {signed[0]} signs",
        (f"{HOSTILE}::test_what_is_signed_is_named_in_one_comment",),
    ),
    Breakage(
        "leave line ends of other scripts in a quoted name",
        "P16",
        "gateway/cli/proposal/scalars.py",
        "_ESCAPED.sub(_escape, json.dumps(text, ensure_ascii=False))",
        "json.dumps(text, ensure_ascii=False)",
        (f"{HOSTILE}::test_a_name_of_the_recording_is_no_more_than_a_name",),
    ),
    Breakage(
        "tell a terminal what a recording's name says",
        "P16",
        "gateway/cli/rules_new.py",
        "complain(printable(hide(reason)), action)",
        "complain(hide(reason), action)",
        (f"{HOSTILE}::test_what_is_told_holds_nothing_that_a_terminal_obeys",),
    ),
    Breakage(
        "propose one spelling of an expiry that has two without a question",
        "P05",
        "gateway/cli/proposal/spelled.py",
        "others = () if named else tuple(one for one in exact if read[one] != read[chosen])",
        "others: tuple[str, ...] = ()",
        (f"{NEW}::test_whatever_fits_an_expiry_is_asked_about",),
    ),
    Breakage(
        "overlook an expiry that is a number without its zero",
        "P05",
        "gateway/cli/proposal/expiries.py",
        "short = leaf.number and len(leaf.text) == _WITHOUT_ZERO",
        "short = False",
        (f"{NEW}::test_an_expiry_that_is_a_number_without_its_zero_is_proposed",),
    ),
    Breakage(
        "say nothing of a number without an expiry",
        "P05",
        "gateway/cli/proposal/written_shapes.py",
        'notes.append("no expiry was found near it: is there one?")',
        "notes.clear()",
        (f"{NEW}::test_a_number_without_an_expiry_is_asked_about",),
    ),
    Breakage(
        "guess a code of three digits for every card",
        "P03",
        "gateway/cli/proposal/codes.py",
        'length = 4 if (pan.digits_of(shown) or "").startswith(("34", "37")) else 3',
        "length = 3",
        (f"{NEW}::test_p03_an_american_express_card_has_a_code_of_four_digits",),
    ),
    Breakage(
        "tell the first only of what could be a security code",
        "P03",
        "gateway/cli/proposal/codes.py",
        "return tuple(again), tuple(one for one in others if one not in again)",
        "return tuple(again), ()",
        (f"{NEW}::test_p03_what_could_be_the_code_as_well_is_told",),
    ),
    Breakage(
        "propose a guest's name as a path to a card",
        "P16",
        "gateway/cli/proposal/ways.py",
        "may_be_a_value(step.name) and taken.at(steps) is None",
        "may_be_a_value(step.name) and taken.at(steps) is not None",
        (f"{NAMES}::test_p16_a_guests_name_that_leads_to_a_card_is_any_name",),
    ),
    Breakage(
        "show a guest's name in an example",
        "P16",
        "gateway/cli/proposal/blanked.py",
        "n not in asked and words.may_be_a_value(n) else n",
        "n in asked and words.may_be_a_value(n) else n",
        (f"{NAMES}::test_p16_a_guests_name_that_leads_to_a_card_is_any_name",),
    ),
)
