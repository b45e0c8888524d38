"""What more dialects of strangers showed: breakages of its remedies."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

LABELS = "tests/stages/test_labels.py"
ALIKE = "tests/stages/test_named_alike.py"

BREAKAGES = (
    Breakage(
        "look for a name as it is, where PHP writes it with a stroke before its slash",
        "P03",
        "gateway/stages/gate.py",
        "    return name.isascii() and name.isprintable() and not _SHORT_ESCAPES.intersection(name)",
        "    return name.isascii() and name.isprintable()",
        ("tests/stages/test_gate.py::test_p03_a_name_that_json_spells_in_two_ways_is_not_missed",),
    ),
    Breakage(
        "take a list whose items nobody counted for a row",
        "P03",
        "gateway/stages/odd_places.py",
        "    if any(list(document.instead(item)) not in ([], [item]) for item in items):",
        "    if not items:",
        ("tests/stages/test_rows.py",),
    ),
    Breakage(
        "let a code in a row take its place along",
        "P15",
        "gateway/codecs/json.py",
        "                    if place.parent >= 0 and not self._scan.is_object(place.parent):",
        "                    if place.parent < 0:",
        ("tests/stages/test_rows.py",),
    ),
    Breakage(
        "leave a card in clear that the rule's choice leaves out",
        "P03",
        "gateway/stages/odd_places.py",
        "        return not (pan.is_one_however_parted(text) or _has_card(text))",
        "        return True",
        (f"{ALIKE}::test_p03_what_could_be_a_card_is_one_whatever_the_rule_chooses",),
    ),
    Breakage(
        "take whatever is called as the card is for one",
        "P15",
        "gateway/stages/order.py",
        "        any(step.where or step.named for step in steps),",
        "        False,",
        (f"{ALIKE}::test_what_the_rule_did_not_choose_stays",),
    ),
    Breakage(
        "leave a code that stands beside a voucher",
        "P03",
        "gateway/stages/odd_places.py",
        "    if place.left_alone or place.cvcs or place.failure",
        "    if place.left_alone or place.failure",
        (f"{ALIKE}::test_p03_a_clear_code_beside_it_goes",),
    ),
    Breakage(
        "take any few digits for a card's last four",
        "P16",
        "gateway/cards/pan.py",
        '[.\\u2026]*+[0-9]{4}"',
        '[.\\u2026]*+[0-9]{3,}"',
        ("tests/cards/test_pan.py::test_a_card_even_if_a_bad_one",),
    ),
    Breakage(
        "believe a label whatever stands in the body",
        "P09",
        "gateway/stages/labels.py",
        "    return codec is not None and body.isascii()",
        "    return codec is not None",
        (f"{LABELS}::test_p09_one_that_does_not_is_refused",),
    ),
    Breakage(
        "write a name in UTF-8 into a form that says another charset",
        "P09",
        "gateway/stages/labels.py",
        "    if not charsets or after == before:",
        "    if charsets or after == before:",
        (f"{LABELS}::test_p09_what_is_written_is_read_as_it_was_meant",),
    ),
    Breakage(
        "keep from the next shape what is no card of the first",
        "P03",
        "gateway/stages/odd_places.py",
        "        seen.difference_update({one.node for one in odd} - {one.node for one in named_alike})\n",
        "",
        (f"{ALIKE}::test_p03_what_is_no_card_of_one_shape_is_one_of_the_next",),
    ),
    Breakage(
        "take a row whose columns have shifted for the rule's",
        "P03",
        "gateway/stages/odd_places.py",
        "    if any(document.instead(item) and _has_card(document.text(item)) for item in others):",
        "    if any(False for item in others):",
        ("tests/stages/test_rows.py::test_p03_a_row_whose_columns_are_others_is_refused",),
    ),
)
