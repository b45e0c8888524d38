"""P16, P24 to P27, P33 and P36: what the vault writes, when it answers, and what it lets go of."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

SQLITE = ("tests/vault/test_vault_sqlite.py",)
TOKENS = ("tests/vault/test_vault_tokens.py",)
TORTURE = "tests/vault/test_vault_torture.py"

BREAKAGES = (
    Breakage(
        "ask twice which keyring stands",
        "P33",
        "gateway/vault/keyring_watch.py",
        "            self.check(connection)\n",
        "            self.check(connection)\n            self.check(connection)\n",
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
        "answer before the commit",
        "P24",
        "gateway/vault/keeping.py",
        "            plan = await result_of(self._store.keep(decide, entries=entered))",
        "            plan = decide()\n            self._store.keep(lambda: plan)",
        ("tests/vault/test_vault_crash.py::test_p24_answered_only_after_the_commit",),
    ),
    Breakage(
        "answer before the commit, seen by who is killed at random",
        "P24",
        "gateway/vault/keeping.py",
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
        "answer a large message before its commit",
        "P24",
        "gateway/vault/keeping.py",
        "                return self._store.keep(lambda: whole)\n",
        "                self._store.keep(lambda: whole)\n"
        "                early: Future[Plan] = Future()\n"
        "                early.set_result(whole)\n"
        "                return early\n",
        ("tests/vault/test_vault_crash.py::test_p24_answered_only_after_the_commit",),
    ),
    Breakage(
        "keep others out between two portions of a purge",
        "P27",
        "gateway/vault/resting.py",
        "time.sleep(_REST *",
        "time.sleep(0 *",
        ("tests/vault/test_vault_retention.py",),
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
        "gateway/vault/keeping.py",
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
        "keep what a thread raised, and the frames that it came through",
        "P16",
        "gateway/vault/waiting.py",
        "        del future  # what",
        "        future = future  # what",
        ("tests/vault/test_vault_waiting.py::test_p16_what_it_raised_is_let_go_of_at_once",),
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
    Breakage(
        "keep what stopped a write until the collector comes",
        "P16",
        "gateway/vault/writer.py",
        "            del results, failure\n",
        "",
        ("tests/vault/test_vault_writer.py",),
    ),
    Breakage(
        "keep a write's card until the next write",
        "P16",
        "gateway/vault/writer.py",
        "        while self._turn():\n            pass\n",
        "        last = [self._queue.get()]\n        while last[0] is not None:\n"
        "            self._queue.put(last[0])\n            self._turn()\n            last = [self._queue.get()]\n",
        ("tests/vault/test_vault_writer.py",),
    ),
    Breakage(
        "keep what stopped a message until the collector comes",
        "P16",
        "gateway/vault/aside.py",
        "            del done\n",
        "            pass\n",
        ("tests/vault/test_vault_aside.py",),
    ),
)
