"""Breakages of how refusals are told."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

FORMS = ("tests/refusing/test_forms.py",)
BOMB = (
    "tests/refusing/test_forms.py::test_p33_a_compressed_request_is_unpacked_no_further_than_it_is_looked_at",
)
PUSHES = ("tests/e2e/test_inbox_pushes.py",)
WHOLE = ("tests/e2e/test_refusals.py",)

BREAKAGES = (
    Breakage(
        "tell a stranger the name of the route that he failed at",
        "P28",
        "gateway/engine/answers.py",
        'name = route.id if exchange.let_in else ""',
        "name = route.id",
        WHOLE,
    ),
    Breakage(
        "call whoever has shown half of his credentials admitted",
        "P28",
        "gateway/stages/admit.py",
        "exchange.let_in = not self.reads_body(route)",
        "exchange.let_in = True",
        WHOLE,
    ),
    Breakage(
        "answer who is not admitted with the status that the route says",
        "P28",
        "gateway/refusing/forms.py",
        "    if not told.let_in:\n        return told.status\n",
        "",
        FORMS,
    ),
    Breakage(
        "answer an OTA message by whatever name the request has",
        "P16",
        "gateway/refusing/asked.py",
        'ANSWERS.get(found[1], "") if found else ""',
        'found[1] if found else ""',
        FORMS,
    ),
    Breakage(
        "repeat a request's Version as it is",
        "P16",
        "gateway/refusing/asked.py",
        "([1-9]\\.0{1,3})",
        "([^\\\"']*)",
        FORMS,
    ),
    Breakage(
        "unpack all of a compressed request to see what it is",
        "P33",
        "gateway/refusing/asked.py",
        ".decompress(start, _LOOKED_AT)",
        ".decompress(start)",
        BOMB,
    ),
    Breakage(
        "keep what a stranger pushed",
        "P28",
        "gateway/stages/kept_pushes.py",
        "if admission is None or not exchange.let_in:",
        "if admission is None:",
        ("tests/vault/test_vault_pushes.py",),
    ),
    Breakage(
        "keep a push without looking for room",
        "P33",
        "gateway/stages/kept_pushes.py",
        "            if len(there) >= self._room.pushes or len(request.body) > room:",
        "            if there is None:",
        PUSHES,
    ),
    Breakage(
        "look at no text of what a refused example's caller is told",
        "P32",
        "gateway/cli/examples.py",
        "            yield from _told(route, example, error)\n",
        "            yield from ()\n",
        ("tests/cli/test_cli_rules_test.py",),
    ),
    Breakage(
        "measure a compressed push as it came",
        "P33",
        "gateway/stages/quarantine.py",
        "len(head) + len(decoded) > room:",
        "len(message.body) > room:",
        (
            "tests/vault/test_vault_pushes.py::test_p33_a_compressed_push_takes_the_room_of_what_it_holds",
        ),
    ),
    Breakage(
        "keep a push under its caller's bare name",
        "P28",
        "gateway/stages/kept_pushes.py",
        "client = PUSHED + admission.client",
        "client = admission.client",
        PUSHES,
    ),
    Breakage(
        "keep a push with its security code",
        "P21",
        "gateway/stages/quarantine.py",
        "return await run(len(body), without_codes, body, shapes, USUAL_NAMES)",
        "return body",
        PUSHES,
    ),
    Breakage(
        "show the values of a refused message",
        "P16",
        "gateway/stages/outline.py",
        "parts += [_blank(text[position : name.start()]),",
        "parts += [text[position : name.start()],",
        ("tests/stages/test_outline.py",),
    ),
    Breakage(
        "take only what the rule calls a security code for one, in a push that does not fit it",
        "P21",
        "gateway/stages/quarantine.py",
        "body, shapes, USUAL_NAMES)",
        "body, shapes)",
        ("tests/vault/test_vault_pushes.py",),
    ),
    Breakage(
        "look for a push's security code by the rule of its answer",
        "P21",
        "gateway/stages/quarantine.py",
        "shapes = route.shapes if rule is None else rule.shapes",
        "shapes = route.shapes",
        ("tests/vault/test_vault_pushes.py",),
    ),
)
