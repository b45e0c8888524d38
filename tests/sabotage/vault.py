"""P17 to P27: what the vault promises."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

CVC = ("tests/vault/test_vault_cvc.py",)
ENVELOPE = ("tests/vault/test_vault_envelope.py",)
SECRECY = ("tests/vault/test_vault_secrecy.py",)
FOREIGN = ("tests/vault/test_vault_foreign.py",)
KEYS = ("tests/vault/test_vault_keys.py",)
RECAPTURES = ("tests/vault/test_vault_recaptures.py",)
MIGRATION = ("tests/vault/test_vault_migration.py",)
SERVICE = ("tests/vault/test_vault_service.py",)
SQLITE = ("tests/vault/test_vault_sqlite.py",)
TRIPS = "tests/vault/test_vault_postgres_trips.py"
TOKENS = ("tests/vault/test_vault_tokens.py",)

TORTURE = "tests/vault/test_vault_torture.py"
TLS = "tests/vault/test_vault_postgres_tls.py"

HELD = "tests/e2e/test_held_cvc.py"

BREAKAGES = (
    Breakage(
        "hold a security code again after its authorisation",
        "P21",
        "gateway/stages/swap.py",
        "        if not exchange.sent:",
        "        if held:",
        (f"{HELD}::test_p21_a_held_code_is_put_in_once",),
    ),
    Breakage(
        "hold security codes that no product asked for",
        "P21",
        "gateway/stages/swap.py",
        "if product.hold_cvc is None or exchange.replays\n                    else self._opening.clock() + product.hold_cvc",
        "if exchange.replays\n                    else self._opening.clock().replace(year=2100)",
        (f"{HELD}::test_a_product_that_does_not_ask_holds_none",),
    ),
    Breakage(
        "bind a record to its field alone",
        "P17",
        "gateway/vault/envelope.py",
        "    return lengths + name + tenant + row",
        "    return lengths[:4] + name",
        (f"{SECRECY[0]}::test_p17_a_card_is_bound_without_its_link",),
    ),
    Breakage(
        "leave the product out of a record's place",
        "P17",
        "gateway/vault/records.py",
        '    return place("card", product, iduser, test=test)',
        '    return place("card", "", iduser, test=test)',
        (f"{SECRECY[0]}::test_p17_a_card_is_bound_without_its_link",),
    ),
    Breakage(
        "bind a recapture to no client",
        "P17",
        "gateway/vault/recapture.py",
        "json.dumps([row.id, row.client, row.system, row.itinerary])",
        "json.dumps([row.id, row.client[:0], row.system, row.itinerary])",
        RECAPTURES,
    ),
    Breakage(
        "bind a charge to no sum",
        "P17",
        "gateway/vault/charge.py",
        "row.processor, row.amount, row.currency]",
        "row.processor, row.currency]",
        ("tests/vault/test_vault_altered.py",),
    ),
    Breakage(
        "let a link name another hotel than its booking's",
        "P17",
        "gateway/vault/sealed.py",
        "        one.booking_hash, keyring.booking, records.booking_of(one, content)\n",
        "        one.booking_hash, keyring.booking, records.booking_of(one, content)\n    ) and (\n        not where\n",
        ("tests/vault/test_vault_altered.py",),
    ),
    Breakage(
        "let a held security code be prolonged",
        "P17",
        "gateway/vault/cvcs.py",
        'row=f"{row.at} {row.until}".encode()',
        'row=f"{row.at}".encode()',
        ("tests/vault/test_vault_altered.py",),
    ),
    Breakage(
        "leave the processor out of a foreign token's place",
        "P17",
        "gateway/vault/foreign.py",
        "test=test, row=processor.encode())",
        "test=test, row=processor[:0].encode())",
        (f"{FOREIGN[0]}::test_p17_a_foreign_token_that_was_moved_does_not_open",),
    ),
    Breakage(
        "keep a foreign token for another product's card",
        "P06",
        "gateway/vault/foreign.py",
        "            if mode is None:\n                raise TokenUnknown\n",
        "            mode = mode or (0,)\n",
        FOREIGN,
    ),
    Breakage(
        "let two processes ask for one card's token",
        "P25",
        "gateway/vault/foreign.py",
        " WHERE issuing.until <= ?5",
        "",
        (
            "tests/vault/test_vault_claims.py::test_only_one_asks_for_a_card_at_a_processor",
            "tests/e2e/test_paycomet_issuing.py::test_p25_two_gateways_with_a_new_card_ask_once",
        ),
    ),
    Breakage(
        "wait for a process that died for ever",
        "P25",
        "gateway/vault/foreign.py",
        " WHERE issuing.until <= ?5",
        " WHERE issuing.until < ?5 AND 1 = 0",
        ("tests/vault/test_vault_claims.py::test_a_claim_of_a_process_that_died_is_over_in_time",),
    ),
    Breakage(
        "let the last foreign token win",
        "P25",
        "gateway/vault/foreign.py",
        "DO NOTHING",
        "DO UPDATE SET sealed = excluded.sealed",
        FOREIGN,
    ),
    Breakage(
        "let a wrapped key serve any purpose",
        "P17",
        "gateway/vault/keyring.py",
        '    return place(f"keyring:{purpose.value}", "", key_id, test=False)',
        '    return place(f"keyring:{purpose.value[:0]}", "", key_id, test=False)',
        KEYS,
    ),
    Breakage(
        "take a damaged record for an empty one",
        "P18",
        "gateway/vault/envelope.py",
        "        except InvalidTag:\n            pass\n",
        '        except InvalidTag:\n            return b""\n',
        (f"{ENVELOPE[0]}::test_p18_every_flipped_bit_is_noticed",),
    ),
    Breakage(
        "skip the commitment to the key",
        "P19",
        "gateway/vault/envelope.py",
        "        if not hmac.compare_digest(commitment, expected):",
        "        if len(commitment) != len(expected):",
        (f"{ENVELOPE[0]}::test_p19_the_commitment_is_checked_not_only_the_tag",),
    ),
    Breakage(
        "look cards up without their product",
        "P20",
        "gateway/vault/records.py",
        "    return product.encode(), mode, ",
        "    return mode, ",
        (f"{SERVICE[0]}::test_another_card_product_mode_or_expiry_gives_another_token",),
    ),
    Breakage(
        "plain SHA for the look-up",
        "P20",
        "gateway/vault/hashes.py",
        '    padded = key.ljust(_BLOCK, b"\\0")',
        "    padded = bytes(_BLOCK)",
        (f"{ENVELOPE[0]}::test_p20_a_hash_is_hmac_sha_256",),
    ),
    Breakage(
        "one key for look-ups and tokenusers",
        "P20",
        "gateway/vault/keyring.py",
        "        look_up=KeyedHash(*keys(Purpose.LOOK_UP)),",
        "        look_up=KeyedHash(*keys(Purpose.TOKENUSER)),",
        KEYS,
    ),
    Breakage(
        "keep the CVC with the booking",
        "P21",
        "gateway/vault/records.py",
        '        content["holder"] = card.holder.reveal()\n',
        '        content["holder"] = card.holder.reveal()\n'
        "    if card.cvc is not None:\n"
        '        content["cvc"] = card.cvc.reveal()\n',
        (f"{SECRECY[0]}::test_p21_what_is_sealed_holds_no_security_code",),
    ),
    Breakage(
        "keep the CVC with the card",
        "P21",
        "gateway/vault/records.py",
        '    return f"{_start_of(card)}{token.tokenuser}".encode("ascii").ljust(_CARD_LENGTH)',
        '    cvc = card.cvc.reveal() if card.cvc else ""\n'
        '    return f"{_start_of(card)}{token.tokenuser}{cvc}".encode("ascii").ljust(_CARD_LENGTH)',
        (f"{SECRECY[0]}::test_p21_what_is_sealed_holds_no_security_code",),
    ),
    Breakage(
        "give a held CVC out and delete it later",
        "P21",
        "gateway/vault/cvcs.py",
        '"DELETE FROM cvc WHERE iduser = ? RETURNING iduser, at, until, sealed"',
        '"SELECT iduser, at, until, sealed FROM cvc WHERE iduser = ?"',
        CVC,
    ),
    Breakage(
        "delete a held CVC before its intent is written",
        "P21",
        "gateway/vault/service.py",
        "            take = self._store.take(lambda: self._resolver.entitled(wanted), entries)\n"
        "            return await result_of(take)\n",
        "            take = self._store.take(lambda: self._resolver.entitled(wanted), ())\n"
        "            taken = await result_of(take)\n"
        "            await self.record(entries)\n"
        "            return taken\n",
        (f"{CVC[0]}::test_p21_killed_at_each_step_a_code_is_there_until_its_intent_is",),
    ),
    Breakage(
        "ask twice which keyring stands",
        "P33",
        "gateway/vault/keyring_watch.py",
        "            self._watch.check(connection)\n",
        "            self._watch.check(connection)\n            self._watch.check(connection)\n",
        ("tests/vault/test_vault_statements.py::test_a_known_card_asks_for_nothing_twice",),
    ),
    Breakage(
        "write a link for each poll",
        "P33",
        "gateway/vault/plan.py",
        "        return None if row.seen[:_HOUR] == came[:_HOUR] else self._seen(key, link, row)",
        "        return self._seen(key, link, row)",
        ("tests/vault/test_vault_statements.py::test_a_known_card_asks_for_nothing_twice",),
    ),
    Breakage(
        "write what nobody waits for any more",
        "P24",
        "gateway/vault/waiting.py",
        "        future.cancel()\n",
        "",
        ("tests/vault/test_vault_waiting.py::test_who_goes_stops_what_has_not_begun",),
    ),
    Breakage(
        "seal a held CVC under the data key",
        "P21",
        "gateway/vault/keyring.py",
        "        cvc=Sealer(*keys(Purpose.CVC)),",
        "        cvc=Sealer(*keys(Purpose.DATA)),",
        (f"{CVC[0]}::test_p21_a_held_code_is_sealed_under_a_key_of_its_own",),
    ),
    Breakage(
        "give out a CVC after its end",
        "P21",
        "gateway/vault/cvcs.py",
        " <= now < unstamp(row.until)",
        " <= now and bool(row.until)",
        CVC,
    ),
    Breakage(
        "let anybody who knows the iduser have a CVC erased",
        "P21",
        "gateway/vault/resolve.py",
        "        return list(dict.fromkeys(row[0].iduser for row in permitted if row is not None))",
        "        return [want.token.iduser for want in asked if permitted]",
        CVC,
    ),
    Breakage(
        "take a KEK that others can read",
        "P22",
        "gateway/vault/kek/private_file.py",
        "    if status.st_mode & 0o077:",
        "    if status.st_mode & 0o007:",
        KEYS,
    ),
    Breakage(
        "make up for a key that was lost",
        "P22",
        "gateway/vault/keyring.py",
        "if purpose not in made]",
        "if purpose not in [row.purpose for row in rows]]",
        MIGRATION,
    ),
    Breakage(
        "answer before the commit",
        "P24",
        "gateway/vault/service.py",
        "            plan = await result_of(self._store.keep(decide, entries=entered))",
        "            plan = decide()\n            self._store.keep(lambda: plan)",
        ("tests/vault/test_vault_crash.py::test_p24_answered_only_after_the_commit",),
    ),
    Breakage(
        "answer before the commit, seen by who is killed at random",
        "P24",
        "gateway/vault/service.py",
        "            plan = await result_of(self._store.keep(decide, entries=entered))",
        "            plan = decide()\n            self._store.keep(lambda: plan)",
        (f"{TORTURE}::test_p24_p25_p36_of_writers_killed_at_random_nothing_is_lost",),
    ),
    Breakage(
        "commit cards before their entries",
        "P36",
        "gateway/vault/store.py",
        "        cvcs.put(connection, changes.cvcs)\n",
        "        cvcs.put(connection, changes.cvcs)\n"
        '        connection.execute("COMMIT")\n        connection.execute("BEGIN IMMEDIATE")\n',
        (f"{TORTURE}::test_p24_p25_p36_of_writers_killed_at_random_nothing_is_lost",),
    ),
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
        "answer a large message before its commit",
        "P24",
        "gateway/vault/service.py",
        "                return self._store.keep(lambda: whole)\n",
        "                self._store.keep(lambda: whole)\n"
        "                early: Future[Plan] = Future()\n"
        "                early.set_result(whole)\n"
        "                return early\n",
        ("tests/vault/test_vault_crash.py::test_p24_answered_only_after_the_commit",),
    ),
    Breakage(
        "let two nodes decide past each other",
        "P25",
        "gateway/vault/postgres/database.py",
        '_BEGIN_WRITING: Final = "BEGIN ISOLATION LEVEL SERIALIZABLE"',
        '_BEGIN_WRITING: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"',
        ("tests/vault/test_vault_postgres.py",),
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
        ("tests/vault/test_vault_postgres.py",),
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
        'self._database.write("expire", work, large=True)',
        'self._database.write("expire", work)',
        (
            "tests/vault/test_vault_postgres.py::test_p27_a_large_write_has_its_turn_at_once_and_others_wait_for_that_one",
        ),
    ),
    Breakage(
        "let a large write be disturbed for ever",
        "P27",
        "gateway/vault/postgres/database.py",
        "self._beside if round < beside else self._alone",
        "self._beside",
        ("tests/vault/test_vault_postgres.py",),
    ),
    Breakage(
        "keep others out between two portions of a purge",
        "P27",
        "gateway/vault/retention.py",
        "time.sleep(_REST *",
        "time.sleep(0 *",
        ("tests/vault/test_vault_retention.py",),
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
        ("tests/vault/test_vault_postgres.py",),
    ),
    Breakage(
        "leave the disk to its cache",
        "P24",
        "gateway/vault/sqlite/database.py",
        '"PRAGMA synchronous = FULL"',
        '"PRAGMA synchronous = OFF"',
        SQLITE,
    ),
    Breakage(
        "go on in a vault whose file was moved away",
        "P24",
        "gateway/vault/sqlite/database.py",
        "        if self._identify() != self._identity:",
        "        if self._identity is None:",
        SQLITE,
    ),
    Breakage(
        "do not read again after losing a race",
        "P25",
        "gateway/vault/service.py",
        "            except Taken:\n                continue\n",
        "            except Taken:\n                break\n",
        TOKENS,
    ),
    Breakage(
        "some signs more likely than others",
        "P26",
        "gateway/vault/draw.py",
        ".translate(_SIGNS, _UNFAIR)",
        ".translate(_SIGNS)",
        TOKENS,
    ),
    Breakage(
        "draw idusers from a few",
        "P26",
        "gateway/vault/draw.py",
        "(value & IDUSER_MAX for",
        "(value & IDUSER_MAX >> 8 for",
        TOKENS,
    ),
    Breakage(
        "answer without tokens when the vault is down",
        "P27",
        "gateway/stages/batch_writer.py",
        "            except RecordDamaged:\n                if searched:  # it is none of the cards'\n"
        "                    raise\n",
        "            except Exception:\n                batch.without(range(len(batch.cards)))\n"
        "                return\n",
        (
            "tests/e2e/test_vault_down.py::test_p27_a_vault_that_keeps_no_card_costs_no_card_its_token",
        ),
    ),
    Breakage(
        "believe keys that can not be read",
        "P27",
        "gateway/access/keys.py",
        "            self.refresh()\n        return None if",
        "            try:\n"
        "                self.refresh()\n"
        "            except GatewayError:\n"
        "                pass\n"
        "        return None if",
        ("tests/access/test_access_keys.py",),
    ),
)
