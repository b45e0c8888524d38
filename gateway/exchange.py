"""One request and its response, as the pipeline sees them: no mitmproxy, no sockets."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Literal

from gateway.audit import Entry
from gateway.headers import Headers

if TYPE_CHECKING:
    from gateway.access.clients import Admission
    from gateway.cards.token import Token
    from gateway.channel import Channel
    from gateway.codecs.document import Document
    from gateway.rules.model import Route
    from gateway.vault.answer import FailedCard
    from gateway.vault.model import Found

Address = IPv4Address | IPv6Address
Listener = Literal["proxy", "endpoints"]

_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_SUPPLIED_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,63}")


def new_id() -> str:
    """96 random bits as 24 letters: no digits, so that no id ever looks like a card number."""
    return secrets.token_hex(12).translate(_LETTERS)


@dataclass(frozen=True, slots=True)
class Authority:
    """A scheme, host and port, each normalised: lower case, IDNA, no trailing dot, port explicit."""

    scheme: Literal["http", "https"]
    host: str
    port: int

    def __str__(self) -> str:
        default = {"http": 80, "https": 443}[self.scheme]
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is on the client's socket. `certificate` is its SHA-256 (hex), verified, or None."""

    address: Address
    listener: Listener
    tls: bool
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class Tunnel:
    """What a CONNECT asked for, and who asked. `admission` is None when it carried no key."""

    host: str
    port: int
    admission: Admission | None
    address: Address | None = None  # the client's, where a trusted proxy stands before us


@dataclass(frozen=True, slots=True)
class Blind:
    """A CONNECT to a `tunnel:` host: its bytes pass unseen, its address is checked all the same."""

    host: str
    port: int


@dataclass(slots=True)
class Request:
    """A request's parts. `path` begins with `/` and holds the query. `body` is as it was sent."""

    method: str
    authority: Authority | None  # None on the endpoints listener until a route gives one
    path: str = field(repr=False)
    headers: Headers
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Response:
    """A response's parts; `body` is as it was sent."""

    status: int
    reason: str = field(repr=False)
    headers: Headers
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Counts:
    """What happened to the cards of one exchange: `X-Gateway-Cards` and the metrics read it."""

    found: int = 0
    tokenized: int = 0
    detokenized: int = 0
    exchanged: int = 0  # our tokens that became the processor's own
    failed: int = 0
    left: int = 0  # already masked, sentinels, foreign tokens: left alone
    ask_again: int = (
        0  # all zeros: left alone, and the partner wants to be asked for the card again
    )
    failures: tuple[FailedCard, ...] = ()  # the first of those that failed
    carried: int = 0  # tokens that bookings without a card got again
    not_carried: int = 0  # such bookings that got none
    guarded: int = 0  # masked by the guard outside of every shape
    echoed: int = 0  # cards that this exchange put in, turned back into their alias

    def copy(self) -> Counts:
        """Another one, with the same numbers."""
        return Counts(
            self.found, self.tokenized, self.detokenized, self.exchanged, self.failed,
            self.left, self.ask_again, self.failures, self.carried, self.not_carried,
            self.guarded, self.echoed,
        )  # fmt: skip


@dataclass(slots=True)
class Seen:
    """What one message was found to hold whose cards become tokens. What a partner sends is compared with
    what it sent before (`drift`): so bookings without a card count, too."""

    bookings: int = 0
    with_card: int = 0  # of the bookings
    cards: int = 0
    left_alone: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Use:
    """A token, or a kept answer, that this exchange asked the vault to open; its intent is durable,
    its end is not."""

    intent: Entry
    product: str
    resolved: bool


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A token of ours whose place the processor's own pair took in this exchange."""

    token: Token
    product: str
    processor: str
    iduser: str
    tokenuser: str = field(repr=False)


@dataclass(slots=True)
class Exchange:
    """All that is known of one exchange; each stage fills in its part."""

    peer: Peer
    request: Request
    tunnel: Tunnel | None = None
    id: str = field(default_factory=new_id)
    sent: bool = False  # a part of the request was written to upstream, whatever of it arrived
    response: Response | None = None
    admission: Admission | None = None
    let_in: bool = False  # every credential that its route asks for was shown, in head and body
    route: Route | None = None
    channel: Channel | None = None  # whose protocol the caller speaks, where it is not the target's
    endpoint_path: str = ""  # what the caller asked of the endpoints listener
    client: Address | None = None  # whose request it is; see `origin`
    test_host: bool = False  # the target stands in for a partner's: test tokens may go there
    product_named: str | None = None  # X-Gateway-Product
    product_fixed: bool = False  # the channel's request names it: cards go nowhere else
    turn: tuple[str, str] | None = None  # what of this system nobody else may ask for meanwhile
    poll: bytes | None = None  # a hash of what is asked for, where the same poll is recognised
    replays: str = ""  # the refused exchange whose answer this one lets through today's rules
    came: datetime | None = None  # when that one was refused
    kept: bool = False  # its rewritten answer is in the inbox
    handing: tuple[str, str] | None = None  # (client, exchange): the answer that it hands over
    again: str = ""  # the exchange whose kept answer this one gets
    known: dict[str, str] = field(default_factory=dict, repr=False)  # PAN → what may be shown
    not_cards: set[str] = field(
        default_factory=set, repr=False
    )  # digits that a rule calls harmless
    uses: list[Use] = field(default_factory=list)
    held: list[Found] = field(default_factory=list, repr=False)  # whose security code was taken
    pairs: list[Exchanged] = field(default_factory=list)
    # What was parsed, with its size, to be closed at the end.
    documents: list[tuple[int, Document]] = field(default_factory=list, repr=False)
    counts: Counts = field(default_factory=Counts)
    seen: dict[str, Seen] = field(default_factory=dict)  # phase → what was read
    seconds: dict[str, float] = field(
        default_factory=dict
    )  # Server-Timing: upstream, gateway, vault

    def rename(self) -> None:
        """Gives it a fresh id: the one that the client chose names another exchange already."""
        self.id = new_id()

    @property
    def origin(self) -> Address:
        """The client's address: what a trusted proxy said, else the socket's peer."""
        return self.client or self.peer.address


def supplied_id(value: str | None) -> str | None:
    """The exchange id that a client supplied, when it has the shape of one.

    It stands in log, audit and answers, so nothing like a card number is taken: at most eight digits.
    """
    if value is None or not _SUPPLIED_ID.fullmatch(value):
        return None
    return value if sum(sign.isdigit() for sign in value) <= 8 else None
