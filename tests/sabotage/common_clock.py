"""P24, P36: nodes with different clocks on one vault leave each other's work alone."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

TEST = "tests/vault/test_vault_common_clock.py::test_"
CLOCK = "gateway/vault/common_clock.py"
SERVICE = "gateway/vault/service.py"

BREAKAGES = (
    Breakage(
        "send by a node's own clock what another node is sending",
        "P36",
        CLOCK,
        "        return told[0] + timedelta(seconds=self._elapsed() - told[1])",
        "        return self._own()",
        (TEST + "p36_a_notice_that_one_node_sends_is_not_sent_by_another_with_a_wrong_clock",),
    ),
    Breakage(
        "claim by a node's own clock a recapture that another node has",
        "P24",
        CLOCK,
        "        self._told = None if said is own else (said, self._elapsed())",
        "        self._told = None",
        (TEST + "p24_a_recapture_that_one_node_has_claimed_is_left_alone_by_another",),
    ),
    Breakage(
        "begin a collection by a node's own clock",
        "P24",
        SERVICE,
        "Requests(database, self.idempotency, common, step)",
        "Requests(database, self.idempotency, clock, step)",
        (TEST + "p24_a_collection_that_one_node_goes_on_with_is_left_alone_by_another",),
    ),
    Breakage(
        "move a collection on by a node's own clock",
        "P24",
        SERVICE,
        "notices=self.notices, requests=requests, clock=common,",
        "notices=self.notices, requests=requests, clock=clock,",
        (TEST + "p24_a_collection_that_one_node_goes_on_with_is_left_alone_by_another",),
    ),
    Breakage(
        "let a notice be due by the clock of the node that wrote it",
        "P36",
        SERVICE,
        "told=told, requests=requests, clock=common,",
        "told=told, requests=requests, clock=clock,",
        (TEST + "p36_a_notice_is_sent_at_once_and_again_after_its_pause_whoever_wrote_it",),
    ),
    Breakage(
        "claim collections by a node's own clock",
        "P24",
        "gateway/assembly.py",
        "            links=links,\n            clock=vault.clock,",
        "            links=links,\n            clock=clock,",
        (TEST + "a_gateway_judges_by_it_whatever_is_claimed_for_a_while",),
    ),
    Breakage(
        "ask the database only once what time it is",
        "P24",
        "gateway/upkeep.py",
        "                await asyncio.to_thread(self._vault.clock.refresh)\n",
        "",
        (TEST + "a_gateway_asks_again_as_long_as_it_runs",),
    ),
)
