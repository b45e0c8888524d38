"""P24 and its neighbours: answers that are kept until they have arrived."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

ANSWER = ("tests/vault/test_vault_answer.py",)
ANSWERS = ("tests/vault/test_vault_answers.py",)
REPLAY = ("tests/vault/test_vault_replay.py",)

CONTROL = "tests/control/test_control_answers.py"
INBOX = "tests/e2e/test_inbox.py"
INBOX_AGAIN = "tests/e2e/test_inbox_again.py"
INBOX_QUARANTINE = "tests/e2e/test_inbox_quarantine.py"
INBOX_REPLAY = "tests/e2e/test_inbox_replay.py"
ENGINE_RESET = "tests/engine/test_reset.py"
KILLED = "tests/e2e/test_killed.py"

BREAKAGES = (
    Breakage(
        "replay under a key without the exchange's id",
        "P24",
        "gateway/control/exchanges.py",
        '            await self._requests.stands(once, "", said.model_dump_json().encode())\n',
        "            del said\n",
        (f"{CONTROL}::test_p24_a_replay_that_is_repeated_names_the_exchange_that_it_named",),
    ),
    Breakage(
        "take an answer for delivered as soon as it is kept",
        "P24",
        "gateway/vault/answer.py",
        "    state = AnswerState.REFUSED if quarantined else AnswerState.UNDELIVERED",
        "    state = AnswerState.REFUSED if quarantined else AnswerState.DELIVERED",
        (
            f"{KILLED}::test_p24_killed_after_the_commit_the_next_poll_gets_what_the_partner_gives_once",
        ),
    ),
    Breakage(
        "let a client's reset end what its partner has begun",
        "P24",
        "gateway/engine/handler.py",
        "                    if io.handler and not wanted:\n",
        "                    if io.handler:\n",
        (ENGINE_RESET,),
    ),
    Breakage(
        "read no answer whose caller has left",
        "P24",
        "gateway/engine/upstream.py",
        "        if self._client.gone and not to_the_end:",
        "        if self._client.gone:",
        (ENGINE_RESET,),
    ),
    Breakage(
        "take every caller of a partner for the same one",
        "P28",
        "gateway/stages/poll.py",
        "    parts += [value for name in _CREDENTIALS for value in request.headers.get_all(name)]\n",
        "",
        (f"{INBOX_AGAIN}::test_p28_other_credentials_at_the_partner_are_another_poll",),
    ),
    Breakage(
        "show a digest of the clear body",
        "P03",
        "gateway/stages/kept_head.py",
        "    kept.remove(*STALE, *_OF_A_CONNECTION)\n",
        "    kept.remove(*_OF_A_CONNECTION)\n",
        (f"{INBOX_AGAIN}::test_p03_what_is_kept_says_nothing_of_the_clear_body",),
    ),
    Breakage(
        "replay with every product's rights",
        "P06",
        "gateway/replay.py",
        "frozenset(refused.products) or None",
        "None",
        (f"{INBOX_REPLAY}::test_p06_a_replay_may_do_no_more_than_its_caller",),
    ),
    Breakage(
        "let an answer that nobody got again be lost to the next poll",
        "P24",
        "gateway/stages/inbox.py",
        "                undo.callback(self._release, exchange)\n",
        "                undo.callback(bool, exchange)\n",
        ("tests/stages/test_inbox.py",),
    ),
    Breakage(
        "keep a security code in quarantine",
        "P21",
        "gateway/stages/quarantine.py",
        "        return await run(len(body), without_codes, body, route.shapes)",
        "        return body",
        (f"{INBOX_QUARANTINE}::test_p21_what_is_in_quarantine_has_no_security_code",),
    ),
    Breakage(
        "keep the answer as it came",
        "P03",
        "gateway/stages/keeping.py",
        "        self._finish(body)\n",
        "        del body\n",
        (f"{INBOX}::test_p03_what_is_kept_holds_no_card_and_no_code",),
    ),
    Breakage(
        "bind an answer to nothing but its kind",
        "P17",
        "gateway/vault/answer.py",
        'row=json.dumps(named).encode("ascii"))',
        'row=json.dumps(named[:0]).encode("ascii"))',
        ANSWER,
    ),
    Breakage(
        "hide that a card of an answer failed",
        "P17",
        "gateway/vault/answer.py",
        "        named += (record.failed, record.failures)\n",
        "        named += ()\n",
        ANSWER,
    ),
    Breakage(
        "forget which cards of an answer failed",
        "P24",
        "gateway/stages/found_by.py",
        "    failed = tuple(failed_cards(batch.bookings))\n",
        "    failed = tuple(failed_cards(batch.bookings))[:0]\n",
        ("tests/e2e/test_failed_cards.py",),
    ),
    Breakage(
        "open what was refused as if it had been rewritten",
        "P17",
        "gateway/vault/answer.py",
        '    kind = "quarantine" if record.quarantined else "spool"',
        '    kind = "spool"',
        ANSWERS,
    ),
    Breakage(
        "keep an answer in a transaction of its own",
        "P24",
        "gateway/vault/store.py",
        "            answers.insert(connection, changes.answer)\n",
        "            sealed = changes.answer\n"
        '            self._database.write("later", lambda c: answers.insert(c, sealed))\n',
        ("tests/vault/test_vault_answer_crash.py", *ANSWERS),
    ),
    Breakage(
        "note in a transaction of its own that a refused answer came out",
        "P24",
        "gateway/vault/store.py",
        "            answers.come_out(connection, changes.answer)\n",
        "            came = changes.answer\n"
        '            self._database.write("later", lambda c: answers.come_out(c, came))\n',
        REPLAY,
    ),
    Breakage(
        "let a refused answer come out twice",
        "P24",
        "gateway/vault/answers.py",
        "        raise AnswerCameOut\n",
        "        return\n",
        REPLAY,
    ),
    Breakage(
        "call an answer kept whose exchange id was taken",
        "P24",
        "gateway/vault/answers.py",
        "        raise ExchangeKnown\n",
        "        return\n",
        ANSWERS,
    ),
)
