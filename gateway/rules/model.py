"""What a rule may say, once it is loaded: frozen objects, checked, with nothing of YAML left.

`gateway/rules/load.py` builds these from the files; nothing else does. A `Route` is everything that
the pipeline needs to know about one kind of exchange.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.cards.bin_ranges import Ranges
from gateway.cards.kept import LinkTerms
from gateway.codecs.document import Element, Format, Members
from gateway.codecs.envelope import Envelope, Layout
from gateway.codecs.paths import Path
from gateway.errors import Problem

Show = Literal["mask", "last4", "alias", "digits"]
Mode = Literal["test", "live"]
Because = Literal["signed", "encrypted"]
RefusalStyle = Literal["problem", "problem-xml", "soap", "ota", "json", "text", "auto", "template"]
_NO_BINS: Final = Ranges()


@dataclass(frozen=True, slots=True)
class Source:
    """Where in which file a rule stands, for messages."""

    file: str
    line: int
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def problem(self, message: str, hint: str = "") -> Problem:
        """Something about the rule that stands here."""
        return Problem(self.file, self.line, message, hint, self.column)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a card: its places relative to the card, its spelling, its JSON type.

    A message has it at `at`, or at one of `others`; where it has none of them, `at` is added.
    """

    at: Path
    spelling: str = ""  # of an expiry or a day: MMYY …, MM, YYYY; this one is written
    number: bool = False  # JSON: written as a bare number
    others: tuple[Path, ...] = ()
    also_read: tuple[str, ...] = ()  # more spellings
    optional: bool = False  # of an expiry: a card without one is whole
    joined: bool = False  # its text is that of all places, a blank between; never written

    @property
    def places(self) -> tuple[Path, ...]:
        """Every place that the field may have, in the rule's order."""
        return (self.at, *self.others)

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every spelling that is read."""
        return (self.spelling, *self.also_read)

    @property
    def outside(self) -> tuple[Path, ...]:
        """The places that may be outside of the card's node, and so another card's, too."""
        return tuple(path for path in self.places if path.up or path.absolute)


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a token stands as two fields (relative to the card), both removed when it is used."""

    iduser: Path
    tokenuser: Path


@dataclass(frozen=True, slots=True)
class VirtualPlace:
    """Where a message tells that a card is virtual (paths relative to the card; None: nowhere)."""

    flag: Path | None = None
    raised_by: frozenset[str] = frozenset()  # what the flag then says; empty: yes, in any spelling
    active_from: Field | None = None
    active_until: Field | None = None
    balance: Path | None = None
    currency: Path | None = None
    decimals: Path | None = None  # of a balance that is written without its point
    holders: tuple[str, ...] = ()  # holder names that mean "virtual": `Bookingcom Agent`
    bins: Ranges = _NO_BINS  # numbers that mean it


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Where a card's fields stand in a message; used to read a card out and to write one in."""

    name: str
    format: Format
    card: Path  # relative to the booking, as `more_cards` are
    number: Field
    envelopes: tuple[Envelope, ...] = ()  # what the document stands in, the outermost first
    booking: Path | None = None  # None: the whole message is one booking
    expiry: Field | None = None
    expiry_month: Field | None = None
    expiry_year: Field | None = None
    cvc: Field | None = None
    cvc_required: bool = False
    holder: Field | None = None
    brand: Field | None = None
    token: TokenPlace | None = None
    hotel: Path | None = None  # relative to the booking, as are the next two
    booking_id: Path | None = None
    departure: Field | None = None
    virtual: VirtualPlace | None = None
    foreign: bool = False  # the number's place holds a token of the partner's own
    show: Show = "mask"
    keep: frozenset[str] = frozenset()  # field names that detokenising leaves as the caller sent
    sentinels: frozenset[str] = frozenset()  # numbers that say "no card", beyond the usual ones
    not_cards: tuple[Path, ...] = ()  # absolute: places whose digits are known not to be cards
    more_cards: tuple[Path, ...] = ()  # cards stand at these, too

    @property
    def cards(self) -> tuple[Path, ...]:
        """Every path that leads to cards."""
        return (self.card, *self.more_cards)

    @property
    def layout(self) -> Layout:
        """How a message is read to get to the cards."""
        return Layout(self.format, self.envelopes)

    @property
    def expires_outside(self) -> bool:
        """Whether an expiry, or a part of it, may stand where another card has its own."""
        fields = (self.expiry, self.expiry_month, self.expiry_year)
        return any(field.outside for field in fields if field is not None)


