"""Whether a minute of a route's history counts once, however its commit ended: P11, P27."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

TESTS = ("tests/vault/test_vault_flushes.py",)
TABLE, TALLY = "gateway/vault/route_hours.py", "gateway/drift/tally.py"

BREAKAGES = (
    Breakage(
        "count a minute twice whose commit nobody confirmed",
        "P11",
        TABLE,
        " WHERE route_writer.flush < excluded.flush",
        "",
        TESTS,
    ),
    Breakage(
        "give each try of a flush a number of its own",
        "P11",
        TALLY,
        "            self._write()  # what the last time left\n",
        "            self._flush = self._flush._replace(number=self._flush.number + 1)\n"
        "            self._write()\n",
        TESTS,
    ),
    Breakage(
        "put what came meanwhile into a flush that may be there already",
        "P27",
        TALLY,
        "            self._write()  # what the last time left\n"
        "            with self._lock:\n"
        "                self._begun, self._waiting = self._waiting, {}\n",
        "            with self._lock:\n"
        "                self._begun, self._waiting = self._begun | self._waiting, {}\n",
        TESTS,
    ),
    Breakage(
        "keep for good which processes have counted",
        "P27",
        TABLE,
        '            connection.execute("DELETE FROM route_writer WHERE hour < ?", (oldest,))\n',
        "",
        TESTS,
    ),
)
