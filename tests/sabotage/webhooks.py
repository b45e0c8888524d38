"""Webhooks: what leaves by itself, to whom, and that none of it is lost."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

NOTICES = ("tests/vault/test_vault_notices.py",)
API = ("tests/control/test_control_notices.py",)
WEBHOOKS = ("tests/webhooks/test_webhooks.py",)
KILLED = ("tests/webhooks/test_webhooks_killed.py",)

BREAKAGES = (
    Breakage(
        "tell a client whatever it is given, a secret too",
        "P16",
        "gateway/vault/notice.py",
        "        _told(self.body)\n",
        "        json.dumps(self.body, default=str)\n",
        (f"{NOTICES[0]}::test_p16_what_could_be_a_card_is_told_to_nobody",),
    ),
    Breakage(
        "tell a card number that a guest typed",
        "P16",
        "gateway/vault/notice.py",
        "        return without_cards(value)",
        "        return str(without_cards and value)",
        NOTICES,
    ),
    Breakage(
        "tell another client what a moved row says",
        "P17",
        "gateway/vault/notice.py",
        "    named = json.dumps([row.id, row.client, row.kind, row.subject, row.product])",
        "    named = json.dumps([row.id])",
        NOTICES,
    ),
    Breakage(
        "tell of what was never committed",
        "P24",
        "gateway/vault/notices.py",
        "        connection.add(_ADD, [seal(self._sealer, one) for one in kept])",
        '        self._database.write("notice", lambda c: c.executemany('
        "_ADD, [seal(self._sealer, one) for one in kept]))",
        (f"{NOTICES[0]}::test_p24_what_tells_of_nothing_is_not_kept",),
    ),
    Breakage(
        "lose a notice whose sender was killed",
        "P24",
        "gateway/webhooks/jobs.py",
        "LEASE: Final = timedelta(minutes=3)",
        "LEASE: Final = timedelta(days=3)",
        KILLED,
    ),
    Breakage(
        "two processes send the same notice at once",
        "P24",
        "gateway/vault/notices.py",
        "    \"UPDATE notice SET state = 'sending', due = ?, tries = tries + 1 WHERE number IN\"",
        "    \"UPDATE notice SET state = 'sending', due = coalesce(due, ?), tries = tries + 1"
        ' WHERE number IN"',
        (f"{WEBHOOKS[0]}::test_two_processes_on_one_vault_do_not_send_twice",),
    ),
    Breakage(
        "a later notice overtakes the one before",
        "P24",
        "gateway/vault/notices.py",
        '    " AND earlier.number < notice.number)"',
        "    \" AND earlier.number < notice.number AND earlier.state = 'sending')\"",
        (f"{WEBHOOKS[0]}::test_of_one_subject_the_next_waits_for_the_one_before",),
    ),
    Breakage(
        "list what another client is told",
        "P06",
        "gateway/control/notices.py",
        "        client = None if caller.is_admin else caller.client",
        "        client = None if caller.is_admin else caller.client and None",
        API,
    ),
    Breakage(
        "send another product's notice once more",
        "P06",
        "gateway/vault/notices.py",
        "    \"(CAST(?1 AS text) IS NULL OR client = ?1) AND (product = '' OR product IN (SELECT value FROM json_each(?2)))\"",
        '    "(?1 IS NULL OR client = ?1) AND ?2 IS NOT NULL"',
        API,
    ),
    Breakage(
        "redeliver without an audit entry",
        "P36",
        "gateway/vault/notices.py",
        "            audit.append(connection, [done])\n",
        "            del done\n",
        API,
    ),
    Breakage(
        "sign a notice's time but not its body",
        "P28",
        "gateway/webhooks/post.py",
        'f"{stamp}.".encode() + body, hashlib',
        'f"{stamp}.".encode() + body[:0], hashlib',
        (f"{WEBHOOKS[0]}::test_the_documents_code_verifies_it",),
    ),
)
