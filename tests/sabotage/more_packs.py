"""What fifty packs more of strangers' systems showed: breakages of its remedies."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

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
)
