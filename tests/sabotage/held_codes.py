"""P17, P21: security codes, which the vault holds for a charge or not at all."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

CVC = ("tests/vault/test_vault_cvc.py",)
SECRECY = ("tests/vault/test_vault_secrecy.py",)
HELD = "tests/e2e/test_held_cvc.py"

BREAKAGES = (
    Breakage(
        "hold a security code again after its authorisation",
        "P21",
        "gateway/stages/cards_in.py",
        "        if not exchange.sent:",
        "        if held:",
        (f"{HELD}::test_p21_a_held_code_is_put_in_once",),
    ),
    Breakage(
        "hold security codes that no product asked for",
        "P21",
        "gateway/stages/filling.py",
        "if product.hold_cvc is None or exchange.replays\n                    else self._opening.clock() + product.hold_cvc",
        "if exchange.replays\n                    else self._opening.clock().replace(year=2100)",
        (f"{HELD}::test_a_product_that_does_not_ask_holds_none",),
    ),
    Breakage(
        "let a held security code be prolonged",
        "P17",
        "gateway/vault/cvcs.py",
        'row=f"{row.at} {row.until}".encode()',
        'row=f"{row.at}".encode()',
        ("tests/vault/test_vault_altered.py",),
    ),
    Breakage(
        "keep the CVC with the booking",
        "P21",
        "gateway/vault/records.py",
        '        content["holder"] = card.holder.reveal()\n',
        '        content["holder"] = card.holder.reveal()\n'
        "    if card.cvc is not None:\n"
        '        content["cvc"] = card.cvc.reveal()\n',
        (f"{SECRECY[0]}::test_p21_what_is_sealed_holds_no_security_code",),
    ),
    Breakage(
        "keep the CVC with the card",
        "P21",
        "gateway/vault/records.py",
        '    return f"{_start_of(card)}{token.tokenuser}".encode("ascii").ljust(_CARD_LENGTH)',
        '    cvc = card.cvc.reveal() if card.cvc else ""\n'
        '    return f"{_start_of(card)}{token.tokenuser}{cvc}".encode("ascii").ljust(_CARD_LENGTH)',
        (f"{SECRECY[0]}::test_p21_what_is_sealed_holds_no_security_code",),
    ),
    Breakage(
        "give a held CVC out and delete it later",
        "P21",
        "gateway/vault/cvcs.py",
        '"DELETE FROM cvc WHERE iduser = ? RETURNING iduser, at, until, sealed"',
        '"SELECT iduser, at, until, sealed FROM cvc WHERE iduser = ?"',
        CVC,
    ),
    Breakage(
        "delete a held CVC before its intent is written",
        "P21",
        "gateway/vault/finding.py",
        "            take = self._store.take(lambda: self._resolver.entitled(wanted), entries)\n"
        "            return await result_of(take)\n",
        "            take = self._store.take(lambda: self._resolver.entitled(wanted), ())\n"
        "            taken = await result_of(take)\n"
        "            await result_of(self._store.record(entries))\n"
        "            return taken\n",
        (f"{CVC[0]}::test_p21_killed_at_each_step_a_code_is_there_until_its_intent_is",),
    ),
    Breakage(
        "seal a held CVC under the data key",
        "P21",
        "gateway/vault/keyring.py",
        "        cvc=Sealer(*keys(Purpose.CVC)),",
        "        cvc=Sealer(*keys(Purpose.DATA)),",
        (f"{CVC[0]}::test_p21_a_held_code_is_sealed_under_a_key_of_its_own",),
    ),
    Breakage(
        "give out a CVC after its end",
        "P21",
        "gateway/vault/cvcs.py",
        " <= now < unstamp(row.until)",
        " <= now and bool(row.until)",
        CVC,
    ),
    Breakage(
        "let anybody who knows the iduser have a CVC erased",
        "P21",
        "gateway/vault/resolve.py",
        "        return list(dict.fromkeys(row[0].iduser for row in permitted if row is not None))",
        "        return [want.token.iduser for want in asked if permitted]",
        CVC,
    ),
)
