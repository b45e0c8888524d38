"""Chapters about running it: start, metrics, stop, and the search through all it wrote."""

from __future__ import annotations

import threading
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from gateway.cli.demo_gateway import packs_in, wait_for
from gateway.cli.demo_inbox import CARDS
from gateway.cli.demo_pms import Answer, tokens
from gateway.cli.demo_scan import Looked, finds_a_decoy, look
from gateway.cli.demo_scene import Scene
from gateway.sandbox.cards import AMEX, MASTERCARD, VISA, VISA_TWO, generated
from gateway.sandbox.processor_payments import CHALLENGED

_PLAYED: Final = frozenset(
    {VISA, VISA_TWO, MASTERCARD, AMEX, CHALLENGED, *(generated(number) for number in range(CARDS))}
)
_PREFIX: Final = "card_gateway_"
_PAID: Final = {  # how many cards each route was to put in
    "stripe/charge": 2,
    "adyen/checkout-test": 1,
    "bookingsync/execute": 1,
    "expedia-rapid/book-test": 1,
    "expedia-rapid/change-payment-test": 1,
    "sandbox/cards": 1,
}
_SLOW_HOTEL: Final = "SLOW"  # SiteMinder answers it after two seconds
_LOG: Final = "gateway.log"
_VAULT: Final = ("state/vault.db", "state/vault.db-wal")
_TABLES: Final = frozenset({"card", "link", "audit", "answer_body"})


def start(scene: Scene) -> None:
    """Who is there."""
    story, gateway = scene.story, scene.gateway
    story.chapter(
        "The gateway runs",
        "On this machine, on free ports, in a directory of its own; beside it simulated partners: "
        "SiteMinder, Channex, Stripe, Adyen, BookingSync, Expedia Rapid, and a PMS. All card numbers are published test numbers.",
    )
    story.show("\n".join(f"{name:<10} {address}" for name, address in gateway.addresses.items()))
    story.check("it says that it is ready", scene.pms.get("control", "/readyz").status, 200)
    story.check("cards in its vault", scene.kept(), {})


def metrics(scene: Scene) -> None:
    """What Prometheus scrapes."""
    story = scene.story
    story.chapter(
        "What Prometheus sees",
        "The metrics count exchanges, cards and refusals by the names of rules and by codes, "
        "never by anything that a message held.",
    )
    text = scene.pms.get("metrics", "/metrics").text
    values = {
        (sample.name.removeprefix(_PREFIX), frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    shown = ("cards_total", "refused_total", "guard_findings_total", "rules_reload_failures_total")
    story.show(
        "\n".join(
            line.removesuffix(".0")
            for line in text.splitlines()
            if line.startswith(tuple(_PREFIX + name for name in shown))
        )
    )

    def value(name: str, *labels: str) -> int:
        return int(values.get((name, frozenset(labels)), 0))

    tokenized = value("cards_total", "siteminder/pull", "tokenize", "done")
    story.check("cards tokenised in pulls, as the PMS was told", tokenized, scene.tokenized)
    used = {route: value("cards_total", route, "detokenize", "done") for route in _PAID}
    story.check("cards put into payments and bookings", used, _PAID)
    # At least: refused connections and the push with a wrong password are counted, too.
    uncounted = [
        code
        for code in sorted(set(scene.refused))
        if value("refused_total", code) < scene.refused.count(code)
    ]
    story.check("refusals of this story that are not counted", uncounted, [])
    story.check("rules files with a mistake", value("rules_reload_failures_total"), 1)
    story.check("clear numbers among the metrics", look_at(text), 0)


def scan_running(scene: Scene) -> None:
    """The search, while the database's write-ahead log is still there."""
    story = scene.story
    story.chapter(
        "Is there a card number in anything that it wrote?",
        "Every file is searched with what `card-gateway scan` uses: logs, settings, keys, the "
        "vault's tables, and the write-ahead log that lies beside them while it runs."
        if scene.gateway.database is None
        else "Every file is searched with what `card-gateway scan` uses: logs, settings, keys; and "
        "every value of every table that the vault has in PostgreSQL.",
    )
    story.check("the search finds a number that is put there for it", finds_a_decoy(VISA))
    _search(scene, _VAULT)


def stop(scene: Scene) -> None:
    """SIGTERM while a pull is on its way."""
    story, gateway = scene.story, scene.gateway
    story.chapter(
        "A clean stop",
        "The gateway is told to stop while SiteMinder still thinks about a pull.",
        "The pull is finished first, with its token; then the gateway leaves.",
    )
    answers: list[Answer] = []
    running = threading.Thread(target=_pull_slowly, args=(scene, answers))
    scene.sandbox.received.clear()
    running.start()
    arrived = wait_for(lambda: bool(scene.sandbox.received.requests("siteminder")))
    story.check("the pull has reached SiteMinder", arrived)
    gateway.terminate()
    running.join()
    ended = gateway.wait()
    story.check("its answer arrives all the same", [one.status for one in answers], [200])
    story.check("with its token", [len(tokens(one.text)) for one in answers], [1])
    story.check("the gateway leaves by itself, exit code", ended.code, 0)
    story.check("its last line in the log says so", len(gateway.events("stopped")), 1)


def scan_all(scene: Scene) -> None:
    """The same search over everything that is left."""
    scene.story.chapter(
        "The same search, over all that is left behind",
        "Nothing that the gateway wrote, from its first to its last moment, holds a card number.",
    )
    _search(scene, _VAULT[:1])


def look_at(text: str) -> int:
    """How many clear numbers stand in a text."""
    return Answer(0, text, httpx.Headers()).clear


def _pull_slowly(scene: Scene, answers: list[Answer]) -> None:
    try:
        answers.append(scene.pms.pull(_SLOW_HOTEL))
    except httpx.HTTPError:
        return  # that there is no answer is what the chapter then tells


def _search(scene: Scene, wanted: tuple[str, ...]) -> None:
    """`wanted`: the vault's files, where it has any. The packs are ours: their examples hold test numbers.
    They must be as they were saved.
    """
    story, gateway = scene.story, scene.gateway
    database = gateway.database
    looked: Looked = look(gateway.directory, known=_PLAYED, skip=gateway.rules, database=database)
    story.say(f"The files: {', '.join(looked.files)}.")
    vault = set(wanted) <= set(looked.files)
    if database is not None:
        story.say(f"Tables of {database} with something in them: {', '.join(looked.tables)}.")
        vault = set(looked.tables) >= _TABLES
    story.check("the log and the vault are among them", vault and _LOG in looked.files)
    story.check("files that could not be read", list(looked.unreadable), [])
    story.check("clear card numbers found", list(looked.clear), [])
    saved = packs_in(gateway.rules)
    story.check("the rules are as the operator saved them", saved == gateway.packs)
