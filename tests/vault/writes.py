"""The vault's named writes, each as a test does it: what has to be there, and the write by itself.

`prepare` makes what is there before, and gives what `do` needs to know of it; `do` is what another
process is killed in. Both are given a `Collecting` (`tests/collections/world.py`): a vault, its clock,
and the services on it. `steps`: what is named inside the write, besides what every write passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from gateway.cards.token import Token, parse_alias
from gateway.charges.passing import Passing
from gateway.errors import CodeWrong, TokenUnknown
from gateway.secret import Secret
from gateway.vault.answer import AnswerState
from gateway.vault.charge_changes import Filter
from gateway.vault.import_keys import ImportKey
from gateway.vault.model import Wanted
from gateway.vault.notices import Whose
from gateway.vault.recapture import RecaptureState
from gateway.vault.route_hours import Flush, RouteHour, hour_of
from gateway.vault.rows import RefusalRow
from tests.charges.test_page import CHALLENGED
from tests.charges.world import PRODUCTS
from tests.collections.world import Collecting
from tests.vault import makers, test_vault_claims, test_vault_foreign, test_vault_links
from tests.vault import test_vault_erasure as erasure
from tests.vault import test_vault_notices as notices
from tests.vault import test_vault_old_tokens as old_tokens
from tests.vault import test_vault_recaptures as recaptures
from tests.vault import test_vault_retention as retention
from tests.vault.makers import NOON, answer, entry, new
from tests.vault.test_vault_cards import ASKED, LATER, add, alias_of, once, want
from tests.vault.test_vault_cvc import END, MARK, held, take
from tests.vault.test_vault_tables import BARE
from tests.viewers.people import WRONG, People, id_of

HOUR = timedelta(hours=1)
AT_LAST = makers.LATER + timedelta(days=100)  # nothing is kept as long


@dataclass(frozen=True)
class Write:
    prepare: Callable[[Collecting], str | None]
    do: Callable[[Collecting, str], object]
    steps: tuple[str, ...] = ()
    changes: bool = True  # else it only asks something of the thread that writes


def nothing(_: Collecting) -> None:
    """Nothing has to be there."""


# --- cards ----------------------------------------------------------------------------------------


def kept(world: Collecting) -> str:
    return makers.keep(world.vault, new())[0].token.alias


def kept_with_code(world: Collecting) -> str:
    return makers.keep(world.vault, held())[0].token.alias


def iduser_of(alias: str) -> int:
    return parse_alias(alias).iduser


def claimed(world: Collecting) -> str:
    alias = kept(world)
    test_vault_claims.claim(world.vault, iduser_of(alias))
    return alias


def kept_answer(world: Collecting) -> None:
    makers.keep(world.vault, answer=lambda _: answer())


def keep_answer(world: Collecting, _: str) -> None:
    """As in place of one that was kept back."""
    makers.keep(world.vault, new(), entries=[entry()], answer=lambda _: answer("another"))


def change_card(world: Collecting, alias: str) -> None:
    token = want(parse_alias(alias))
    world.run(world.vault.cards.change_expiry(token, LATER, ASKED, once("change"), alias_of))


def forget_card(world: Collecting, alias: str) -> None:
    world.run(world.vault.cards.forget(want(parse_alias(alias)), ASKED, once("forget")))


def hold_code(world: Collecting, alias: str) -> None:
    of = Wanted(parse_alias(alias), frozenset({"seaside"}))
    holding = world.vault.codes.hold(of, Secret(MARK), END, ASKED, lambda _: None)
    world.run(holding)


def kept_for_a_guest(world: Collecting) -> None:
    erasure.everything(world, erasure.HIS, 1)


def purge_cards(world: Collecting, _: str) -> None:
    retention.purge(world.vault)


def purged_card(world: Collecting) -> None:
    kept(world)
    retention.purge(world.vault)


# --- what clients ask for, and what they are told --------------------------------------------------


def set_credentials(world: Collecting, _: str | None = None) -> None:
    values = {"secret_key": Secret("sk_test_of_the_tests")}
    said = {"entry": ASKED, "once": once("set"), "answer": lambda made: made.processor.encode()}
    world.run(world.vault.credentials.put("seaside", "stripe", values, **said))


def erase_credentials(world: Collecting, _: str) -> None:
    world.run(world.vault.credentials.erase("seaside", "stripe", ASKED, once("erase")))


def make_link(world: Collecting, _: str | None = None) -> None:
    test_vault_links.keep(world.vault, test_vault_links.link(), Secret("s" * 32), once("link"))


def revoke_link(world: Collecting, _: str) -> None:
    links = world.vault.links
    world.run(links.revoke("one", test_vault_links.MINE, ASKED, once("revoke")))


def use_link(world: Collecting, _: str) -> None:
    links = world.vault.links
    world.run(links.used(ASKED, lambda c: links.use(c, "one", Secret(b"{}"))))


def told(world: Collecting) -> str:
    """A notice that was delivered."""
    notices.put(world.vault, notices.new())
    (one,) = notices.claim(world.vault)
    world.run(world.vault.notices.delivered(one.row, NOON))
    return one.row.id


def tell_again(world: Collecting, id: str) -> None:
    table, whose = world.vault.notices, Whose("pms", PRODUCTS)
    asking = table.redeliver(id, whose, ASKED, once("again"), lambda one: one.id.encode())
    world.run(asking)


# --- viewers --------------------------------------------------------------------------------------


@contextmanager
def people(world: Collecting) -> Iterator[People]:
    made = People(world.vault, world.clock)
    try:
        yield made
    finally:
        made.codes.close()


def invite(world: Collecting, _: str | None = None) -> None:
    with people(world) as made:
        made.invite()


def choose(world: Collecting, _: str) -> None:
    with people(world) as made:
        made.choose(id_of(0))


def two_people(world: Collecting) -> None:
    with people(world) as made:
        made.person(0)
        made.person(1)


def type_code(world: Collecting, _: str) -> None:
    with people(world) as made:
        made.check(id_of(0))


def type_wrong_code(world: Collecting, _: str) -> None:
    with people(world) as made, suppress(CodeWrong):
        made.check(id_of(0), WRONG)


def lock(world: Collecting, _: str) -> None:
    with people(world) as made:
        made.lock(id_of(0), id_of(1))


def disable(world: Collecting, _: str) -> None:
    with people(world) as made:
        made.disable(id_of(0))


# --- charges, collections, recaptures --------------------------------------------------------------


class Gone(Exception):
    """Whoever asked the processor is not heard of again."""


def challenged(world: Collecting, _: str | None = None) -> str:
    """A charge that a guest's bank wants something of."""
    world.processor.say("debit", CHALLENGED)
    return world.charge(world.token(), reference="R", key="k")["id"]


