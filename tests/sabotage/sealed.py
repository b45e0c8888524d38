"""P06, P17 to P20, P22, P25: what is sealed, under which key, and bound to which place."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

ENVELOPE = ("tests/vault/test_vault_envelope.py",)
SECRECY = ("tests/vault/test_vault_secrecy.py",)
FOREIGN = ("tests/vault/test_vault_foreign.py",)
KEYS = ("tests/vault/test_vault_keys.py",)
RECAPTURES = ("tests/vault/test_vault_recaptures.py",)
MIGRATION = ("tests/vault/test_vault_migration.py",)
SERVICE = ("tests/vault/test_vault_service.py",)

BREAKAGES = (
    Breakage(
        "bind a record to its field alone",
        "P17",
        "gateway/vault/envelope.py",
        "    return lengths + name + tenant + row",
        "    return lengths[:4] + name",
        (f"{SECRECY[0]}::test_p17_a_card_is_bound_without_its_link",),
    ),
    Breakage(
        "leave the product out of a record's place",
        "P17",
        "gateway/vault/records.py",
        '    return place("card", product, iduser, test=test)',
        '    return place("card", "", iduser, test=test)',
        (f"{SECRECY[0]}::test_p17_a_card_is_bound_without_its_link",),
    ),
    Breakage(
        "bind a recapture to no client",
        "P17",
        "gateway/vault/recapture.py",
        "json.dumps([row.id, row.client, row.system, row.itinerary])",
        "json.dumps([row.id, row.client[:0], row.system, row.itinerary])",
        RECAPTURES,
    ),
    Breakage(
        "bind a charge to no sum",
        "P17",
        "gateway/vault/charge.py",
        "row.processor, row.amount, row.currency]",
        "row.processor, row.currency]",
        ("tests/vault/test_vault_altered.py",),
    ),
    Breakage(
        "let a link name another hotel than its booking's",
        "P17",
        "gateway/vault/sealed.py",
        "        one.booking_hash, keyring.booking, records.booking_of(one, content)\n",
        "        one.booking_hash, keyring.booking, records.booking_of(one, content)\n    ) and (\n        not where\n",
        ("tests/vault/test_vault_altered.py",),
    ),
    Breakage(
        "leave the processor out of a foreign token's place",
        "P17",
        "gateway/vault/foreign.py",
        "test=test, row=processor.encode())",
        "test=test, row=processor[:0].encode())",
        (f"{FOREIGN[0]}::test_p17_a_foreign_token_that_was_moved_does_not_open",),
    ),
    Breakage(
        "keep a foreign token for another product's card",
        "P06",
        "gateway/vault/foreign.py",
        "            if mode is None:\n                raise TokenUnknown\n",
        "            mode = mode or (0,)\n",
        FOREIGN,
    ),
    Breakage(
        "let two processes ask for one card's token",
        "P25",
        "gateway/vault/foreign.py",
        " WHERE issuing.until <= ?5",
        "",
        (
            "tests/vault/test_vault_claims.py::test_only_one_asks_for_a_card_at_a_processor",
            "tests/e2e/test_paycomet_issuing.py::test_p25_two_gateways_with_a_new_card_ask_once",
        ),
    ),
    Breakage(
        "wait for a process that died for ever",
        "P25",
        "gateway/vault/foreign.py",
        " WHERE issuing.until <= ?5",
        " WHERE issuing.until < ?5 AND 1 = 0",
        ("tests/vault/test_vault_claims.py::test_a_claim_of_a_process_that_died_is_over_in_time",),
    ),
    Breakage(
        "let the last foreign token win",
        "P25",
        "gateway/vault/foreign.py",
        "DO NOTHING",
        "DO UPDATE SET sealed = excluded.sealed",
        FOREIGN,
    ),
    Breakage(
        "let a wrapped key serve any purpose",
        "P17",
        "gateway/vault/keyring.py",
        '    return place(f"keyring:{purpose.value}", "", key_id, test=False)',
        '    return place(f"keyring:{purpose.value[:0]}", "", key_id, test=False)',
        KEYS,
    ),
    Breakage(
        "take a damaged record for an empty one",
        "P18",
        "gateway/vault/envelope.py",
        "        except InvalidTag:\n            pass\n",
        '        except InvalidTag:\n            return b""\n',
        (f"{ENVELOPE[0]}::test_p18_every_flipped_bit_is_noticed",),
    ),
    Breakage(
        "skip the commitment to the key",
        "P19",
        "gateway/vault/envelope.py",
        "        if not hmac.compare_digest(commitment, expected):",
        "        if len(commitment) != len(expected):",
        (f"{ENVELOPE[0]}::test_p19_the_commitment_is_checked_not_only_the_tag",),
    ),
    Breakage(
        "look cards up without their product",
        "P20",
        "gateway/vault/records.py",
        "    return product.encode(), mode, ",
        "    return mode, ",
        (f"{SERVICE[0]}::test_another_card_product_mode_or_expiry_gives_another_token",),
    ),
    Breakage(
        "plain SHA for the look-up",
        "P20",
        "gateway/vault/hashes.py",
        '    padded = key.ljust(_BLOCK, b"\\0")',
        "    padded = bytes(_BLOCK)",
        (f"{ENVELOPE[0]}::test_p20_a_hash_is_hmac_sha_256",),
    ),
    Breakage(
        "one key for look-ups and tokenusers",
        "P20",
        "gateway/vault/keyring.py",
        "        look_up=KeyedHash(*keys(Purpose.LOOK_UP)),",
        "        look_up=KeyedHash(*keys(Purpose.TOKENUSER)),",
        KEYS,
    ),
    Breakage(
        "take a KEK that others can read",
        "P22",
        "gateway/vault/kek/private_file.py",
        "    if status.st_mode & 0o077:",
        "    if status.st_mode & 0o007:",
        KEYS,
    ),
    Breakage(
        "make up for a key that was lost",
        "P22",
        "gateway/vault/keyring.py",
        "if purpose not in made]",
        "if purpose not in [row.purpose for row in rows]]",
        MIGRATION,
    ),
)
