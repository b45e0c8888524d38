"""P18, P24, P27: a vault that moves to another place."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

MOVING = "tests/vault/test_vault_moving.py"
REFUSED = "tests/vault/test_vault_moving_refused.py"
KILLED = "tests/vault/test_vault_moving_killed.py"

BREAKAGES = (
    Breakage(
        "move a vault without closing it",
        "P24",
        "gateway/vault/moving_ends.py",
        "            closing.close(connection, Closed.MOVING, self._mover.run)\n",
        "",
        (f"{MOVING}::test_while_its_last_rows_are_copied_it_is_read_and_not_written",),
    ),
    Breakage(
        "copy the last rows while a write that had begun can commit still",
        "P24",
        "gateway/vault/moving.py",
        "            self._wait()\n",
        "",
        (f"{MOVING}::test_p24_what_had_begun_when_it_was_closed_is_answered_and_moved",),
    ),
    Breakage(
        "leave out the pass behind the closing",
        "P24",
        "gateway/vault/moving.py",
        "            self._pass(Phase.LAST, ours)\n",
        "            ours = self._source.database.read(sums)\n",
        (f"{MOVING}::test_p24_what_had_begun_when_it_was_closed_is_answered_and_moved",),
    ),
    Breakage(
        "open a copy that was not compared",
        "P18",
        "gateway/vault/moving_proof.py",
        "    differing = {name: one.rows for name, one in there.items() if ours.get(name) != one}\n",
        "    differing = {name: one.rows for name, one in there.items() if name not in ours}\n",
        (f"{REFUSED}::test_p18_a_row_that_is_not_the_same_is_found_and_the_source_stays",),
    ),
    Breakage(
        "leave the old place open beside the new one",
        "P27",
        "gateway/vault/moving_ends.py",
        "            closing.close(connection, Closed.MOVED, self._mover.run)\n",
        "            closing.close(connection, Closed.OPEN, self._mover.run)\n",
        (f"{MOVING}::test_p27_who_has_the_old_place_open_writes_nothing_and_is_told_why",),
    ),
    Breakage(
        "leave a vault that was opened again meanwhile",
        "P24",
        "gateway/vault/moving_ends.py",
        "            if not closing.is_by(connection, Closed.MOVING, self._mover.run):\n",
        "            if not closing.by(connection) and not self._mover.run:\n",
        (f"{MOVING}::test_p24_who_was_given_up_does_not_leave_what_is_in_use",),
    ),
    Breakage(
        "let a run that slept write into a vault that is in use by now",
        "P24",
        "gateway/vault/moving_ends.py",
        "            if not closing.is_by(connection, Closed.FILLING, self._by):\n",
        "            if not self._by:\n",
        (f"{MOVING}::test_p24_a_run_that_slept_changes_nothing_once_another_one_has_moved_it",),
    ),
    Breakage(
        "fill a place that has a vault already",
        "P24",
        "gateway/vault/moving_ends.py",
        "            if state is not Closed.FILLING and (filled != _EMPTY or state is not Closed.OPEN):\n",
        "            if state is Closed.MOVED:\n",
        (f"{REFUSED}::test_a_place_that_has_a_vault_is_left_as_it_is",),
    ),
    Breakage(
        "leave the source closed when its move fails",
        "P27",
        "gateway/vault/moving.py",
        "            self._reopen()\n",
        "",
        (f"{KILLED}::test_who_stops_it_leaves_the_source_in_use",),
    ),
    Breakage(
        "ask a partner for an answer that can not be kept, for the vault is being moved",
        "P27",
        "gateway/pipeline.py",
        "            self._s.swap.may_begin()\n",
        "            request = exchange.request\n",
        (
            "tests/e2e/test_moving.py::test_p27_nothing_is_asked_of_a_partner_that_could_not_be_kept",
        ),
    ),
    Breakage(
        "refuse what has begun as soon as a move is announced",
        "P27",
        "gateway/vault/closing.py",
        "    if closed != Closed.CLOSING:\n",
        "    if closed != Closed.OPEN:\n",
        (
            "tests/e2e/test_moving.py::test_p27_nothing_is_asked_of_a_partner_that_could_not_be_kept",
        ),
    ),
)
