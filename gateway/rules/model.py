"""What a rule may say, once it is loaded: frozen objects, checked, with nothing of YAML left.

`gateway/rules/load.py` builds these from the files; nothing else does. A `Route` is everything that
the pipeline needs to know about one kind of exchange; what happens to its messages is in
`model_directions.py`, where they go in `model_addresses.py`, where the cards stand in `model_shapes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.codecs.paths import Path
from gateway.errors import Problem
from gateway.rules.model_addresses import Forward, PathPattern, Target
from gateway.rules.model_directions import Direction, Issuer, Pair
from gateway.rules.model_shapes import Shape

Mode = Literal["test", "live"]
RefusalStyle = Literal["problem", "problem-xml", "soap", "ota", "json", "text", "auto", "template"]
_IDLE: Final = Direction()


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
    request: Direction = _IDLE
    response: Direction = _IDLE

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
