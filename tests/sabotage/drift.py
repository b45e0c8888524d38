"""Whether a partner has changed its messages is told, at the right time, and costs no answer: P11, P27, P39."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

JUDGE = ("tests/drift/test_drift_judge.py",)
TALLY = ("tests/drift/test_drift_tally.py",)
WHOLE = "tests/e2e/test_drift.py"
ALERTS = ("tests/test_alerts.py",)

BREAKAGES = (
    Breakage(
        "count what failed for another reason as messages without a card",
        "P11",
        "gateway/drift/tally.py",
        "    if error is not None:\n        return\n    asks",
        "    asks",
        TALLY,
    ),
    Breakage(
        "lose what was counted while the database is away",
        "P27",
        "gateway/drift/tally.py",
        "            self._table.add(hours, self._flush)\n            self._begun = {}\n",
        "            self._begun = {}\n            self._table.add(hours, self._flush)\n",
        TALLY,
    ),
    Breakage(
        "end the gateway where counts can not be written",
        "P27",
        "gateway/drift/watch.py",
        '                event("drift_not_counted", level=logging.ERROR, code=error.code)\n',
        "                raise error from None\n",
        TALLY,
    ),
    Breakage(
        "count no bookings without a card",
        "P11",
        "gateway/stages/reading.py",
        "        told.bookings += len(nodes)\n",
        "        told.bookings += 0\n",
        (f"{WHOLE}::test_bookings_count_with_a_card_and_without",),
    ),
    Breakage(
        "call a remark with a card in it a drift",
        "P11",
        "gateway/drift/judge.py",
        "        rises = x * m > 2 * k * n and at_least(x, n, k, m) < _UNLIKELY\n",
        "        rises = x * m > 2 * k * n\n",
        JUDGE,
    ),
    Breakage(
        "take what chance does for a drift",
        "P11",
        "gateway/drift/judge.py",
        "_UNLIKELY: Final = 1e-6",
        "_UNLIKELY: Final = 1e-2",
        JUDGE,
    ),
    Breakage(
        "tell of a drift that is over",
        "P11",
        "gateway/drift/judge.py",
        "    return all(at_least(y, o, x - y, n - o) >= _IS_OVER for y, o in shorter)\n",
        "    return bool(n) or bool(shorter)\n",
        JUDGE,
    ),
    Breakage(
        "tell nothing where bookings can not be counted",
        "P11",
        "gateway/drift/judge.py",
        "    return course.hours[last + 1] if max(chances) < _UNLIKELY else None\n",
        "    return None\n",
        JUDGE,
    ),
    Breakage(
        "tell Prometheus of routes that no rule has",
        "P39",
        "gateway/drift/watch.py",
        "(hour for hour in hours if hour.route in known)",
        "(hour for hour in hours if hour.route or known)",
        TALLY,
    ),
    Breakage(
        "believe hours that a wrong clock wrote",
        "P11",
        "gateway/drift/watch.py",
        "    told = (one for one in hours if one.hour <= now)\n",
        "    told = iter(hours)\n",
        TALLY,
    ),
    Breakage(
        "stop without writing what was counted",
        "P27",
        "gateway/worker.py",
        "                    self._drift.flush()\n",
        "                    pass\n",
        (f"{WHOLE}::test_a_restart_keeps_what_was_counted",),
    ),
    Breakage(
        "count the hours of two nodes as one's",
        "P27",
        "gateway/vault/route_hours.py",
        '"{name} = route_hour.{name} + excluded.{name}"',
        '"{name} = excluded.{name}"',
        ("tests/vault/test_vault_route_hours.py",),
    ),
    Breakage(
        "let anybody make a changed partner the usual one, and tell nobody who it was",
        "P36",
        "gateway/vault/route_hours.py",
        "                append(connection, [done])\n",
        "                del done\n",
        (
            "tests/vault/test_vault_route_hours.py::test_p36_who_lets_a_routes_history_begin_anew_stands_in_the_audit",
        ),
    ),
    Breakage(
        "alert on a kind of drift that nobody tells",
        "P11",
        "deploy/alerts.yml",
        'card_gateway_drift{kind="card_outside_shapes"}',
        'card_gateway_drift{kind="outside"}',
        ALERTS,
    ),
    Breakage(
        "alert at each start that nothing was erased",
        "P11",
        "deploy/alerts.yml",
        "        for: 15m  # one that",
        "        # one that",
        ("tests/test_alerts.py::test_no_alert_is_raised_by_a_start",),
    ),
    Breakage(
        "have a metric that the documents do not name",
        "P39",
        "gateway/metrics.py",
        'prefix + "connections", "Open client connections."',
        'prefix + "open_connections", "Open client connections."',
        ("tests/test_alerts.py::test_the_documents_name_every_metric_with_its_labels",),
    ),
    Breakage(
        "count again, in each minute, what was written before",
        "P11",
        "gateway/drift/tally.py",
        "                self._begun, self._waiting = self._waiting, {}\n",
        "                self._begun = self._waiting\n",
        ("tests/e2e/test_drift_counted.py::test_what_two_gateways_count_adds_up",),
    ),
    Breakage(
        "call what is certain impossible, where a float is too small for its first term",
        "P36",
        "gateway/drift/chance.py",
        "if x * (m + 2) > n * (k + 1):",
        "if x > n:",
        ("tests/drift/test_drift_chance.py",),
    ),
)
