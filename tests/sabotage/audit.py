"""P36: the audit's chain."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

SINKS = "tests/vault/test_vault_sinks.py"
CLI = "tests/cli/test_cli_audit.py"
AUDIT = "tests/vault/test_vault_audit.py"
CRASH = "tests/vault/test_vault_audit_crash.py"

BREAKAGES = (
    Breakage(
        "chain an entry to nothing",
        "P36",
        "gateway/vault/chain.py",
        '            before = digest(b"entry", before, text)\n            yield before',
        '            yield digest(b"entry", before, text)',
        (f"{AUDIT}::test_a_message_of_many_cards_is_one_stretch_of_the_chain",),
    ),
    Breakage(
        "believe any hash of the audit",
        "P36",
        "gateway/vault/chain.py",
        '        return self._hashing.matches(stored, b"entry", before, next(_texts([row])))',
        "        return bool(next(_texts([row]))) and stored != before",
        (f"{AUDIT}::test_p36_any_text_that_was_changed_is_named",),
    ),
    Breakage(
        "hash the audit without its key",
        "P36",
        "gateway/vault/keyring.py",
        "        audit=KeyedHash(*keys(Purpose.AUDIT)),",
        "        audit=KeyedHash(*keys(Purpose.BOOKING)),",
        (f"{AUDIT}::test_p36_another_key_makes_no_chain",),
    ),
    Breakage(
        "leave an entry's number out of its hash",
        "P36",
        "gateway/vault/chain.py",
        '        yield from (one.encode("ascii") for one in _encode(rows)[2:-2]',
        '        yield from (one.encode("ascii") for one in _encode([r[:-3] for r in rows])[2:-2]',
        (f"{AUDIT}::test_p36_any_two_that_changed_places_are_named",),
    ),
    Breakage(
        "go on from whatever entry stands last",
        "P36",
        "gateway/vault/journal.py",
        "        head = self._head or self._begin(connection)",
        "        head = self._begin(connection)",
        (f"{AUDIT}::test_p36_a_running_gateway_does_not_go_on_from_a_cut_end",),
    ),
    Breakage(
        "keep in the chain what was rolled back",
        "P36",
        "gateway/vault/journal.py",
        "        self._head = self._durable\n",
        "        self._durable = self._head\n",
        (f"{AUDIT}::test_what_is_rolled_back_leaves_no_hole",),
    ),
    Breakage(
        "anchor no chain that was there before",
        "P36",
        "gateway/vault/anchors.py",
        "Head(*row) for row in connection.execute(_LAST)) if head not in named",
        "Head(*row) for row in connection.execute(_LAST)) if head in named",
        (f"{AUDIT}::test_p36_a_process_begins_by_naming_how_far_the_others_came",),
    ),
    Breakage(
        "see no end that was cut off",
        "P36",
        "gateway/vault/chain_check.py",
        "        if newest > self._id:",
        "        if newest < self._id:",
        (AUDIT,),
    ),
    Breakage(
        "take entries past the chain for old ones",
        "P36",
        "gateway/vault/chain_check.py",
        "stored is None and id <= self._first:",
        "stored is None and self._first >= 0:",
        (f"{AUDIT}::test_p36_an_entry_past_the_chain_is_named",),
    ),
    Breakage(
        "purge what is younger than twelve months",
        "P36",
        "gateway/vault/migrations/0015_audit_chain.sql",
        "    WHERE id <= NEW.through AND at >=",
        "    WHERE id < 0 AND at >=",
        (f"{AUDIT}::test_p36_nothing_younger_goes",),
    ),
    Breakage(
        "let anything be purged without an anchor",
        "P36",
        "gateway/vault/migrations/0015_audit_chain.sql",
        "WHEN OLD.id > (SELECT coalesce(max(through), 0) FROM audit_anchor)",
        "WHEN OLD.id < (SELECT coalesce(max(through), 0) FROM audit_anchor)",
        (f"{AUDIT}::test_p36_nothing_younger_goes",),
    ),
    Breakage(
        "find a broken chain and say nothing",
        "P36",
        "gateway/cli/audit.py",
        "    raise typer.Exit(1 if report.findings or report.expected is False else 0)",
        "    raise typer.Exit(0)",
        (CLI,),
    ),
    Breakage(
        "export a formula that a spreadsheet runs",
        "P36",
        "gateway/cli/audit_formats.py",
        "and value.startswith(_FORMULA) else value",
        "and value in _FORMULA else value",
        (CLI,),
    ),
    Breakage(
        "go on without a sink that was configured",
        "P36",
        "gateway/vault/journal.py",
        "            if error:\n",
        "            if error and not self._sinks:\n",
        (SINKS,),
    ),
    Breakage(
        "commit before the sinks are written",
        "P36",
        "gateway/vault/sqlite.py",
        '                journal.committing()\n            connection.execute("COMMIT")\n',
        '                connection.execute("COMMIT")\n                journal.committing()\n',
        (SINKS,),
    ),
    Breakage(
        "wait for a full pipe again and again",
        "P36",
        "gateway/vault/sinks.py",
        "        patience = _SECONDS if self._waits else 0.0",
        "        patience = _SECONDS if self._path else 0.0",
        (f"{SINKS}::test_p36_a_full_pipe_makes_it_refuse_and_never_hang",),
    ),
    Breakage(
        "write on to a file that was moved away",
        "P36",
        "gateway/vault/sinks.py",
        "        if self._moved():\n",
        "        if self._descriptor == _CLOSED:\n",
        (f"{SINKS}::test_a_file_that_was_rotated_is_made_anew",),
    ),
    Breakage(
        "purge without saying where the chains go on",
        "P36",
        "gateway/vault/audits.py",
        "            heads = tuple(Head(*row) for row in connection.execute(_HEADS, (through,)))",
        "            heads = tuple(Head(*row) for row in connection.execute(_HEADS, (0,)))",
        (CRASH, f"{AUDIT}::test_p36_what_is_older_than_twelve_months_goes_and_the_chain_holds"),
    ),
)
