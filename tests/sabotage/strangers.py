"""What packs of strangers' systems showed: breakages of its remedies."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

BARE = "tests/e2e/test_root_list.py::test_p03_the_cards_of_a_bare_list_become_tokens"
PLACES = "tests/stages/test_several_places.py"

STRANGERS = "tests/rules/test_strangers.py"
TEXT = "tests/codecs/test_text.py"

BREAKAGES = (
    Breakage(
        "write a text's value whatever would end it",
        "P15",
        "gateway/codecs/text.py",
        "        if any(sign in new for sign in",
        "        if all(sign in new for sign in",
        (f"{TEXT}::test_what_another_reader_would_take_for_more_than_a_value_is_refused",),
    ),
    Breakage(
        "know no line of a text that only a CR ends",
        "P03",
        "gateway/codecs/around.py",
        '_BEGIN: Final = rb"(?:^|(?<=\\r)(?!\\n))"',
        '_BEGIN: Final = rb"^"',
        (
            f"{TEXT}::test_a_line_is_what_another_reader_takes_for_one",
            "tests/e2e/test_plain_text.py::test_p03_each_line_of_an_export_is_a_booking",
        ),
    ),
    Breakage(
        "keep a text whose security code has no name to be found by",
        "P21",
        "gateway/stages/without_codes.py",
        "            if (told and not named) or coded:\n",
        "            if coded:\n",
        (
            "tests/stages/test_without_codes.py::test_p21_a_text_that_can_not_be_read_and_names_no_code_is_not_kept",
        ),
    ),
    Breakage(
        "give the cards of a bare list no product",
        "P03",
        "gateway/stages/filling.py",
        "                if not booking.outside:",
        "                if not booking.stray:",
        (BARE,),
    ),
    Breakage(
        "take an element around a number for the way to it, whatever else it holds",
        "P12",
        "gateway/codecs/xml.py",
        "        return not any(text and text.strip() for text in beside)",
        "        return not any(text and len(text) > 99 for text in beside)",
        (f"{PLACES}::test_p12_a_place_that_holds_more_than_the_other_is_refused",),
    ),
    Breakage(
        "read the bookings of a shape's first place alone",
        "P15",
        "gateway/rules/directions.py",
        "shapes.extend(self._shapes[name].by_booking)",
        "shapes.append(self._shapes[name])",
        (f"{STRANGERS}::test_p15_every_card_is_found_and_every_other_byte_stays",),
    ),
    Breakage(
        "find a card outside of its bookings once for each place of bookings",
        "P15",
        "gateway/stages/order.py",
        "once.setdefault((shape.name, shape.cards, shape.number), shape)",
        "once[shape] = shape",
        (f"{STRANGERS}::test_p15_every_card_is_found_and_every_other_byte_stays",),
    ),
    Breakage(
        "refuse a boundary with a blank in it",
        "P15",
        "gateway/codecs/multipart_parts.py",
        "[0-9A-Za-z'()+_,./:=? -]{0,69}",
        "[0-9A-Za-z'()+_,./:=?-]{0,69}",
        (f"{STRANGERS}::test_p15_every_card_is_found_and_every_other_byte_stays",),
    ),
)
