"""P03, P06, P07, P17, P25 and P26 of tokens that have the form of a card's number."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

FORM = "tests/cards/test_digits.py"
VAULT = "tests/vault/test_vault_digits.py"
STYLES = "tests/e2e/test_token_styles.py"
GUESSED = "tests/e2e/test_guessed_digits.py"
STAGES = "tests/stages/test_digits.py"
HEADER = "tests/stages/test_tokens_header.py"

BREAKAGES = (
    Breakage(
        "draw digits that pass for a card's number",
        "P26",
        "gateway/cards/digits.py",
        "        if not pan.luhn_ok(text) and text",
        "        if text",
        (f"{FORM}::test_p26_one_that_would_pass_for_a_number_is_drawn_again",),
    ),
    Breakage(
        "begin digits as the number begins",
        "P26",
        "gateway/cards/digits.py",
        " and text[:_BIN] != number[:_BIN]:",
        ":",
        (f"{FORM}::test_a_number_that_begins_like_one_gets_another_beginning",),
    ),
    Breakage(
        "give two cards the same digits",
        "P25",
        "gateway/vault/digits.py",
        "            if taken.isdisjoint(mine):\n",
        "            if mine:\n",
        (f"{VAULT}::test_p25_one_that_is_taken_is_drawn_again",),
    ),
    Breakage(
        "look for digits under the newest key only",
        "P25",
        "gateway/vault/digits.py",
        "            iduser: keyring.digits.digests(*hash_parts(new.product, drawn[iduser], test=new.test))\n",
        "            iduser: keyring.digits.digests(*hash_parts(new.product, drawn[iduser], test=new.test))[:1]\n",
        (f"{VAULT}::test_p25_one_that_is_hashed_under_an_old_key_is_taken",),
    ),
    Breakage(
        "draw a card's digits anew each time",
        "P25",
        "gateway/vault/digits.py",
        "for iduser, sealed in store.digits(list(wanted)).items()",
        "for iduser, sealed in store.digits([]).items()",
        (f"{VAULT}::test_p25_a_card_has_one_whoever_keeps_it_and_when",),
    ),
    Breakage(
        "find digits for every product",
        "P06",
        "gateway/vault/digits.py",
        "    return product.encode(), b",
        "    return product[:0].encode(), b",
        (f"{VAULT}::test_p06_it_leads_nowhere_for_another_product_or_mode",),
    ),
    Breakage(
        "believe a row of digits that was changed by hand",
        "P17",
        "gateway/vault/digits.py",
        "            if not hmac.compare_digest(stands.text, asked.text):\n",
        "            if not hmac.compare_digest(stands.text, stands.text or asked.text):\n",
        (f"{VAULT}::test_p17_a_row_that_was_changed_by_hand_leads_to_no_card",),
    ),
    Breakage(
        "keep digits when their card is forgotten",
        "P06",
        "gateway/vault/migrations/0018_digits.sql",
        " REFERENCES card (iduser) ON DELETE CASCADE",
        "",
        (f"{VAULT}::test_it_goes_with_its_card",),
    ),
    Breakage(
        "never count digits that nobody has",
        "P26",
        "gateway/stages/opening.py",
        "            await self._count_unknown(exchange, presented, named)\n",
        "            pass\n",
        (
            f"{GUESSED}::test_p26_who_tries_digits_is_stopped",
            f"{GUESSED}::test_p26_of_a_message_full_of_tries_none_is_opened",
        ),
    ),
    Breakage(
        "open a card for whoever is blocked for guessing",
        "P26",
        "gateway/stages/opening.py",
        "            self._guessing.check(admission_of(exchange).client)\n",
        "            pass\n",
        (f"{GUESSED}::test_p26_who_tries_digits_is_stopped",),
    ),
    Breakage(
        "take digits that came back for a card",
        "P25",
        "gateway/stages/swap.py",
        "        if digits:\n            await self._leave_ours(exchange, digits)\n",
        "        if digits:\n",
        (f"{STYLES}::test_p07_digits_that_come_back_are_a_token_and_no_card",),
    ),
    Breakage(
        "take whatever looks like digits of ours for a token",
        "P03",
        "gateway/stages/swap.py",
        "zip(digits, known, strict=True) if token is not None)",
        "zip(digits, known, strict=True) if token is not exchange)",
        (f"{STYLES}::test_p03_digits_that_nobody_drew_are_a_card",),
    ),
    Breakage(
        "charge by digits beside another number",
        "P07",
        "gateway/stages/detokenize.py",
        "one.ours is not None or one.digits is not None for one in said",
        "one.ours is not None for one in said",
        (f"{STAGES}::test_p07_a_token_of_digits_beside_another_text_refuses_the_message",),
    ),
    Breakage(
        "show a card as its shape says, whatever the route says",
        "P25",
        "gateway/rules/directions.py",
        "        if entry.show is not None:\n",
        "        if entry.show is not None and not shapes:\n",
        (
            f"{STAGES}::test_a_route_says_otherwise_for_all_its_shapes_and_for_no_other_route",
            f"{STYLES}::test_p25_one_card_shown_in_four_ways_is_charged_by_each_of_them",
        ),
    ),
    Breakage(
        "send a header as long as there are tokens",
        "P10",
        "gateway/stages/tokens_header.py",
        "            if left_out or length > _LONGEST:\n",
        "            if left_out:\n",
        (f"{HEADER}::test_it_is_short_however_many_there_are_and_says_how_many_it_has_not",),
    ),
    Breakage(
        "lose a message for one damaged token of digits",
        "P07",
        "gateway/stages/swap.py",
        "            if len(digits) > 1:\n                for one in digits:",
        "            if len(digits) > 1:\n                raise\n                for one in digits:",
        (f"{STYLES}::test_p07_digits_whose_record_is_damaged_cost_no_other_card_its_token",),
    ),
)
