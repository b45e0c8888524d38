"""What a processor's file says, once it is loaded: frozen objects, with nothing of YAML left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.codecs.document import Format
from gateway.codecs.paths import Path
from gateway.exchange import Authority
from gateway.processors.model import Ended, Initiator, Operation
from gateway.processors.template import Body, FormBody, JsonBody, Template
from gateway.rules.model import Source

ANY = "*"  # in the place of a text: any that is not empty

Where = tuple[tuple[Path, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class End:
    """What an answer means that has one of these statuses (none: any), and these texts in these
    places, all of them. `absent`: that there is no such charge; it ends FAILED."""

    statuses: frozenset[int]
    where: Where
    ended: Ended
    consumed: bool
    absent: bool = False


@dataclass(frozen=True, slots=True)
class ChallengeShape:
    """Where a challenge stands. `back`: the form's field that takes our own address."""

    kind: Literal["redirect", "form", "html"]
    url: Path | None
    fields: tuple[tuple[str, Path], ...]
    html: Path | None
    base64: bool
    back: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How an answer is read. The first of `ends` that fits says what it means; none: `unknown`.
    `amounts`: where the sum stands that was moved or is held, by how it ended.
    """

    format: Format
    id: Path | None
    declines: tuple[Path, ...]
    network_transaction_id: Path | None
    challenges: tuple[ChallengeShape, ...]
    ends: tuple[End, ...]
    amounts: Mapping[Ended, Path]
    currency: Path | None


@dataclass(frozen=True, slots=True)
class Also:
    """What is sent besides for some orders (empty: for any)."""

    initiators: frozenset[Initiator]
    exemptions: frozenset[str]
    body: FormBody | JsonBody


@dataclass(frozen=True, slots=True)
class Request:
    """One request: where it goes, and what is in it. `path` holds the query."""

    method: str
    authority: Authority
    path: Template
    headers: tuple[tuple[str, Template], ...]
    body: Body | None
    also: tuple[Also, ...]
    needs: frozenset[str]  # places that must have a value
    known_as: Template | None  # what it is found by later, where no answer names it
    answer: Answer
    source: Source
    keep: tuple[tuple[str, Path], ...] = ()
    uses_customer: bool = False


@dataclass(frozen=True, slots=True)
class Customer:
    """How the processor's own token for a card is made; `gone`: answers that say it is no more."""

    steps: tuple[Request, ...]
    gone: tuple[Where, ...]


@dataclass(frozen=True, slots=True)
class ProcessorRules:
    """One processor's file. Of an operation's requests the first whose path can be filled is sent."""

    name: str
    about: str
    source: str
    file: str
    credentials: tuple[str, ...]
    exponents: Mapping[str, int]
    basic: tuple[Template, Template] | None
    customer: Customer | None
    operations: Mapping[Operation, tuple[Request, ...]]
    digest: str = ""  # SHA-256 of the file

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request that it may make."""
        steps = self.customer.steps if self.customer else ()
        return (*steps, *(one for each in self.operations.values() for one in each))
