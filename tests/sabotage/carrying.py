"""Carry-forward: P06, P18, P36."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

VAULT = "tests/vault/test_vault_carried.py"
STAGES = "tests/stages/test_carrying.py"
CARRIED = "gateway/vault/carried.py"

BREAKAGES = (
    Breakage(
        "hand another product's token to a booking",
        "P06",
        CARRIED,
        "            place = (row.card.product, bool(row.card.test), row.link.booking_hash)",
        '            place = ("seaside", bool(row.card.test), row.link.booking_hash)',
        (f"{VAULT}::test_two_products_with_one_booking_number_get_each_its_own",),
    ),
    Breakage(
        "hand a token out by a row alone",
        "P18",
        CARRIED,
        "        records.read_link(sealer.open(row.link.sealed, at))\n",
        "",
        (f"{VAULT}::test_p18_a_row_that_was_given_another_booking_is_not_handed_out",),
    ),
    Breakage(
        "hand a token out again without a word in the audit",
        "P36",
        CARRIED,
        "                done.entries.append(replace(one.entry, product=one.product, iduser=iduser))",
        "                del iduser",
        (f"{VAULT}::test_p36_each_token_that_goes_out_is_audited_with_it",),
    ),
    Breakage(
        "hand a replaced card out again",
        "P06",
        CARRIED,
        "            if row.link.seen != newest:",
        "            if row.link.seen > newest:",
        (f"{VAULT}::test_a_card_that_was_replaced_does_not_come_back",),
    ),
    Breakage(
        "hand a replaced card out again within the hour",
        "P06",
        "gateway/vault/plan.py",
        "        moved |= _not_last(said, stand)\n",
        "",
        (f"{VAULT}::test_p06_within_the_hour_the_last_message_s_cards_go_out",),
    ),
    Breakage(
        "take what a replayed message brings for the newest",
        "P06",
        "gateway/replay.py",
        "        exchange.came = refused.at\n",
        "",
        (
            "tests/e2e/test_inbox_pushes.py::test_p06_a_replayed_push_does_not_bring_a_replaced_card_back",
        ),
    ),
    Breakage(
        "believe what an old message says of a booking",
        "P06",
        "gateway/vault/plan.py",
        "link.new.came is not None and row.seen > stamp(link.new.came)",
        "link.new.came is not None and row.seen > stamp(link.new.came) > row.seen",
        (
            f"{VAULT}::test_p06_a_message_that_is_read_late_is_as_old_as_it_is",
            f"{VAULT}::test_what_a_message_that_is_read_late_says_of_its_booking_is_old",
        ),
    ),
    Breakage(
        "let an old message without a card move the departure",
        "P06",
        "gateway/vault/carried.py",
        "if asked.came is not None and row.link.seen > came:",
        "if asked.came is not None and not row.link.seen:",
        (f"{VAULT}::test_what_a_message_that_is_read_late_says_of_its_booking_is_old",),
    ),
    Breakage(
        "take the mask of another card for this one's",
        "P06",
        "gateway/cards/hint.py",
        "digits.endswith(self.last)",
        "bool(digits)",
        (f"{STAGES}::test_what_stands_there_of_another_card_gets_nothing",),
    ),
)
