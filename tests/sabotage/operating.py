"""P36 to P40: what whoever operates it relies on."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

SECRECY = ("tests/vault/test_vault_secrecy.py",)
YAML = ("tests/test_strict_yaml.py",)
WATCH = ("tests/rules/test_watch.py",)
LIFE = "tests/e2e/test_life.py"
START = "tests/e2e/test_start.py"

BREAKAGES = (
    Breakage(
        "collect garbage while a big message is freed",
        "P33",
        "gateway/engine/master.py",
        "        return not ending and all(",
        "        return bool(ending) or all(",
        ("tests/engine/test_drain.py::test_an_exchange_that_is_being_ended_is_in_hand",),
    ),
    Breakage(
        "count ten thousand cards on the event loop",
        "P33",
        "gateway/stages/swap.py",
        "        await run(size, self._close, exchange, route, batch)\n",
        "        await run(0, self._close, exchange, route, batch)\n",
        ("tests/e2e/test_pull.py::test_many_cards_are_counted_beside_the_event_loop",),
    ),
    Breakage(
        "drop the audit's intent",
        "P36",
        "gateway/stages/opening.py",
        "self._vault.find(asked, intents)",
        "self._vault.find(asked)",
        ("tests/e2e/test_charge.py::test_p36_the_audit_has_an_intent_and_an_outcome",),
    ),
    Breakage(
        "send a card to its issuer without an intent",
        "P36",
        "gateway/stages/issuing.py",
        "self._vault.record([intent])",
        "self._vault.record([])",
        ("tests/e2e/test_paycomet_rest.py::test_p36_the_audit_tells_where_the_card_went",),
    ),
    Breakage(
        "write the intent after the card was read",
        "P36",
        "gateway/vault/finding.py",
        "        taken = await self._intend(wanted, entries)\n"
        "        return await self._aside.run("
        "lambda: self._resolver.resolve(wanted, taken, self._clock()))",
        "        found = await self._aside.run("
        "lambda: self._resolver.resolve(wanted, {}, self._clock()))\n"
        "        await self._intend(wanted, entries)\n"
        "        return found",
        SECRECY,
    ),
    Breakage(
        "hand an answer out once more and write nothing down",
        "P36",
        "gateway/vault/answers.py",
        '            self._database.write("fetch", lambda c: audit.append(c, [intent]))\n',
        '            self._database.write("fetch", lambda c: audit.append(c, [intent][:0]))\n',
        ("tests/control/test_control_audit.py", "tests/stages/test_inbox.py"),
    ),
    Breakage(
        "acknowledge an answer and write nothing down",
        "P36",
        "gateway/vault/answers.py",
        "            audit.append(connection, [entry])\n",
        "            audit.append(connection, [entry][:0])\n",
        ("tests/control/test_control_audit.py",),
    ),
    Breakage(
        "call an answer that was cut off again seen by nobody",
        "P36",
        "gateway/record.py",
        "exchange.sent or exchange.again else",
        "exchange.sent else",
        ("tests/stages/test_inbox.py",),
    ),
    Breakage(
        "the audit may be changed",
        "P36",
        "gateway/vault/migrations/0001_first.sql",
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit\nBEGIN\n"
        "    SELECT RAISE(ABORT, 'append only');",
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit\nBEGIN\n    SELECT 1;",
        SECRECY,
    ),
    Breakage(
        "a use has no outcome",
        "P36",
        "gateway/record.py",
        "            await self._close_uses(exchange, error)\n",
        "            exchange.uses.clear()\n",
        ("tests/e2e/test_charge.py::test_p36_the_audit_has_an_intent_and_an_outcome",),
    ),
    Breakage(
        "call a charge failed though its card has left",
        "P36",
        "gateway/record.py",
        "    return Outcome.UNKNOWN if exchange.sent or exchange.again else Outcome.FAILED",
        "    return Outcome.UNKNOWN if exchange.again else Outcome.FAILED",
        (
            "tests/e2e/test_faults.py::test_p36_a_charge_is_sent_once_and_its_outcome_is_in_the_audit",
        ),
    ),
    Breakage(
        "make a key that no audit knows",
        "P36",
        "gateway/vault/keys.py",
        "            append(connection, [_entry(Action.KEY_CREATE, row.created, row.client, row.id, origin)])\n",
        "",
        ("tests/vault/test_vault_tables.py",),
    ),
    Breakage(
        "reload half a rule set",
        "P37",
        "gateway/rules/load.py",
        "    problems = problems or check_together(packs)\n    if problems:",
        "    problems = problems or check_together(packs)\n    if problems and not packs:",
        WATCH,
    ),
    Breakage(
        "a pack vanishes with its file",
        "P37",
        "gateway/rules/watch.py",
        "        if gone:\n",
        "        if gone and not here:\n",
        WATCH,
    ),
    Breakage(
        "guess what `no` means",
        "P37",
        "gateway/strict_yaml.py",
        '        re.compile(r"(?i:yes|no|on|off|y|n)|True|TRUE|False|FALSE"),\n',
        '        re.compile(r"True|TRUE|False|FALSE"),\n',
        YAML,
    ),
    Breakage(
        "the last of duplicate keys wins",
        "P37",
        "gateway/strict_yaml.py",
        "            if key in result:\n                first",
        "            if key in result and not key:\n                first",
        YAML,
    ),
    Breakage(
        "overlook a misspelt key",
        "P37",
        "gateway/config_section.py",
        '    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)',
        '    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)',
        ("tests/config/test_config.py",),
    ),
    Breakage(
        "serve though the vault takes no write",
        "P38",
        "gateway/worker.py",
        "            await asyncio.to_thread(self._vault.check)\n",
        "",
        (f"{START}::test_p38_a_vault_that_takes_no_write",),
    ),
    Breakage(
        "ready though the vault takes no write",
        "P38",
        "gateway/worker.py",
        '"vault": Probe(self._vault.check)',
        '"vault": lambda: None',
        (f"{LIFE}::test_p27_p36_a_full_disk_while_it_runs",),
    ),
    Breakage(
        "leave ports open when the start fails",
        "P38",
        "gateway/worker.py",
        "            await self.stop(0.0)\n            raise",
        "            raise",
        (f"{START}::test_p38_a_start_that_fails_leaves_nothing_open",),
    ),
    Breakage(
        "a metric's label from the path",
        "P39",
        "gateway/record.py",
        '        route = exchange.route.id if exchange.route else "none"\n',
        "        route = exchange.route.id if exchange.route else exchange.request.path\n",
        ("tests/e2e/test_seen.py::test_p39_labels_come_from_rule_names_only",),
    ),
    Breakage(
        "ready while stopping",
        "P40",
        "gateway/worker.py",
        "        if self._stopping:\n            raise Stopping",
        "        if self._stopping is None:\n            raise Stopping",
        (f"{LIFE}::test_p40_while_it_drains_it_is_alive_and_not_ready",),
    ),
    Breakage(
        "no drain",
        "P40",
        "gateway/engine/master.py",
        "            await asyncio.wait_for(master.quiet.wait(), grace)",
        "            await asyncio.wait_for(master.quiet.wait(), grace * 0)",
        ("tests/engine/test_drain.py",),
    ),
    Breakage(
        "drop what waits for the vault",
        "P40",
        "gateway/vault/writer.py",
        "        self._serve(begun)\n",
        "        if goes_on:\n            self._serve(begun)\n",
        ("tests/vault/test_vault_service.py::test_p40_close_finishes_what_was_begun",),
    ),
    Breakage(
        "erase by a clock that leapt",
        "P24",
        "gateway/upkeep.py",
        "            if not held:\n                gone = table.purge(terms, now, entry)",
        "            if True or held:\n                gone = table.purge(terms, now, entry)",
        ("tests/test_upkeep_cards.py",),
    ),
    Breakage(
        "believe a clock that leapt at once",
        "P24",
        "gateway/clock_guard.py",
        "            if self._before is not None:\n                return False\n",
        "",
        ("tests/test_clock_guard.py",),
    ),
    Breakage(
        "hold a security code again for as long as a clock was set back",
        "P21",
        "gateway/vault/finding.py",
        "        if not now < found.cvc_until <= now + cvcs.LONGEST:",
        "        if not now < found.cvc_until:",
        ("tests/vault/test_vault_clock.py",),
    ),
    Breakage(
        "keep a security code that came by a later clock",
        "P21",
        "gateway/vault/cvcs.py",
        "until <= ? OR at > ?",
        "until <= ? AND at < ?",
        ("tests/vault/test_vault_clock.py",),
    ),
)
