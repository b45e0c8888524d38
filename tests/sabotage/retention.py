"""What is kept, how long: P06, P16, P17, P24, P36."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

RETENTION = ("tests/vault/test_vault_retention.py",)
TRACES = ("tests/vault/test_vault_traces.py",)
VERIFY = ("tests/vault/test_vault_verification.py",)
ERASURE = ("tests/vault/test_vault_erasure.py",)
ERASED = ("tests/control/test_control_cards_erased.py",)
ROUTE = "tests/vault/test_vault_route_retention.py"
TABLE = "gateway/vault/retention.py"
DATABASE = "gateway/vault/sqlite/database.py"
COMPACTION = "tests/vault/test_vault_compaction.py"

BREAKAGES = (
    Breakage(
        "have those who write wait for a purge's every trip",
        "P17",
        TABLE,
        '"expire", work, entries=_PORTION, large=True',
        '"expire", work, large=True',
        ("tests/vault/test_vault_postgres_trips.py",),
    ),
    Breakage(
        "keep what a route brings as long as its product says",
        "P17",
        "gateway/vault/terms.py",
        "    return kept if days is None else min(kept, timedelta(days=days))",
        "    return kept",
        (f"{ROUTE}::test_the_shorter_of_the_route_s_and_the_product_s_counts",),
    ),
    Breakage(
        "keep a card for longer than its product says, for a route says so",
        "P17",
        "gateway/vault/terms.py",
        "min(kept, timedelta(days=days))",
        "timedelta(days=days)",
        (f"{ROUTE}::test_the_shorter_of_the_route_s_and_the_product_s_counts",),
    ),
    Breakage(
        "erase a booking that was prolonged meanwhile",
        "P24",
        TABLE,
        '" AND (({_DATED}) OR ({_UNDATED}) OR ({_UNBELIEVED}))"',
        '" AND ?1 <> ?2 AND ?2 <> ?3"',
        RETENTION,
    ),
    Breakage(
        "believe every departure, and keep the card for good",
        "P16",
        TABLE,
        '_UNBELIEVED: Final = f"{_BEYOND} AND seen <= ?2"',
        '_UNBELIEVED: Final = f"{_BEYOND} AND seen <= ?2 AND seen > ?2"',
        RETENTION,
    ),
    Breakage(
        "keep the card when its last booking goes",
        "P16",
        "gateway/vault/migrations/0001_first.sql",
        "WHEN NOT EXISTS (SELECT 1 FROM link WHERE iduser = OLD.iduser)",
        "WHEN NOT EXISTS (SELECT 1 FROM link)",
        RETENTION,
    ),
    Breakage(
        "purge without an entry in the audit",
        "P36",
        TABLE,
        "            audit.append(connection, entries)\n            return Purged(len(rows), len(whole))",
        "            audit.append(connection, entries[:0])\n            return Purged(len(rows), len(whole))",
        RETENTION,
    ),
    Breakage(
        "leave what was erased in the write-ahead log",
        "P16",
        "gateway/vault/sqlite/database.py",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA wal_checkpoint(PASSIVE)",
        RETENTION,
    ),
    Breakage(
        "take a table that another holds for vacuumed",
        "P16",
        "gateway/vault/postgres/database.py",
        "    return errors.LockNotAvailable.sqlstate not in held\n",
        "    return True\n",
        ("tests/vault/test_vault_postgres_limits.py",),
    ),
    Breakage(
        "let a damaged card stay for good",
        "P16",
        TABLE,
        "            return Card(*records.read_card(self._keyring.sealer.open(row.sealed, where)))\n"
        "        except RecordDamaged:",
        "            return Card(*records.read_card(self._keyring.sealer.open(row.sealed, where)))\n"
        "        except ZeroDivisionError:",
        RETENTION,
    ),
    Breakage(
        "keep the number in the stub",
        "P16",
        "gateway/vault/stub.py",
        '{"mask": mask(digits),',
        '{"mask": digits,',
        RETENTION,
    ),
    Breakage(
        "show a stub to whoever knows its iduser",
        "P06",
        "gateway/vault/stubs.py",
        "        if values is None or not genuine:",
        "        if values is None or genuine is None:",
        (*RETENTION, *ERASED),
    ),
    Breakage(
        "show a stub to another product",
        "P06",
        "gateway/vault/stubs.py",
        "return None if row.product not in wanted.products or other_mode else row",
        "return None if other_mode else row",
        (*RETENTION, *ERASED),
    ),
    Breakage(
        "bind a stub to no time",
        "P17",
        "gateway/vault/stub.py",
        "test=bool(row.test), row=row.erased.encode())",
        'test=bool(row.test), row=b"")',
        RETENTION,
    ),
    Breakage(
        "give a stub's iduser to another card",
        "P06",
        "gateway/vault/store.py",
        '" UNION ALL SELECT iduser FROM stub',
        '" UNION ALL SELECT iduser FROM card',
        RETENTION,
    ),
    Breakage(
        "leave the bytes of erased rows in the database",
        "P16",
        "gateway/vault/sqlite/database.py",
        "PRAGMA secure_delete = ON",
        "PRAGMA secure_delete = OFF",
        TRACES,
    ),
    Breakage(
        "take a damaged record for a sound one",
        "P18",
        "gateway/vault/verification.py",
        "        except (RecordDamaged, ValueError, TypeError, KeyError):\n            return False",
        "        except (RecordDamaged, ValueError, TypeError, KeyError):\n            return bool(row)",
        VERIFY,
    ),
    Breakage(
        "verify no card's look-up hash",
        "P17",
        "gateway/vault/sealed.py",
        "    if not found or not keyring",
        "    if found is None or not keyring",
        VERIFY,
    ),
    Breakage(
        "see no security code that is past its end",
        "P21",
        "gateway/vault/verification.py",
        '    "cvc": ("until", timedelta(0)),\n',
        "",
        VERIFY,
    ),
    Breakage(
        "leave the guest in a charge that is erased",
        "P16",
        "gateway/charges/content.py",
        "        Content(one.tokenuser, named",
        "        Content(one.tokenuser, booking=one.booking, named",
        ERASURE,
    ),
    Breakage(
        "erase a card for whoever knows its iduser",
        "P06",
        "gateway/vault/traces.py",
        "            if not own:\n",
        "            if own is None:\n",
        ERASURE,
    ),
    Breakage(
        "erase what a charge on its way needs",
        "P24",
        "gateway/vault/erasure.py",
        'WHERE number = ? AND {ENDED[table]}"',
        'WHERE number = ?"',
        ERASURE,
    ),
    Breakage(
        "erase a guest without an entry in the audit",
        "P36",
        "gateway/vault/erasure.py",
        "            if guest.booking is not None or not entries:",
        "            if guest.booking is not None and entries:",
        ERASURE,
    ),
    Breakage(
        "leave the copies that SQLite keeps of erased rows",
        "P16",
        "gateway/vault/sqlite/database.py",
        "            if not compact and not self._compaction.is_due(size_of(connection)):",
        "            if not compact:",
        (
            "tests/vault/test_vault_compaction.py::test_p16_no_copy_of_an_erased_row_stays_beside_its_page",
        ),
    ),
    Breakage(
        "call a file compacted that others wrote to",
        "P16",
        "gateway/vault/sqlite/compaction.py",
        "                return False\n",
        "                return True\n",
        (
            "tests/vault/test_vault_compaction.py::test_p16_it_is_tried_again_where_others_wrote_all_the_time",
        ),
    ),
    Breakage(
        "write the file anew behind a log that can not begin anew",
        "P16",
        DATABASE,
        "            if not self._cut_off(connection):\n                return False\n",
        "            self._cut_off(connection)\n",
        (f"{COMPACTION}::test_p16_a_reader_of_an_older_state_makes_no_log_grow",),
    ),
    Breakage(
        "fill the disk with what is written anew",
        "P16",
        DATABASE,
        "            if not compact and not self._compaction.has_room(",
        "            if compact and not self._compaction.has_room(",
        (f"{COMPACTION}::test_p16_without_room_the_log_is_cut_off_and_the_rest_told",),
    ),
    Breakage(
        "call what no room was for a success",
        "P16",
        DATABASE,
        '                event("no_room_to_compact", level=logging.WARNING)\n                return False\n',
        '                event("no_room_to_compact", level=logging.WARNING)\n                return True\n',
        (f"{COMPACTION}::test_p16_without_room_the_log_is_cut_off_and_the_rest_told",),
    ),
    Breakage(
        "leave the log of a compaction that failed",
        "P16",
        DATABASE,
        "            finally:  # what came to nothing has filled the log, perhaps the disk\n",
        "            except ZeroDivisionError:\n                raise\n            else:\n",
        (f"{COMPACTION}::test_p16_a_compaction_that_failed_leaves_no_log",),
    ),
)
