"""What fifty packs more of strangers' systems showed: breakages of its remedies."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

ENDS = "tests/codecs/test_text.py::test_what_ends_a_part_or_the_text_may_end_its_last_value"
NOT_CARDS = "tests/stages/test_not_cards.py"

BREAKAGES = (
    Breakage(
        "start what is no card at the document, whatever a booking is",
        "P15",
        "gateway/stages/select.py",
        '    if path.absolute or shape.booking is None or shape.format == "text":\n',
        "    if True:\n",
        (
            f"{NOT_CARDS}::test_a_path_starts_at_each_booking_and_only_one_with_a_root_at_the_document",
        ),
    ),
    Breakage(
        "know no name of a member that is no card",
        "P15",
        "gateway/stages/reading.py",
        '        if path.steps and path.steps[-1].axis == "every":\n',
        '        if path.steps and path.steps[-1].axis == "never":\n',
        (f"{NOT_CARDS}::test_of_any_member_the_name_counts_too",),
    ),
    Breakage(
        "leave a code whose last sign ends its part",
        "P21",
        "gateway/codecs/text.py",
        "        if top.reach > top.end:\n",
        "        if top.reach > top.end + 9:\n",
        (ENDS,),
    ),
    Breakage(
        "know no last line of a text without its end",
        "P21",
        "gateway/codecs/around.py",
        'rb"|\\Z)"',
        'rb")"',
        (ENDS,),
    ),
    Breakage(
        "take a code and a card's last four for a mask",
        "P21",
        "gateway/cards/pan.py",
        "(?:(?:[0-9]{4}|[0-9]{6})",
        "(?:(?:[0-9]{3,6})",
        ("tests/cards/test_pan.py::test_a_card_even_if_a_bad_one",),
    ),
    Breakage(
        "take milliseconds for seconds in an expiry",
        "P15",
        "gateway/cards/expiry.py",
        "int(match[1]) // parts_of_second",
        "int(match[1]) // 1000",
        ("tests/cards/test_expiry.py::test_every_spelling_is_read",),
    ),
    Breakage(
        "write the white space around a number that fails twice",
        "P15",
        "gateway/stages/tokenize.py",
        "around(document.text(node), text.strip())",
        "around(document.text(node), text)",
        ("tests/stages/test_several_places.py::test_p15_the_white_space_around_a_number_stays",),
    ),
)