@dataclass(frozen=True, slots=True)
class Inserted:
    """One thing that is inserted: into which place, how often, from which template.

    `into` is relative to the booking, or with `of="card"` to the card. A place that is missing is
    the booking itself.
    """

    into: Path
    each: Literal["card", "booking"]
    content: Element | Members
    of: Literal["booking", "card"] = "booking"


@dataclass(frozen=True, slots=True)
class Tokenize:
    """What becomes of the cards in one direction of a route."""

    shapes: tuple[Shape, ...]
    insert: tuple[Inserted, ...] = ()  # for each card that got a token / booking with card data
    on_failure: tuple[Inserted, ...] = ()  # for each card that got none
    errors: Mapping[str, str] = field(default_factory=dict)  # Failure → the text of `{error}`
    header: str | None = None  # response header that carries the tokens, each with its place
    carry_forward: bool = False  # a booking without a card gets the tokens that it had last
    retention: LinkTerms | None = None  # of the cards that come; None: as their product says


@dataclass(frozen=True, slots=True)
class Harmless:
    """`not_cards:` of a message: places whose digits are no card numbers, whatever they look like."""

    format: Format
    at: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Opaque:
    """A body that is refused, for the gateway can not look into it or may not change it.

    With `at`, in which one of these places holds something; without, any body."""

    format: Format | None = None  # of `at`
    at: tuple[Path, ...] = ()
    because: Because | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a token stands as two fields, without a card (relative to `at`)."""

    name: str
    format: Format
    at: Path
    iduser: Field
    tokenuser: Field

    @property
    def layout(self) -> Layout:
        """How a message is read to get to the pair."""
        return Layout(self.format)


@dataclass(frozen=True, slots=True)
class Said:
    """A place of an answer, and the texts that it may hold."""

    at: Path
    texts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Issuer:
    """How a processor is asked for its own token for a card: a POST to `path`, at the very host that
    the caller's request goes to. JSON both ways."""

    id: str  # `system/name`
    path: str
    headers: tuple[str, ...]  # of the caller's request, sent along
    copied: tuple[str, ...]  # fields that stand beside the caller's pair, sent along
    members: tuple[tuple[str, str], ...]  # name → template
    issued: Said  # what the answer says when there is a token
    iduser: Path
    tokenuser: Path


@dataclass(frozen=True, slots=True)
class PairExchange:
    """In a request: our pair becomes the processor's own. In a response: the other way round."""

    pairs: tuple[Pair, ...]
    issuer: Issuer | None = None  # of a request, always
    copied: tuple[tuple[str, Path], ...] = ()  # the issuer's, as paths of the pairs' format
    issue: bool = True  # a card that has none yet is sent to the issuer
    forget: Said | None = None  # in a response: the processor's own pairs are good no more


@dataclass(frozen=True, slots=True)
class Direction:
    """What happens to the request, or to the response. Nothing: it passes (and is guarded)."""

    tokenize: Tokenize | None = None
    detokenize: tuple[Shape, ...] = ()
    exchange: PairExchange | None = None
    harmless: Harmless | None = None
    opaque: Opaque | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing happens to a message, and nothing in it is looked at."""
        acts = self.tokenize or self.detokenize or self.exchange or self.opaque
        return not acts


@dataclass(frozen=True, slots=True)
class HostPattern:
    """`api.stripe.com`, or `*.siteminder.com`: any name below it, not itself. Normalised."""

    host: str  # without the `*.`
    any_below: bool

    def matches(self, host: str) -> bool:
        """Whether a normalised host fits."""
        return host.endswith("." + self.host) if self.any_below else host == self.host


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A path with `*` for one segment and a closing `**` for any rest; the query is not looked at.

    `literal` is how many characters stand before the first `*`: a longer one wins.
    """

    text: str
    literal: int


