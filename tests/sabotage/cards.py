"""Cards over the control API, and requests that count once: P06, P16, P21, P24, P28, P36."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

CARDS = ("tests/control/test_control_cards.py", "tests/control/test_control_cards_refused.py")
ONCE = ("tests/control/test_control_cards_once.py",)
VAULT = ("tests/vault/test_vault_cards.py",)

BREAKAGES = (
    Breakage(
        "tell a card's number in what is shown of it",
        "P16",
        "gateway/control/cards_shown.py",
        '"mask": mask(digits),',
        '"mask": digits,',
        CARDS,
    ),
    Breakage(
        "take a card's number for a booking's",
        "P16",
        "gateway/control/cards_form.py",
        "        elif find_cards(value.encode()):",
        "        elif not value:",
        CARDS,
    ),
    Breakage(
        "name a field that a caller made up",
        "P16",
        "gateway/control/cards_form.py",
        '            self._note(path, "unknown_field")',
        '            self._note(next(iter(said.keys() - known)), "unknown_field")',
        CARDS,
    ),
    Breakage(
        "keep a hash of a security code with the request",
        "P21",
        "gateway/control/cards_form.py",
        'if name != "security_code"}',
        "if name}",
        ONCE,
    ),
    Breakage(
        "hold a security code that the product does not ask for",
        "P21",
        "gateway/control/cards.py",
        "        until = None if product.hold_cvc is None else self._clock() + product.hold_cvc\n",
        "        held = product.hold_cvc or self._clock() - self._clock().replace(hour=0)\n"
        "        until = self._clock() + held\n",
        CARDS,
    ),
    Breakage(
        "forget a card for whoever knows its iduser",
        "P06",
        "gateway/vault/cards.py",
        "        return None if permitted is None else permitted[0]",
        "        return None if found is None else found[0]",
        VAULT,
    ),
    Breakage(
        "list a booking's cards of every product",
        "P06",
        "gateway/vault/cards.py",
        '    " AND product IN (SELECT value FROM json_each(?2))"',
        '    " AND ?2 IS NOT NULL"',
        VAULT,
    ),
    Breakage(
        "keep a processor's token for the old expiry",
        "P25",
        "gateway/vault/foreign.py",
        "            if found is not None and not self._is_filed_under(mode[1], product, found):",
        "            if found is not None and not mode[1]:",
        ("tests/vault/test_vault_foreign.py",),
    ),
    Breakage(
        "change an expiry while a processor is asked for its token",
        "P25",
        "gateway/vault/cards.py",
        "        if connection.execute(_ISSUING, (row.iduser, stamp(now))).fetchone() is not None:",
        "        if connection.execute(_ISSUING, (-row.iduser, stamp(now))).fetchone() is not None:",
        CARDS,
    ),
    Breakage(
        "open a card that is shown before its intent is durable",
        "P36",
        "gateway/vault/cards.py",
        "        await self._record([replace(entry, outcome=Outcome.INTENT)])\n",
        "",
        VAULT,
    ),
    Breakage(
        "remember an answer after the commit of what it answers",
        "P24",
        "gateway/vault/requests.py",
        "                self._once.remember(connection, once, done.product, done.answer, now)\n",
        "                later = (once, done.product, done.answer, now)\n"
        '                self._database.write("later", lambda c: self._once.remember(c, *later))\n',
        VAULT,
    ),
    Breakage(
        "answer another request under a key that is known",
        "P24",
        "gateway/vault/idempotency.py",
        "        if not self._hashing.matches(request, *_parts(once)) or product not in once.products:",
        "        if product not in once.products:",
        VAULT,
    ),
    Breakage(
        "repeat an answer to a key that may not use its product",
        "P28",
        "gateway/vault/idempotency.py",
        "        if not self._hashing.matches(request, *_parts(once)) or product not in once.products:",
        "        if not self._hashing.matches(request, *_parts(once)):",
        ONCE,
    ),
    Breakage(
        "share an Idempotency-Key among clients",
        "P28",
        "gateway/vault/idempotency.py",
        'digests(b"key", *_parts(once)[1:3])',
        'digests(b"key", *_parts(once)[2:3])',
        ONCE,
    ),
    Breakage(
        "keep the answer to a repeat in clear",
        "P16",
        "gateway/vault/idempotency.py",
        "        sealed = self._sealer.seal(answer, place_of(product, asked))",
        "        sealed = answer + self._sealer.seal(bytes(1), place_of(product, asked))",
        VAULT,
    ),
    Breakage(
        "seal the answer to a repeat for any place",
        "P17",
        "gateway/vault/idempotency.py",
        '    return place("idempotent", product, 0, test=False, row=asked)',
        '    return place("idempotent", product[:0], 0, test=False, row=asked[:0])',
        VAULT,
    ),
    Breakage(
        "let a client guess tokens for ever",
        "P28",
        "gateway/control/cards_guessing.py",
        "        if len(tried) < self._limit:",
        "        if len(tried) < self._limit * 10:",
        ONCE,
    ),
    Breakage(
        "take any live key for cards",
        "P28",
        "gateway/control/cards.py",
        'Depends(needs("cards"))]',
        'Depends(needs("cards", "proxy"))]',
        CARDS,
    ),
)
