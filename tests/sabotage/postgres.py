"""P05, P23, P24, P25, P27 and P36 of a vault in PostgreSQL."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

TRIPS = "tests/vault/test_vault_postgres_trips.py"
TORTURE = "tests/vault/test_vault_torture.py"
TLS = "tests/vault/test_vault_postgres_tls.py"

BREAKAGES = (
    Breakage(
        "wait for ever for the table of the schema's version",
        "P27",
        "gateway/vault/postgres/schema.py",
        "        raw.execute(patience)  # somebody may hold the table itself\n",
        "",
        ("tests/vault/test_vault_postgres_limits.py",),
    ),
    Breakage(
        "wait for ever for a row that another holds",
        "P27",
        "gateway/vault/postgres/database.py",
        'f"SET LOCAL lock_timeout = {round(busy_seconds * 1000)}"',
        'f"SET LOCAL lock_timeout = {round(0 * busy_seconds)}"',
        ("tests/vault/test_vault_postgres_limits.py",),
    ),
    Breakage(
        "let PostgreSQL answer before its log is written",
        "P24",
        "gateway/vault/postgres/database.py",
        '            f"SET LOCAL lock_timeout =',
        '            "SET LOCAL synchronous_commit = off",\n            f"SET LOCAL lock_timeout =',
        (f"{TORTURE}::test_p24_p25_p36_of_writers_and_a_server_killed_at_random_nothing_is_lost",),
    ),
    Breakage(
        "let two nodes decide past each other",
        "P25",
        "gateway/vault/postgres/database.py",
        '_BEGIN_WRITING: Final = "BEGIN ISOLATION LEVEL SERIALIZABLE"',
        '_BEGIN_WRITING: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"',
        ("tests/vault/test_vault_postgres_nodes.py",),
    ),
    Breakage(
        "commit while rows wait for a trip to PostgreSQL",
        "P24",
        "gateway/vault/postgres/connection.py",
        '        if self._run("COMMIT").statusmessage',
        '        if self._raw.execute("COMMIT").statusmessage',
        (f"{TRIPS}::test_p24_what_is_added_last_is_committed",),
    ),
    Breakage(
        "tell the audit's sinks what PostgreSQL may not take",
        "P36",
        "gateway/vault/postgres/database.py",
        "                            connection.flush()\n",
        "                            pass\n",
        (f"{TRIPS}::test_p36_a_sink_is_told_nothing_that_can_not_be_added",),
    ),
    Breakage(
        "begin a new chain after what could not be added",
        "P36",
        "gateway/vault/postgres/database.py",
        "isinstance(error, _AGAIN) or connection.is_open",
        "isinstance(error, _AGAIN)",
        (f"{TRIPS}::test_p36_the_chain_goes_on_after_what_could_not_be_added",),
    ),
    Breakage(
        "take the keyring for the one that stood when the transaction began",
        "P23",
        "gateway/vault/postgres/connection.py",
        "            self._answered = None  # it may be another one from now on",
        "            pass",
        (f"{TRIPS}::test_p23_what_was_asked_at_the_beginning_is_asked_again_after_a_change",),
    ),
    Breakage(
        "trust whoever answers as the database's server",
        "P05",
        "gateway/vault/postgres/place.py",
        'options["sslmode"] = "verify-full"',
        'options["sslmode"] = "require"',
        ("tests/vault/test_vault_postgres_place.py",),
    ),
    Breakage(
        "let libpq's variables say where this machine's server is",
        "P05",
        "gateway/vault/postgres/place.py",
        'options["host"] = ""',
        'options["application_name"] = "card-gateway"',
        (f"{TLS}::test_p05_no_variable_leads_away_from_this_machine",),
    ),
    Breakage(
        "let libpq's variables say where an address of this machine is",
        "P05",
        "gateway/vault/postgres/place.py",
        'options["hostaddr"] = ""',
        'options["application_name"] = "card-gateway"',
        (f"{TLS}::test_p05_no_variable_leads_away_from_this_machine",),
    ),
    Breakage(
        "leave a timeout in a pooler's session",
        "P27",
        "gateway/vault/postgres/database.py",
        "SET LOCAL statement_timeout",
        "SET statement_timeout",
        ("tests/vault/test_vault_pooler.py",),
    ),
    Breakage(
        "let a purge meet every message that is written beside it",
        "P27",
        "gateway/vault/retention.py",
        'self._database.write("expire", work, entries=_PORTION, large=True)',
        'self._database.write("expire", work, entries=_PORTION)',
        (
            "tests/vault/test_vault_postgres_nodes.py::test_p27_a_large_write_has_its_turn_at_once_and_others_wait_for_that_one",
        ),
    ),
    Breakage(
        "let a large write be disturbed for ever",
        "P27",
        "gateway/vault/postgres/database.py",
        "self._beside if round < beside else self._alone",
        "self._beside",
        ("tests/vault/test_vault_postgres_nodes.py",),
    ),
    Breakage(
        "wait for a database that is known to be away",
        "P27",
        "gateway/vault/postgres/connections.py",
        "_AWAY_SECONDS if self._away else self._seconds",
        "self._seconds",
        ("tests/e2e/test_nodes.py::test_p27_while_postgresql_is_away_all_refuse_and_go_on_after",),
    ),
    Breakage(
        "take a database that answers before it is durable",
        "P24",
        "gateway/vault/postgres/database.py",
        'if found == ("off",):',
        'if found == ("never",):',
        ("tests/vault/test_vault_postgres.py",),
    ),
    Breakage(
        "let a node that stands still hold its rows",
        "P27",
        "gateway/vault/postgres/database.py",
        "*self._limits, idle)",
        "*self._limits)",
        ("tests/vault/test_vault_postgres_nodes.py",),
    ),
)
