"""Two nodes on one vault whose clocks differ: what one has claimed the other leaves alone, and nothing waits for
either's clock.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from gateway.assembly import assemble
from gateway.config import read_config
from gateway.errors import VaultUnavailable
from gateway.metrics import Metrics
from gateway.upkeep import Upkeep
from gateway.vault.common_clock import CommonClock
from gateway.vault.notices import NewNotice
from gateway.webhooks.jobs import Lane
from gateway.worker import Worker
from tests.charges.scripted import Scripted
from tests.collections.world import PAGES, Collecting
from tests.control.serving import SETTINGS
from tests.vault import test_vault_recaptures as recaptures
from tests.vault.makers import NOON, Clock, open_vault, opened

nodes_alone = pytest.mark.postgres_alone("a file is one machine's, and has that one's clock")

LEASE = timedelta(minutes=3)
PAUSE = timedelta(minutes=10)
WRONG = {
    "an hour ahead": timedelta(hours=1),
    "a day ahead": timedelta(days=1),
    "an hour behind": timedelta(hours=-1),
}
PRODUCTS = {
    name: one | {"pages": PAGES} if name == "seaside" else one
    for name, one in SETTINGS["products"].items()
}


@contextmanager
def node(directory, wrong):
    """A node whose clock is off by `wrong`, once it asked the vault what time it is."""
    clock = Clock()
    clock.now = datetime.now(UTC) + wrong
    vault = open_vault(directory, clock=clock, told={"pms"})
    try:
        vault.clock.refresh()
        yield vault
    finally:
        vault.close()


@pytest.fixture(params=[(name, which) for name in WRONG for which in ("claims", "looks")], ids=str)
def nodes(request, tmp_path):
    """One that claims, and one that would claim too; the clock of one of them is wrong."""
    name, which = request.param
    wrong = {"claims": timedelta(), "looks": timedelta()} | {which: WRONG[name]}
    with node(tmp_path, wrong["claims"]) as one, node(tmp_path, wrong["looks"]) as two:
        yield one, two


class Receiver:
    """What sends to a client, and what it says meanwhile."""

    def __init__(self, failure="", meanwhile=None):
        self.failure, self.meanwhile, self.sent = failure, meanwhile, []

    async def send(self, _body, about):
        self.sent.append(about)
        if self.meanwhile is not None:
            await self.meanwhile()
        return self.failure

    def next(self, _tries, now):
        return now + PAUSE


def lane(vault, post):
    return Lane("pms", table=vault.notices, post=post, metrics=Metrics(), clock=vault.clock)


async def tell(vault):
    await vault.notices.put([NewNotice("pms", "card.erased", "subject", {"a": "b"}, "seaside")])


@nodes_alone
def test_p36_a_notice_that_one_node_sends_is_not_sent_by_another_with_a_wrong_clock(nodes):
    one, two = nodes
    other = Receiver()
    post = Receiver(meanwhile=lambda: lane(two, other).turn())

    async def main():
        await tell(one)
        await lane(one, post).turn()

    asyncio.run(main())
    assert (len(post.sent), other.sent) == (1, [])


@nodes_alone
def test_p36_a_notice_is_sent_at_once_and_again_after_its_pause_whoever_wrote_it(nodes):
    one, two = nodes
    first, again = Receiver(failure="status_500"), Receiver()

    async def main():
        await tell(one)
        for _ in range(50):  # what the answers' ways took differs, by milliseconds
            await lane(two, first).turn()
            if first.sent:
                break
            await asyncio.sleep(0.02)
        await lane(one, again).turn()
        return await two.notices.next_due("pms") - two.clock()

    left = asyncio.run(main())
    assert (len(first.sent), again.sent) == (1, [])
    assert PAUSE - timedelta(minutes=1) < left <= PAUSE


@nodes_alone
def test_p24_a_recapture_that_one_node_has_claimed_is_left_alone_by_another(nodes):
    one, two = nodes
    due = one.clock()
    recaptures.put(one, recaptures.one(look_due=due, may_cancel=due + timedelta(days=1)))

    def claim(vault):
        now = vault.clock()
        return asyncio.run(vault.recaptures.claim("look", now, now + LEASE))

    assert [len(claim(vault)) for vault in (one, two, one)] == [1, 0, 0]


@nodes_alone
def test_p24_a_collection_that_one_node_goes_on_with_is_left_alone_by_another(nodes, tmp_path):
    settings = SETTINGS | {"products": PRODUCTS}
    asked, looked = Scripted(), Scripted()
    one, two = (
        Collecting(tmp_path, vault, processor, vault.clock, settings)
        for vault, processor in zip(nodes, (asked, looked), strict=True)
    )
    claims = []

    async def meanwhile(_order):
        now = two.vault.clock()
        claims.append(await two.vault.collections.claim(now, now + LEASE))
        return "succeeded"

    asked.say("debit", meanwhile)
    begun = one.collect(one.token())
    one.run(one.collecting.turn())
    assert claims == [[]]
    assert looked.asked == []
    assert one.look_at(begun["id"])["state"] == "succeeded"


@nodes_alone
def test_it_goes_on_by_what_passed_and_not_by_a_clock_that_is_set(tmp_path) -> None:
    own, passed = Clock(), [100.0]
    with opened(tmp_path) as vault:
        common = CommonClock(vault._database, own, lambda: passed[0])
        assert common() == NOON
        common.refresh()
        told = common()
        assert abs(told - datetime.now(UTC)) < timedelta(minutes=1)
        own.now += timedelta(days=1)
        passed[0] += 30
        assert common() == told + timedelta(seconds=30)


@nodes_alone
def test_it_goes_on_where_the_database_does_not_answer(tmp_path) -> None:
    passed = [100.0]
    with opened(tmp_path) as vault:
        common = CommonClock(vault._database, Clock(), lambda: passed[0])
        common.refresh()
        told = common()
    passed[0] += 7
    with pytest.raises(VaultUnavailable):
        common.refresh()
    assert common() == told + timedelta(seconds=7)


@pytest.mark.sqlite_alone("a file has no time of its own")
def test_a_file_has_this_machines_time(tmp_path) -> None:
    own = Clock()
    with opened(tmp_path, clock=own) as vault:
        vault.clock.refresh()
        own.now += timedelta(hours=1)
        assert vault.clock() == own.now


def test_a_gateway_asks_again_as_long_as_it_runs() -> None:
    upkeep = mock.MagicMock()
    refresh = upkeep._vault.clock.refresh
    refresh.side_effect = [None, VaultUnavailable, asyncio.CancelledError]

    async def main() -> None:
        with mock.patch("gateway.upkeep._KEYRING_SECONDS", 0):
            await Upkeep.watch_keyring(upkeep)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(main(), 20))
    assert refresh.call_count == 3


def test_a_gateway_asks_before_it_does_anything() -> None:
    worker = mock.MagicMock(stop=mock.AsyncMock())
    worker._upkeep.say_keyring.side_effect = VaultUnavailable
    with mock.patch("gateway.worker.process"), pytest.raises(VaultUnavailable):
        asyncio.run(Worker.start(worker))
    assert worker._vault.clock.refresh.call_count == 1


def test_a_gateway_judges_by_it_whatever_is_claimed_for_a_while(tmp_path) -> None:
    (tmp_path / "gateway.yaml").write_text(
        "products: { seaside: { merchant_code: abc123, terminal: 1, mode: test } }\n"
        "clients: { pms: { networks: [127.0.0.0/8] } }\n"
    )
    (tmp_path / "rules").mkdir()
    with (
        mock.patch("gateway.assembly.webhooks.build") as notices,
        mock.patch("gateway.assembly.collections.build") as collections,
        mock.patch("gateway.assembly._recaptures", return_value=None) as recapture,
    ):
        made = assemble(read_config(tmp_path / "gateway.yaml"), Clock())
        made.vault.close()
    assert notices.call_args.kwargs["clock"] is made.vault.clock
    assert collections.call_args.kwargs["clock"] is made.vault.clock
    assert recapture.call_args.args[-1] is made.vault.clock