def refuse(world: Collecting, _: str) -> None:
    """A charge of a token that nobody has."""
    with suppress(TokenUnknown):
        world.charge(Token(1, "A" * 13, True), reference="R", key="k")


def left(world: Collecting) -> str:
    world.processor.say("debit", Gone())
    with suppress(Gone):
        world.charge(world.token(), reference="R", key="k")
    ((_, one),) = world.run(world.charges.listed(Filter(PRODUCTS)))
    return one.row.id


def find_out(world: Collecting, id: str) -> None:
    world.later(hours=1)
    world.run(world.charges.check(id))


def lead_on(world: Collecting, id: str) -> None:
    passing = Passing(world.charges, world.vault.charges, world.clock, lambda: None)
    world.run(passing.led_on(id, ASKED))


def claim_charge(world: Collecting, _: str) -> None:
    world.later(hours=1)
    world.run(world.vault.charges.claim(HOUR))


def collected(world: Collecting) -> str:
    return world.collect(world.token(), reference="R", key="k")["id"]


def claim_collection(world: Collecting, _: str) -> None:
    world.run(world.vault.collections.claim(world.clock.now, world.clock.now + HOUR))


def waiting(world: Collecting) -> None:
    recaptures.put(world.vault, recaptures.one(look_due=NOON))


def supersede(world: Collecting, _: str) -> None:
    one = recaptures.one(state=RecaptureState.SUPERSEDED, successor="two")
    recaptures.put(world.vault, one, recaptures.one("two"))


