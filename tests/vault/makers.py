"""Cards, bookings, entries and open vaults for the vault's tests."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Booking, Card, Virtual
from gateway.cards.expiry import Expiry
from gateway.cards.token import Token
from gateway.secret import Secret
from gateway.vault.answer import Answer, AnswerRow, AnswerState
from gateway.vault.kek.file import KekFile
from gateway.vault.model import Found, Kept, NewCard, Wanted
from gateway.vault.places import Place
from gateway.vault.service import Vault
from tests.postgres import copy_place, place_of, uses_postgres
from tests.vault.empty import make_empty
from tests.vault.outside import Outside, outside

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = datetime(2999, 1, 1, tzinfo=UTC)
AUGUST = Expiry(2029, 8)
PAN = "4929000000000006"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def pan(number: int) -> str:
    """Sixteen digits of their own for each number; the check digit is not right."""
    return f"49{number:014d}"


def card(
    digits: str = PAN,
    *,
    expiry: Expiry | None = AUGUST,
    holder: str | None = "Ana Example",
    cvc: str | None = "737",
) -> Card:
    return Card(
        Secret(digits),
        expiry,
        None if holder is None else Secret(holder),
        None if cvc is None else Secret(cvc),
    )


def booking(
    booking_id: str | None = "RES-1",
    *,
    departure: date | None = date(2026, 4, 1),
    virtual: Virtual | None = None,
) -> Booking:
    return Booking("siteminder", "10107", booking_id, departure, virtual)


def new(
    digits: str = PAN,
    *,
    product: str = "seaside",
    test: bool = True,
    at: Booking | None = None,
    **more,
) -> NewCard:
    return NewCard(product, test, card(digits, **more), at if at is not None else booking())


def many(count: int, seed: int = 1) -> list[NewCard]:
    start = random.Random(seed).randrange(10**13)
    return [new(pan(start + place), at=booking(f"RES-{place}")) for place in range(count)]


def entry(
    exchange: str = "exchange-1", outcome: Outcome = Outcome.DONE, *, at: datetime = NOON, **more
) -> Entry:
    return Entry(at, exchange, Action.TOKENIZE, outcome, **more)


def answer(exchange: str = "exchange-1", **more) -> Answer:
    said = {
        "exchange": exchange,
        "at": NOON,
        "expires": LATER,
        "route": "siteminder/pull",
        "client": "pms",
        "products": ("seaside",),
        "hotels": ("10107",),
        "echo": "echo-1",
        "poll": b"poll-1",
        "failed": 0,
        "failures": (),
        "status": 200,
        "headers": b"content-type: text/xml\r\n",
        "body": b"<a/>",
    }
    return Answer(**{**said, **more})


def place(directory: Path) -> Place:
    """Where the vault of `directory` is, in the store that the test is run on."""
    return place_of(directory) if uses_postgres() else directory / "state" / "vault.db"


def open_vault(directory: Path, **more) -> Vault:
    if not uses_postgres():
        make_empty(place(directory))
    return Vault.open(place(directory), KekFile(directory / "kek"), **more)


@contextmanager
def opened(directory: Path, **more) -> Iterator[Vault]:
    vault = open_vault(directory, **more)
    try:
        yield vault
    finally:
        vault.close()


@contextmanager
def rows(directory: Path) -> Iterator[Outside]:
    """The database from outside, for looking and for damaging."""
    with outside(place(directory)) as found:
        yield found


def copy_vault(directory: Path, to: Path) -> None:
    """Copies a vault that nobody has open."""
    shutil.copytree(directory, to, dirs_exist_ok=True)
    if uses_postgres():
        copy_place(directory, to)


def keep(
    vault: Vault, *cards: NewCard, entries: list[Entry] | None = None, answer=None, size=0
) -> list[Kept]:
    return asyncio.run(vault.keep(cards, entries or [], answer, size=size))


def find(
    vault: Vault, token: Token, *products: str, entries: list[Entry] | None = None
) -> Found | None:
    wanted = [Wanted(token, frozenset(products or ("seaside",)))]
    return asyncio.run(vault.find(wanted, entries or []))[0]


def find_all(vault: Vault, tokens: Iterable[Token]) -> list[Found | None]:
    """Many at once, as a message with many asks for them: one trip, where `find` makes one for each."""
    wanted = [Wanted(token, frozenset({"seaside"})) for token in tokens]
    return asyncio.run(vault.find(wanted))


def chain(error: BaseException | None) -> str:
    """Everything that a log of the exception and all it holds could show."""
    shown = ""
    while error is not None:
        shown += f"{error!r} {error.args!r} {vars(error)!r}\n"
        error = error.__cause__ or error.__context__
    return shown


def get(vault: Vault, exchange: str = "exchange-1", client: str = "pms"):
    return asyncio.run(vault.answers.open(exchange, client=client))


def get_refused(vault: Vault, exchange: str = "exchange-1", client: str = "pms"):
    return asyncio.run(vault.answers.open_refused(exchange, client=client))


def quarantine(vault: Vault, one, code: str = "card_disguised") -> None:
    asyncio.run(vault.answers.quarantine(one, code))


def mark(vault: Vault, state: AnswerState, exchange: str = "exchange-1", client="pms") -> bool:
    return asyncio.run(vault.answers.mark(exchange, state, client=client))


def listed(vault: Vault, **how) -> list[AnswerRow]:
    return asyncio.run(vault.answers.listed(**how))


def names(vault: Vault, **how) -> list[str]:
    return [row.exchange for row in listed(vault, **how)]