@dataclass(frozen=True, slots=True)
class Target:
    """`to:` — what a request must be sent to, scheme, host, port and path, for the route to apply."""

    scheme: Literal["http", "https"]
    host: HostPattern
    port: int
    path: PathPattern


@dataclass(frozen=True, slots=True)
class Forward:
    """`forward:` — where an endpoint's request goes. `path` may end in `**`: the part that `at:`'s
    `**` matched. The caller's query is kept."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Inbox:
    """`inbox:` — a rewritten answer is kept until the caller has it."""

    echo: Path | None = None  # in the answer: a text by which it is found again
    again: tuple[Path, ...] = ()  # in the request: what makes two polls the same one
    same_body: bool = False  # they are the same when their bodies are

    @property
    def gives_again(self) -> bool:
        """Whether the same poll gets an answer that did not arrive."""
        return self.same_body or bool(self.again)


@dataclass(frozen=True, slots=True)
class RefusalForm:
    """`refusals:` — how a refusal is told to whoever called, and with which status (None: its own).

    `wrong`: where the caller's message is at fault; `later`: where it may succeed when it is sent again.
    """

    style: RefusalStyle = "problem"
    wrong: int | None = None
    later: int | None = None
    format: Literal["xml", "json", "text"] = "text"  # of the template
    template: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of exchange. Exactly one of `to` and `at` is set; `forward` goes with `at`.

    With `protocol` both are: it is called `at` a URL, in the words of that protocol, and `to` says
    which targets such a request may name.
    """

    system: str
    name: str
    source: Source
    methods: frozenset[str]
    to: Target | None = None
    at: PathPattern | None = None
    forward: Forward | None = None
    protocol: str | None = None
    one_at_a_time: Path | None = None  # in the request: what is asked for, one request at a time
    inbox: Inbox | None = None
    keeps_pushes: bool = (
        False  # `inbox: refused`: a push that does not fit is kept for the operator
    )
    recaptures: bool = False  # its answers may ask for another card (payment_change links)
    auth: str = "key"  # `key`, or an entry under `callers:` in gateway.yaml
    product: str | None = None
    mode: Mode = "live"
    refusals: RefusalForm = RefusalForm()
    doctype: bool = False  # its XML may name an external DTD, which is never fetched
    request: Direction = Direction()
    response: Direction = Direction()

    @property
    def id(self) -> str:
        """`system/name`: the label in metrics and audit."""
        return f"{self.system}/{self.name}"

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shapes of whichever direction has some: their format is the route's."""
        tokenize = self.response.tokenize or self.request.tokenize
        return tokenize.shapes if tokenize else self.request.detokenize

    @property
    def guards_request(self) -> bool:
        """Whether the upstream may not see cards: what is pushed to it, or tokenised for it."""
        return self.auth != "key" or self.request.tokenize is not None

    @property
    def guards_response(self) -> bool:
        """Whether the caller may not see cards: whoever holds a key, or gets tokens instead."""
        return self.auth == "key" or self.response.tokenize is not None

    @property
    def scope(self) -> str:
        """The scope that a key needs for this route."""
        opens = self.request.detokenize or self.response.detokenize or self.request.exchange
        return "detokenize" if opens else "proxy"


@dataclass(frozen=True, slots=True)
class Example:
    """A message that a pack carries, and what must come of it (`card-gateway rules test`)."""

    route: str
    direction: Literal["request", "response"]
    message: str = field(repr=False)
    expect: Mapping[str, object] = field(default_factory=dict)
    source: Source = Source("", 0)


@dataclass(frozen=True, slots=True)
class Pack:
    """One system's file."""

    system: str
    about: str
    file: str
    shapes: Mapping[str, Shape]
    routes: tuple[Route, ...]
    pairs: Mapping[str, Pair] = field(default_factory=dict)
    issuers: Mapping[str, Issuer] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    format_source: str = ""  # `source:` where the format was learned
    draft: bool = False
    draft_reason: str = ""  # which part of the format is not certain
    digest: str = ""  # SHA-256 of the file


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All packs that are in force."""

    packs: tuple[Pack, ...]

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route of every pack."""
        return tuple(route for pack in self.packs for route in pack.routes)
