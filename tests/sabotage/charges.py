"""Charges: sent once, known before they are told, and not beyond what a card is good for."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

STATES = ("tests/charges/test_states.py",)
SERVICE = ("tests/charges/test_service.py",)
DOUBT = ("tests/charges/test_doubt.py",)
PAGE = ("tests/charges/test_page.py",)
VIRTUAL = ("tests/charges/test_virtual.py",)
CALLS = ("tests/control/test_control_charges.py",)

BREAKAGES = (
    Breakage(
        "ask for something while the outcome of another operation is not known",
        "P24",
        "gateway/charges/states.py",
        "    if charge.operation is not None:\n        raise ChargeInProgress\n    if operation not in",
        "    if operation not in",
        DOUBT,
    ),
    Breakage(
        "take a charge that nobody knows the outcome of for one that succeeded",
        "P24",
        "gateway/charges/states.py",
        "    E.FAILED: Then(S.DECLINED),\n    E.UNKNOWN: Then(S.UNKNOWN, open=True),",
        "    E.FAILED: Then(S.DECLINED),\n    E.UNKNOWN: Then(S.SUCCEEDED),",
        SERVICE,
    ),
    Breakage(
        "go on counting charges in doubt that are settled",
        "P39",
        "gateway/upkeep.py",
        "        for processor in self._in_doubt - found.keys():",
        "        for processor in self._in_doubt & found.keys():",
        ("tests/charges/test_doubt.py",),
    ),
    Breakage(
        "take a person's word while it may be on its way",
        "P24",
        "gateway/charges/states.py",
        "    if charge.lease is not None or not is_settled(charge, now):",
        "    if charge.lease is not None:",
        STATES,
    ),
    Breakage(
        "believe at once that a charge never came there",
        "P24",
        "gateway/charges/states.py",
        "    if begun and nothing and is_settled(charge, now):",
        "    if begun and nothing:",
        STATES,
    ),
    Breakage(
        "take a look that failed for a charge that is not there",
        "P24",
        "gateway/charges/states.py",
        "    nothing = answer.code == NOTHING_THERE\n",
        "    nothing = answer.ended is E.FAILED\n",
        STATES,
    ),
    Breakage(
        "send a charge before its intent is written",
        "P36",
        "gateway/charges/beginning.py",
        "    return Change(charge, [said], [new.intent], [notice(row, content, said)])",
        "    return Change(charge, [said], [], [notice(row, content, said)])",
        SERVICE,
    ),
    Breakage(
        "send a charge again that was cut off, when its request is repeated",
        "P24",
        "gateway/vault/charges.py",
        "            return Repeated(None, answered.removeprefix(_STANDS_FOR).decode())",
        "            return None",
        SERVICE,
    ),
    Breakage(
        "forget that whoever asked may have been killed",
        "P24",
        "gateway/charges/states.py",
        "    if charge.lease is None or now < charge.lease or charge.operation is None:",
        "    if charge.lease is not None or charge.operation is None:",
        DOUBT,
    ),
    Breakage(
        "forget that the processor has taken the card for good",
        "P24",
        "gateway/charges/beginning.py",
        "    if facts.consumed:\n        return CardConsumed\n",
        "",
        SERVICE,
    ),
    Breakage(
        "charge a virtual card beyond its balance",
        "P24",
        "gateway/charges/virtual.py",
        "_dates(booking.virtual, asked) or _balance(booking.virtual, asked, charges)",
        "_dates(booking.virtual, asked)",
        VIRTUAL,
    ),
    Breakage(
        "leave off a virtual card's balance what may have been charged to it",
        "P24",
        "gateway/charges/virtual.py",
        "_NOTHING: Final = frozenset({ChargeState.DECLINED,",
        "_NOTHING: Final = frozenset({ChargeState.UNKNOWN, ChargeState.PENDING, ChargeState.DECLINED,",
        VIRTUAL,
    ),
    Breakage(
        "charge a virtual card after its last day",
        "P24",
        "gateway/charges/virtual.py",
        "        return CardNoLongerActive",
        "        return None",
        VIRTUAL,
    ),
    Breakage(
        "charge another product's card",
        "P06",
        "gateway/vault/charge_facts.py",
        "        return None if permitted is None else permitted[0].product",
        "        return None if found is None else found[0].product",
        SERVICE,
    ),
    Breakage(
        "show a charge to another client",
        "P28",
        "gateway/charges/service.py",
        "        mine = who.sees_all or one.row.client == who.client",
        "        mine = True",
        (*SERVICE, *CALLS),
    ),
    Breakage(
        "let a charge's amount be altered in the database",
        "P17",
        "gateway/vault/charge.py",
        "row.reference, row.processor, row.amount, row.currency]",
        "row.reference, row.processor, row.currency]",
        SERVICE,
    ),
    Breakage(
        "write a processor's words as they are",
        "P16",
        "gateway/charges/outcomes.py",
        "    return without_cards(line)[:_LONGEST]",
        "    return line[:_LONGEST]",
        SERVICE,
    ),
    Breakage(
        "let a card's number be a field that the processor needs besides",
        "P16",
        "gateway/control/charges_form.py",
        '        return {name: self.text(f"extra.{name}") for name in said}',
        "        return {name: str(said[name]) for name in said}",
        CALLS,
    ),
    Breakage(
        "let a silent guest's charge wait for ever",
        "P24",
        "gateway/charges/outcomes.py",
        "        row = states.expired(row, now)",
        "        row = states.expired(row, row.created)",
        DOUBT,
    ),
    Breakage(
        "leave the page of a challenge that is over open",
        "P35",
        "gateway/vault/charges.py",
        "        if change.closes is not None:",
        "        if change.closes is change.opens:",
        PAGE,
    ),
    Breakage(
        "tell a client of a page before its link is kept",
        "P24",
        "gateway/vault/charges.py",
        "            self._links.insert(connection, new.link, new.secret, new.entry)",
        "            self._links.check(connection, new.link.row.id)",
        PAGE,
    ),
)