def claim_recapture(world: Collecting, _: str) -> None:
    world.run(world.vault.recaptures.claim("look", NOON, NOON + HOUR))


# --- what is done outside of the vault, once -------------------------------------------------------


def stand(world: Collecting, _: str | None = None) -> None:
    world.run(world.vault.requests.stands(once(), "seaside", b"what stands for it"))


def repeat(world: Collecting, _: str) -> None:
    said = world.run(world.vault.requests.repeated(ASKED, once()))
    assert said == b"what stands for it"


def forget_request(world: Collecting, _: str) -> None:
    world.run(world.vault.requests.forget(once()))


# --- what is written beside ------------------------------------------------------------------------


def remember_refusal(world: Collecting, _: str | None = None) -> None:
    row = RefusalRow("pms", "proxy", "GET", "https", "a.example", 443, "/", "no_route", 1, NOON)
    world.vault.refusals.remember([row])


def add_hours(world: Collecting, _: str | None = None) -> None:
    hours = [RouteHour("siteminder/pull", hour_of(NOON), "response", messages=1)]
    world.vault.route_hours.add(hours, Flush("w", 1))


def add_key(world: Collecting, _: str) -> None:
    world.vault.keys.insert(BARE, "test")


def fetch(world: Collecting, _: str) -> None:
    world.run(world.vault.answers.fetch("exchange-1", client="pms", intent=entry()))


def mark(world: Collecting, _: str) -> None:
    makers.mark(world.vault, AnswerState.DELIVERED)


def acknowledge(world: Collecting, _: str) -> None:
    state = AnswerState.ACKNOWLEDGED
    world.run(world.vault.answers.reached("exchange-1", state, client="pms", entry=entry()))


def add_card(world: Collecting, _: str | None = None) -> None:
    add(world.vault, with_=once("add"))


# --- keys -----------------------------------------------------------------------------------------


def with_new_keys(world: Collecting) -> None:
    kept(world)
    world.vault.rotation.add("test")


def rotated(world: Collecting) -> None:
    with_new_keys(world)
    world.vault.rotation.activate("test")


def rewrapped(world: Collecting) -> None:
    rotated(world)
    world.vault.rewrap.run("test")


def make_import_key(world: Collecting, _: str | None = None) -> None:
    world.vault.import_keys.add(ImportKey("imported", "PEM", Secret(b"DER"), NOON), "test")


def erase_import_key(world: Collecting, _: str) -> None:
    world.vault.import_keys.erase("imported", NOON, "test")


