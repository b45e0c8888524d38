"""Collections: one charge at a time, never more than the sum, and nothing after a stop."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

STATES = ("tests/collections/test_states.py",)
KILLED = ("tests/collections/test_killed.py",)
CALLS = ("tests/control/test_control_collections.py",)
SERVICE = ("tests/collections/test_service.py",)
WHOSE = ("tests/collections/test_whose.py",)

BREAKAGES = (
    Breakage(
        "go on to the guest while a charge is on its way",
        "P24",
        "gateway/collections/states.py",
        "    if any(on_its_way(one) for one in facts.charges):",
        "    if any(on_its_way(one) for one in facts.charges[:-1]):",
        STATES,
    ),
    Breakage(
        "go on to the guest while nobody knows what became of a charge",
        "P24",
        "gateway/collections/states.py",
        "    {ChargeState.PENDING, ChargeState.CHALLENGED, ChargeState.AUTHORIZED, ChargeState.UNKNOWN}",
        "    {ChargeState.PENDING, ChargeState.CHALLENGED, ChargeState.AUTHORIZED}",
        STATES,
    ),
    Breakage(
        "collect on where an earlier charge took the sum after all",
        "P24",
        "gateway/collections/states.py",
        "    if any(_took(one) for one in facts.charges):",
        "    if any(_took(one) for one in facts.charges[-1:]):",
        STATES,
    ),
    Breakage(
        "begin a charge of a collection that was stopped meanwhile, or charged by another process",
        "P24",
        "gateway/collections/states.py",
        "    move = decide(row, facts, now)\n    if not move.charge or (row.charges, row.link) != (asked.charges, asked.link):\n"
        "        raise CollectionMoved",
        "    move = decide(row, facts, now)\n    if not move.row.id:\n        raise CollectionMoved",
        SERVICE,
    ),
    Breakage(
        "leave the guest's link open when the collection is over",
        "P24",
        "gateway/collections/states.py",
        "    return Move(done, code, withdrawn=row.link)",
        "    return Move(done, code)",
        SERVICE,
    ),
    Breakage(
        "miss money that comes after the end",
        "P24",
        "gateway/vault/migrations/0014_stated_sums.sql",
        "    UPDATE collection SET due = new.created\n    WHERE number IN",
        "    UPDATE collection SET due = due\n    WHERE number IN",
        SERVICE,
    ),
    Breakage(
        "do not tie a charge to the collection that began it",
        "P24",
        "gateway/vault/collections.py",
        "            connection.execute(_OWN, (change.charge, row.id))",
        "            connection.execute(_TAKEN, (change.charge, row.id))",
        SERVICE,
    ),
    Breakage(
        "let a collection's sum be altered in the database",
        "P17",
        "gateway/vault/collection.py",
        "    said = [row.id, row.client, row.reference, row.amount, row.currency]",
        "    said = [row.id, row.client, row.reference, row.currency]",
        WHOSE,
    ),
    Breakage(
        "let a collection be given another guest's card in the database",
        "P17",
        "gateway/collections/facts.py",
        "    if row.link != content.link:",
        "    if row.link is None and content.link:",
        WHOSE,
    ),
    Breakage(
        "write down the id of a collection that there is not",
        "P16",
        "gateway/collections/service.py",
        "        entry = replace(who.entry, action=Action.STOP)",
        "        entry = replace(who.entry, action=Action.STOP, subject=id)",
        WHOSE,
    ),
    Breakage(
        "show a collection to another client, and let it stop it",
        "P28",
        "gateway/collections/service.py",
        "    mine = who.sees_all or one.row.client == who.client",
        "    mine = True",
        WHOSE,
    ),
    Breakage(
        "show a collection of a product that the key may not use",
        "P06",
        "gateway/collections/service.py",
        "    return mine and one.row.product in who.products",
        "    return mine",
        WHOSE,
    ),
    Breakage(
        "begin a collection without a word of it in the audit",
        "P36",
        "gateway/collections/service.py",
        "            entries=[replace(entry, outcome=Outcome.DONE, subject=id)],",
        "            entries=[],",
        SERVICE,
    ),
    Breakage(
        "charge a card before its day",
        "P24",
        "gateway/collections/states.py",
        "    if now >= row.not_before:",
        "    if now >= row.created:",
        SERVICE,
    ),
    Breakage(
        "forget a collection whose process was killed",
        "P24",
        "gateway/vault/collections.py",
        "        values = (stamp(until), stamp(now), _AT_ONCE)",
        "        values = (stamp(until)[:0] or None, stamp(now), _AT_ONCE)",
        KILLED,
    ),
    Breakage(
        "begin a charge apart from the collection that it is for",
        "P24",
        "gateway/collections/steps.py",
        "                partial(self._begun, planned),",
        "                None,",
        SERVICE,
    ),
    Breakage(
        "show the URL of a guest's link when it is open no more",
        "P35",
        "gateway/collections/steps.py",
        "        held = contents.write(replace(contents.read(one.held), url=None))",
        "        held = one.held",
        SERVICE,
    ),
    Breakage(
        "answer a repeated collection by what is gone since it was begun",
        "P24",
        "gateway/collections/service.py",
        "            refusal = self._refusal(product, form)\n",
        "            refusal = self._refusal(product, form)\n"
        "        if refusal is not None:\n            raise refusal\n",
        CALLS,
    ),
    Breakage(
        "let tokens be guessed as collections",
        "P28",
        "gateway/control/collections.py",
        "                await self._guessing.unknown(who.entry, written=True)\n",
        "",
        CALLS,
    ),
)
