"""P06, P16 to P36 of cards that come from another vault, and of the tokens they had there."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

TOKENS = "tests/vault/test_vault_old_tokens.py"
IMPORT = "tests/importing/test_import.py"
ENVELOPE = "tests/importing/test_envelope.py"

BREAKAGES = (
    Breakage(
        "find an old token for every product",
        "P06",
        "gateway/vault/old_tokens.py",
        "(who.product.encode(), mode, who.provider.encode(), ",
        '(b"", mode, who.provider.encode(), ',
        (f"{TOKENS}::test_p06_it_leads_nowhere_for_another_product_mode_or_provider",),
    ),
    Breakage(
        "believe a row of old tokens that was changed by hand",
        "P17",
        "gateway/vault/old_tokens.py",
        "if not self._keyring.old_token.matches(bound, *_bound(hash, row.card.iduser)):",
        "if not bound:",
        (f"{TOKENS}::test_p17_a_row_that_was_changed_by_hand_leads_to_no_card",),
    ),
    Breakage(
        "give an old token to another card",
        "P06",
        "gateway/vault/old_tokens.py",
        "                elif cards_of[hash] in look_ups:\n",
        "                else:\n",
        (f"{TOKENS}::test_a_token_is_never_another_cards",),
    ),
    Breakage(
        "keep an old token when its card is forgotten",
        "P06",
        "gateway/vault/migrations/0016_rotation_and_retention.sql",
        " REFERENCES card (iduser) ON DELETE CASCADE",
        "",
        (f"{TOKENS}::test_it_goes_with_its_card",),
    ),
    Breakage(
        "take what an old token did for not done once its card is gone",
        "P24",
        "gateway/control/charges.py",
        "                    body = await self._charges.nameless(who, reply)\n",
        "                    raise TokenUnknown\n",
        ("tests/control/test_control_old_tokens.py",),
    ),
    Breakage(
        "import a file that was changed on its way",
        "P18",
        "gateway/importing/envelope.py",
        "    decryptor.finalize_with_tag(tag)\n",
        "    decryptor.update(tag)\n",
        (f"{ENVELOPE}::test_p18_a_flipped_bit_or_a_cut_is_refused",),
    ),
    Breakage(
        "import a file without looking it through",
        "P21",
        "gateway/importing/service.py",
        "        records = sum(1 for _ in self._records(hashed))\n",
        "        records = sum(1 for _ in iter(lambda: hashed.read(_CHUNK), b''))\n",
        (f"{IMPORT}::test_p21_security_codes_are_refused_before_anything_is_imported",),
    ),
    Breakage(
        "import cards before the audit says so",
        "P36",
        "gateway/importing/service.py",
        "        asyncio.run(self._vault.record([entry]))\n",
        "",
        (f"{IMPORT}::test_p36_the_intent_is_there_first_and_each_card_with_its_commit",),
    ),
    Breakage(
        "keep a token that holds its card's number",
        "P16",
        "gateway/importing/rows.py",
        '    if pan.reveal() in "".join(sign for sign in old.text if sign.isdigit()):\n',
        "    if pan.reveal() == old:\n",
        (f"{IMPORT}::test_a_line_that_is_no_card_is_refused_and_the_others_go_on",),
    ),
)
