"""P23, P25: whatever two processes do in whatever order, a card has one token and every token opens."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.vault.sealed_tables import CHECKED
from tests.vault.makers import Clock, find, keep, many, new, opened, pan
from tests.vault.rotating import BY, opened_all

CARDS = 4
FEW = 16  # more are planned beside the writer; both stores as PostgreSQL has it
who = st.integers(0, 1)
acts = st.one_of(
    st.tuples(st.just("keep"), who, st.integers(0, CARDS - 1)),
    st.tuples(st.just("find"), who, st.integers(0, CARDS - 1)),
    st.tuples(st.just("keep_many"), who, st.just(0)),
    *(
        st.tuples(st.just(act), who, st.just(0))
        for act in ("add", "activate", "rewrap", "retire", "refresh", "beat", "restart")
    ),
)


class Two:
    """Two processes on one vault, as two open vaults are."""

    def __init__(self, directory):
        self.directory, self.clock = directory, Clock()
        self.stack = ExitStack()
        self.vaults = [self._open(), self._open()]
        self.tokens = {}

    def do(self, act, which, number):
        vault = self.vaults[which]
        getattr(self, act)(vault, which, number)

    def keep(self, vault, _, number):
        (kept,) = keep(vault, new(pan(number)))
        assert kept.created == (number not in self.tokens)
        assert self.tokens.setdefault(number, kept.token) == kept.token

    def keep_many(self, vault, *_):
        """So many that they are planned beside the writer."""
        for number, kept in enumerate(keep(vault, *many(FEW + 1)), start=CARDS):
            assert self.tokens.setdefault(number, kept.token) == kept.token

    def find(self, vault, _, number):
        if number in self.tokens:
            assert find(vault, self.tokens[number]).card.pan.reveal() == pan(number)

    def add(self, vault, *_):
        vault.rotation.add(BY)

    def activate(self, vault, *_):
        vault.rotation.activate(BY)

    def rewrap(self, vault, *_):
        assert vault.rewrap.run(BY).damaged == []

    def retire(self, vault, *_):
        vault.rotation.retire(BY)

    def refresh(self, vault, *_):
        vault.watch.refresh()

    def beat(self, vault, *_):
        vault.watch.beat(self.clock.now)

    def restart(self, vault, which, _):
        vault.close()
        self.vaults[which] = self._open()

    def _open(self):
        vault = self.stack.enter_context(opened(self.directory, clock=self.clock))
        vault._database.few = FEW
        return vault


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(acts, max_size=25))
def test_p23_p25_two_processes_in_any_order_lose_nothing_and_double_nothing(done):
    with tempfile.TemporaryDirectory() as directory:
        two = Two(Path(directory))
        with two.stack:
            for one in done:
                two.do(*one)
            for vault in two.vaults:
                for number in range(CARDS):
                    two.find(vault, 0, number)
                assert vault.audit.check().findings == []
            assert sum(two.vaults[0].count_by_product().values()) == len(two.tokens)
            # And to the end: nothing is left under an old key, and nothing has changed.
            before = opened_all(two.vaults[1])
            two.rewrap(two.vaults[0])
            needed = two.vaults[0].rotation.retire(BY).needed
            assert {key.purpose for key in needed} <= CHECKED
            two.vaults[1].watch.refresh()
            assert opened_all(two.vaults[1]) == before
