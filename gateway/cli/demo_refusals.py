"""Chapters in which the gateway says no, and how an operator allows what was refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from gateway.cli.demo_charges import intent
from gateway.cli.demo_gateway import wait_for
from gateway.cli.demo_pms import Answer
from gateway.cli.demo_scene import NoSequel, Scene
from gateway.cli.suggestions import Suggestion, suggest
from gateway.sandbox.cards import VISA

_UNKNOWN_KEY: Final = "cgk_" + "0" * 12 + "_" + "0" * 38
# The gateway looks at a directory a moment after it changed, and reads all of it.
_RELOAD_SECONDS: Final = 10.0


def callers(scene: Scene) -> None:
    """Faults of who calls: refused before anything goes out."""
    story, pms, sandbox = scene.story, scene.pms, scene.sandbox
    story.chapter(
        "Refused: what should not have been asked",
        "Each refusal has a status and a stable code that the PMS's programmers can rely on, and "
        "nothing is forwarded.",
    )
    elsewhere = sandbox.named_url("siteminder") + "/another/service"
    sandbox.received.clear()
    _refused(scene, "a request without a key", lambda: pms.pull_without_key("CVC"),
             401, "key_required")  # fmt: skip
    _refused(scene, "a key that the gateway did not make",
             lambda: pms.pull_without_key("CVC", _UNKNOWN_KEY), 401, "key_invalid")  # fmt: skip
    _refused(scene, "a path that no rule names", lambda: pms.post(elsewhere, "{}"),
             403, "route_unknown")  # fmt: skip
    _refused(scene, "a charge with HOTEL-B's token by a key for HOTEL-A",
             lambda: pms.charge_form(intent(scene.token("hilltop")), key=scene.narrow),
             422, "token_unknown")  # fmt: skip
    _refused(scene, "a push of JSON that ends too early",
             lambda: _cut_push(scene), 400, "message_malformed")  # fmt: skip
    _refused(scene, "a push in which a member stands twice",
             lambda: _double_push(scene), 400, "message_forbidden")  # fmt: skip
    story.check("requests that reached a partner", len(sandbox.received.requests()), 0)


def partners(scene: Scene) -> None:
    """Faults of what partners answer: the PMS gets a code instead."""
    story, pms = scene.story, scene.pms
    story.chapter(
        "Refused: what a partner should not have answered",
        "An answer in which a card could hide is not passed on; the PMS is told why with a 502.",
    )
    for what, hotel, code in (
        ("130 KB of gzip that unpack to 128 MB", "BOMB", "body_too_large"),
        ("XML that is not well-formed, with a card in it", "MALFORMED", "message_malformed"),
        ("a card number hidden in a DTD's entity", "DOCTYPE", "message_forbidden"),
        ("a Content-Encoding that nobody knows", "CODING", "coding_not_supported"),
        ("an error page with a card in it", "HTMLCARD", "message_malformed"),
        ("garbage instead of HTTP", "STATUSLINE", "upstream_invalid"),
        ("an answer that is cut off", "CUT", "upstream_invalid"),
    ):
        _refused(scene, what, partial(pms.pull, hotel), 502, code)
    story.check("afterwards a pull works as before", scene.counted(pms.pull("CVC")).status, 200)


def allowed(scene: Scene) -> None:
    """A host that no rule names; `refused` says what would let it through."""
    story, gateway = scene.story, scene.gateway
    story.chapter(
        "A partner that no rule names yet",
        "The PMS wants to post a report to a new partner. The gateway does not even connect.",
        "`card-gateway refused` shows the operator what was refused and the YAML that allows it.",
    )
    scene.sandbox.received.clear()
    story.check("the connection is refused", _report(scene), "403")
    story.check("requests that reached the partner", len(scene.sandbox.received.requests()), 0)
    found = wait_for(lambda: _suggestion(scene) is not None)
    story.check("the operator's list has it", found)
    suggestion = _suggestion(scene)
    if suggestion is not None:
        told = gateway.output("refused")
        part = next((part for part in told.split("\n\n") if _new_host(scene) in part), "")
        story.show(part)
        story.check("it prints the YAML to paste", suggestion.yaml in told)


def edited(scene: Scene) -> None:
    """Rules are saved while the gateway runs: first a bad file, then a good one."""
    story, gateway = scene.story, scene.gateway
    suggestion = _suggestion(scene)
    if suggestion is None:
        raise NoSequel("`refused` has nothing to paste")
    name, yaml = Path(suggestion.file).stem, suggestion.yaml
    story.chapter(
        "The operator edits the rules while the gateway runs",
        "The operator pastes the YAML into a new file, first with a slip of the hand: `metods`.",
        "The gateway names the mistake and keeps the old rules; the mended file is in force "
        "within a second or two.",
    )
    gateway.write_pack(name, yaml.replace("methods:", "metods:"))
    noticed = wait_for(lambda: bool(gateway.events("rules_not_loaded")), _RELOAD_SECONDS)
    story.check("the mistake is noticed", noticed)
    problems = [p for event in gateway.events("rules_not_loaded") for p in event["problems"]]
    story.show(
        "\n".join(str(problem) for problem in problems).replace(f"{gateway.rules}/", "rules/")
    )
    named = any(f"{name}.yaml:" in str(p) and "methods" in str(p) for p in problems)
    story.check("with file and line, and what was meant", named)
    story.check("the old rules still work", scene.counted(scene.pms.pull("CVC")).status, 200)
    story.check("and the new partner is still refused", _report(scene), "403")
    gateway.write_pack(name, yaml)
    began = time.monotonic()
    loaded = wait_for(lambda: bool(gateway.events("rules_loaded")), _RELOAD_SECONDS)
    story.check("the mended file is taken", loaded)
    story.check("soon", time.monotonic() - began < 5.0)
    story.check("the report reaches the new partner", _report(scene), "200")
    story.check("the old rules still work", scene.counted(scene.pms.pull("CVC")).status, 200)


def _refused(scene: Scene, what: str, ask: Callable[[], Answer], status: int, code: str) -> None:
    answer = ask()
    got = f"{answer.status} {answer.code or 'without a code'}"
    scene.refused.append(answer.code)
    scene.story.check(what, got, f"{status} {code}")
    if answer.clear:
        scene.story.check(f"{what}: clear numbers in the refusal", answer.clear, 0)


def _cut_push(scene: Scene) -> Answer:
    body = f'{{"booking": {{"guarantee": {{"card_number": "{VISA}"'
    return scene.pms.push("/push/channex", body, X_Push_Key=scene.gateway.secret("push-key"))


def _double_push(scene: Scene) -> Answer:
    body = f'{{"booking": {{"guarantee": {{"card_number": "{VISA}", "card_number": "none"}}}}}}'
    return scene.pms.push("/push/channex", body, X_Push_Key=scene.gateway.secret("push-key"))


def _new_host(scene: Scene) -> str:
    return f"pms.sandbox.test:{scene.sandbox.ports['pms']}"


def _report(scene: Scene) -> str:
    """Posts the report; the status of the answer, or of the refused CONNECT."""
    try:
        return str(scene.pms.post(f"https://{_new_host(scene)}/report", '{"rooms": 12}').status)
    except httpx.ProxyError as refusal:
        return str(refusal).partition(" ")[0]


def _suggestion(scene: Scene) -> Suggestion | None:
    """What `refused` has for the new partner, once the gateway has written it down."""
    host, _, port = _new_host(scene).partition(":")
    with scene.gateway.vault() as vault:
        rows = vault.refusals.all()
    fitting = [row for row in rows if row.host == host and str(row.port) == port]
    return suggest(fitting[0]) if fitting else None