WRITES = {
    "keep": Write(nothing, keep_answer, ("cards", "links", "spooled", "came_out")),
    "record": Write(nothing, lambda world, _: world.run(world.vault.record([entry()]))),
    "take": Write(
        kept_with_code, lambda world, alias: take(world.vault, parse_alias(alias)),
        ("recorded", "deleted"),
    ),
    "import": Write(
        nothing, lambda world, _: old_tokens.put(world.vault, old_tokens.old()), ("rows",)
    ),
    "import_key": Write(nothing, make_import_key),
    "import_key_erase": Write(make_import_key, erase_import_key),
    "probe": Write(nothing, lambda world, _: world.vault.check()),
    "audit_probe": Write(nothing, lambda world, _: world.vault.audit.writable(), changes=False),
    "key": Write(nothing, add_key, ("row",)),
    "refusal": Write(nothing, remember_refusal),
    "route_hours": Write(nothing, add_hours),
    "purge_route_hours": Write(
        add_hours, lambda world, _: world.vault.route_hours.purge(NOON + 2400 * HOUR)
    ),
    "forget_route": Write(
        add_hours, lambda world, _: world.vault.route_hours.forget("siteminder/pull", NOON, "test")
    ),
    "keyring_beat": Write(nothing, lambda world, _: world.vault.watch.beat(NOON)),
    "keyring_take": Write(
        nothing, lambda world, _: world.vault.watch._take_what_stands(), changes=False
    ),
    "key_add": Write(nothing, lambda world, _: world.vault.rotation.add("test"), ("row",)),
    "key_activate": Write(
        with_new_keys, lambda world, _: world.vault.rotation.activate("test"), ("row",)
    ),
    "rewrap_said": Write(rotated, lambda world, _: world.vault.rewrap.run("test")),
    "rewrap": Write(rotated, lambda world, _: world.vault.rewrap.run("test"), ("row",)),
    "key_turn": Write(
        rewrapped, lambda world, _: world.vault.rotation.retire("test"), ("looked",), changes=False
    ),
    "key_retire": Write(rewrapped, lambda world, _: world.vault.rotation.retire("test"), ("row",)),
    "foreign_claim": Write(kept, lambda world, alias: test_vault_claims.claim(world.vault, iduser_of(alias))),
    "foreign_release": Write(
        claimed, lambda world, alias: test_vault_claims.release(world.vault, iduser_of(alias))
    ),
    "foreign": Write(
        claimed,
        lambda world, alias: test_vault_foreign.keep_foreign(world.vault, iduser_of(alias)), ("row",),
    ),
    "card_add": Write(nothing, add_card, ("done",)),
    "card_change": Write(kept, change_card, ("done",)),
    "card_forget": Write(kept, forget_card, ("done",)),
    "code_hold": Write(kept, hold_code, ("done",)),
    "credential": Write(nothing, set_credentials, ("done",)),
    "credential_erase": Write(set_credentials, erase_credentials, ("done",)),
    "link_create": Write(nothing, make_link, ("done",)),
    "link_revoke": Write(make_link, revoke_link, ("done",)),
    "link_use": Write(make_link, use_link, ("done",)),
    "notice": Write(
        nothing, lambda world, _: notices.put(world.vault, notices.new()), ("rows",)
    ),
    "notice_claim": Write(
        lambda world: notices.put(world.vault, notices.new()),
        lambda world, _: notices.claim(world.vault),
    ),
    "notice_again": Write(told, tell_again, ("done",)),
    "viewer_invite": Write(nothing, invite, ("done",)),
    "viewer_choose": Write(invite, choose),
    "viewer_try": Write(two_people, type_code),
    "viewer_passed": Write(two_people, type_code, ("acted",)),
    "viewer_failed": Write(two_people, type_wrong_code),
    "viewer_lock": Write(two_people, lock, ("done",)),
    "viewer_disable": Write(two_people, disable, ("done",)),
    "quarantine": Write(
        nothing, lambda world, _: makers.quarantine(world.vault, answer("refused")), ("row",)
    ),
    "fetch": Write(kept_answer, fetch),
    "mark": Write(kept_answer, mark),
    "reached": Write(kept_answer, acknowledge),
    "charge_refuse": Write(nothing, refuse),
    "charge_lost": Write(left, find_out, ("done",)),
    "charge_led_on": Write(challenged, lead_on, ("done",)),
    "charge_claim": Write(challenged, claim_charge),
    "collection_claim": Write(collected, claim_collection),
    "recapture": Write(waiting, supersede, ("row",)),
    "recapture_claim": Write(waiting, claim_recapture),
    "request_repeated": Write(stand, repeat),
    "request_stands": Write(nothing, stand),
    "request_forget": Write(stand, forget_request),
    "answer_purge": Write(kept_answer, lambda world, _: world.vault.answers.purge(AT_LAST)),
    "cvc_purge": Write(kept_with_code, lambda world, _: world.vault.cvcs.purge(AT_LAST)),
    "idempotent_purge": Write(add_card, lambda world, _: world.vault.idempotency.purge(AT_LAST)),
    "link_purge": Write(make_link, lambda world, _: world.vault.links.purge(AT_LAST)),
    "notice_purge": Write(told, lambda world, _: world.vault.notices.purge(AT_LAST)),
    "expire": Write(kept, purge_cards, ("link", "stub")),
    "erase": Write(kept_for_a_guest, lambda world, _: erasure.erase(world), ("cards", "register")),
    "stub_purge": Write(purged_card, lambda world, _: retention.purge(world.vault, AT_LAST), ("bookings",)),
    "recapture_purge": Write(
        waiting, lambda world, _: world.vault.recaptures.purge(AT_LAST)
    ),
}  # fmt: skip
