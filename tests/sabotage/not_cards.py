"""P03: numbers in places where no card should be."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

NOT_CARDS = "tests/stages/test_not_cards.py"
OWN_CARDS = "tests/e2e/test_own_cards.py"

BREAKAGES = (
    Breakage(
        "take the whole of a booking for digits that are no card's",
        "P03",
        "gateway/stages/reading.py",
        "        if node not in bookings:  # a text",
        "        if node not in bookings or node:  # a text",
        (
            f"{NOT_CARDS}::test_p03_a_text_in_the_place_of_a_booking_may_be_a_card_and_its_name_is_none",
        ),
    ),
    Breakage(
        "let a text in a booking's place alone where no card should be",
        "P03",
        "gateway/stages/reading.py",
        "    return [node for node in found if node not in bookings]",
        "    return [node for node in found if node not in bookings or node]",
        (
            f"{NOT_CARDS}::test_p03_a_text_in_the_place_of_a_booking_may_be_a_card_and_its_name_is_none",
        ),
    ),
    Breakage(
        "look at a place of nested bookings once for each of them",
        "P03",
        "gateway/stages/select.py",
        "    return list(dict.fromkeys(found))",
        "    return list(found)",
        (f"{NOT_CARDS}::test_each_place_of_nested_bookings_is_told_once",),
    ),
    Breakage(
        "leave a failed card's number where no card should be",
        "P03",
        "gateway/stages/swap.py",
        "exchange.not_cards -= numbers_in",
        "exchange.not_cards |= numbers_in",
        (f"{OWN_CARDS}::test_p03_a_card_that_fails_is_one_where_no_card_should_be_too",),
    ),
)
