"""What charges cards through processors: money that is lost or taken twice, cards and credentials that leak."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

SANDBOX = "tests/processors/test_sandbox_processor.py"
FAULTS = "tests/processors/test_faults.py"
LANGUAGE = "tests/processors/test_language.py"
CREDENTIALS = "tests/processors/test_credentials.py"
RELOAD = "tests/processors/test_reload.py"
FIT = "tests/processors/test_fit.py"
BOOKINGSYNC = "tests/processors/test_bookingsync.py"

BREAKAGES = (
    Breakage(
        "take an answer that no rule names for a success",
        "P24",
        "gateway/processors/reading.py",
        "        if end is None:\n            return UNCLEAR\n",
        "        if end is None:\n            return Result(Ended.SUCCEEDED)\n",
        (f"{FAULTS}::test_what_no_rule_names_is_unknown_and_no_redirect_is_followed",),
    ),
    Breakage(
        "take an answer that can not be read by its status alone",
        "P24",
        "gateway/processors/reading.py",
        "            return not end.where and not end.absent and end.ended in _WITHOUT_A_BODY\n",
        "            return True\n",
        (f"{FAULTS}::test_what_no_rule_names_is_unknown_and_no_redirect_is_followed",),
    ),
    Breakage(
        "say of what was sent that it was not done",
        "P24",
        "gateway/processors/processor.py",
        "        if attempt.sent:\n",
        "        if attempt.sent and isinstance(error, InternalError):\n",
        (
            f"{FAULTS}::test_a_broken_answer",
            f"{FAULTS}::test_p27_a_vault_that_goes_once_it_was_sent_leaves_it_unknown",
        ),
    ),
    Breakage(
        "forget that a call of our own was sent",
        "P24",
        "gateway/own_exchange.py",
        "            exchange.sent = call.sent\n",
        "            exchange.sent = False\n",
        (f"{FAULTS}::test_a_broken_answer",),
    ),
    Breakage(
        "read a processor's answer before it is guarded",
        "P03",
        "gateway/own_exchange.py",
        "        await self._pipeline.answer(exchange)\n        return response\n",
        "        return response\n",
        (
            f"{FAULTS}::test_p03_an_echo_in_what_is_read_is_a_token",
            f"{SANDBOX}::test_p03_an_echoed_card_is_nowhere",
        ),
    ),
    Breakage(
        "charge with a card that the processor keeps without opening its token",
        "P06",
        "gateway/processors/customers.py",
        "        await self._open(sending, exchange)\n",
        "",
        (
            f"{SANDBOX}::test_p06_a_guessed_half_of_a_token_is_unknown_though_the_card_is_kept_there",
        ),
    ),
    Breakage(
        "let an exchange of our own use every product",
        "P06",
        "gateway/own_exchange.py",
        "        exchange = Exchange(_OURSELVES, request, id=id, product_named=product)\n"
        '        admission = Admission(client, "", _SCOPES, frozenset({product}))\n',
        "        exchange = Exchange(_OURSELVES, request, id=id)\n"
        '        admission = Admission(client, "", _SCOPES, None if product else frozenset())\n',
        (f"{BOOKINGSYNC}::test_p06_another_products_card_is_not_put_in",),
    ),
    Breakage(
        "send a card to a processor once for each that asks",
        "P25",
        "gateway/processors/customers.py",
        "                    if await self._vault.foreign.claim(iduser, product, name, claim, seconds):\n",
        "                    if claim or await self._vault.foreign.claim(iduser, product, name, claim, seconds):\n",
        (f"{SANDBOX}::test_processes_that_need_it_at_once_ask_once",),
    ),
    Breakage(
        "let a processor's id lead elsewhere",
        "P04",
        "gateway/processors/template.py",
        "        if value is None or _IN_URL.fullmatch(value) is None:\n",
        "        if value is None:\n",
        (f"{LANGUAGE}::test_a_url_takes_no_such_thing",),
    ),
    Breakage(
        "let a booking's number write fields of a form",
        "P14",
        "gateway/processors/template.py",
        "={quote_plus(_whole(text))}",
        "={_whole(text)}",
        (f"{LANGUAGE}::test_a_form_keeps_a_value_one_value",),
    ),
    Breakage(
        "let a value write headers",
        "P34",
        "gateway/processors/template.py",
        "    if text is None or _IN_HEADER.fullmatch(text) is None:\n",
        "    if text is None:\n",
        (f"{LANGUAGE}::test_a_header_takes_no_such_thing",),
    ),
    Breakage(
        "use a processor whose requests no route takes",
        "P37",
        "gateway/processors/load.py",
        "                problems += misfits(found[name], matcher)\n",
        "                misfits(found[name], matcher)\n",
        (
            f"{FIT}::test_one_in_use_without_its_pack_does_not_start",
            f"{FIT}::test_p37_a_mistake_leaves_the_old_ones_where_they_are",
        ),
    ),
    Breakage(
        "take packs that leave a processor without its route",
        "P37",
        "gateway/processors/reload.py",
        "self._processors.read(None if rules is None else rules.matcher)",
        "self._processors.read(None)",
        (
            f"{RELOAD}::test_p37_a_pack_that_no_longer_takes_a_processors_host_is_not_loaded",
            f"{RELOAD}::test_p37_nor_is_a_shape_that_no_longer_finds_its_token",
        ),
    ),
    Breakage(
        "put packs in force before the processors were read",
        "P37",
        "gateway/processors/reload.py",
        "            rules = self._rules.read()\n",
        "            rules = self._rules.read()\n            self._rules.take(rules)\n",
        (
            f"{RELOAD}::test_p37_a_mistake_in_a_processor_keeps_the_packs_from_changing",
            f"{RELOAD}::test_p37_reading_puts_nothing_in_force",
        ),
    ),
    Breakage(
        "open one product's credentials for another",
        "P17",
        "gateway/vault/credentials.py",
        '    return place("credential", product, 0, test=False, row=processor.encode())',
        '    return place("credential", product[:0], 0, test=False, row=processor.encode())',
        (f"{CREDENTIALS}::test_p17_credentials_that_were_moved_to_another_product_do_not_open",),
    ),
    Breakage(
        "set credentials without an audit entry",
        "P36",
        "gateway/vault/credentials.py",
        "            append(connection, [replace(entry, outcome=Outcome.DONE, product=product)])\n"
        "            return Done(product, answer(made))\n",
        "            return Done(product, answer(made))\n",
        (f"{CREDENTIALS}::test_they_are_set_and_never_shown",),
    ),
    Breakage(
        "take anybody's 404 for a charge that the processor does not have",
        "P24",
        "gateway/processors/reading.py",
        "            return not end.where and not end.absent and end.ended in _WITHOUT_A_BODY",
        "            return not end.where and end.ended in _WITHOUT_A_BODY",
        ("tests/processors/test_reading.py",),
    ),
    Breakage(
        "erase another product's credentials",
        "P28",
        "gateway/vault/credentials.py",
        "DELETE FROM processor_credential WHERE product = ? AND processor = ?",
        "DELETE FROM processor_credential WHERE (?1 <> '') AND processor = ?2",
        (f"{CREDENTIALS}::test_they_are_erased_for_good",),
    ),
    Breakage(
        "set another product's credentials",
        "P28",
        "gateway/control/processors.py",
        "        if product in self._products(caller):\n",
        "        if product or product in self._products(caller):\n",
        (f"{CREDENTIALS}::test_p28_only_an_administrator_of_the_product_sets_them",),
    ),
    Breakage(
        "take a test product's calls to the partner itself",
        "P06",
        "gateway/processors/sending.py",
        "        return self.stand_ins.get(request.authority.host, request.authority)\n",
        "        return request.authority\n",
        (f"{SANDBOX}::test_authorise_capture_refund",),
    ),
)
