"""How a file says that answers are read, from its checked YAML to the objects of `rules.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from gateway.codecs.document import Format
from gateway.codecs.paths import Path, PathError, parse_path
from gateway.processors.model import STATING, Ended, Operation
from gateway.processors.rules import Answer, ChallengeShape, End, Where
from gateway.processors.schema import (
    AmountEntry,
    AnswerEntry,
    ChallengeEntry,
    EndEntry,
    several,
)
from gateway.rules.notes import Notes, Place
from gateway.yaml_model import suggest

NOWHERE: Final = Path(".", ())
_UNREADABLE: Final = Answer("json", None, (), None, (), (), MappingProxyType({}), None)

# What an operation can come to. The last four are for all of them.
_MAY_END: Final[Mapping[Operation, frozenset[Ended]]] = {
    Operation.CUSTOMER: frozenset({Ended.SUCCEEDED}),
    Operation.AUTHORIZE: frozenset(
        {Ended.PENDING, Ended.CHALLENGED, Ended.AUTHORIZED, Ended.SUCCEEDED}
    ),
    Operation.CAPTURE: frozenset({Ended.PENDING, Ended.SUCCEEDED}),
    Operation.DEBIT: frozenset(
        {Ended.PENDING, Ended.CHALLENGED, Ended.AUTHORIZED, Ended.SUCCEEDED}
    ),
    Operation.REFUND: frozenset({Ended.PENDING, Ended.REFUNDED}),
    Operation.CANCEL: frozenset({Ended.PENDING, Ended.CANCELLED}),
    Operation.LOOK: frozenset(Ended),
}
_ALWAYS: Final = frozenset({Ended.DECLINED, Ended.FAILED, Ended.UNKNOWN})


class AnswerCompiler:
    """The `answers:` of one file; what is wrong with them is noted."""

    def __init__(self, entries: Mapping[str, AnswerEntry], notes: Notes) -> None:
        self._entries, self._notes = entries, notes
        self._answers = {name: self._answer(name, (name,)) for name in entries}

    def of(self, name: str, operation: Operation, place: Place) -> Answer:
        """The answer of that name, which must be one that the operation can have."""
        answer = self._answers.get(name)
        if answer is None:
            self._notes.add(place, f"unknown answer `{name}`{suggest(name, self._answers)}")
            return _UNREADABLE
        may = _MAY_END[operation] | _ALWAYS
        for end in answer.ends:
            if end.ended not in may:
                message = (
                    f"`{operation.value}` can not end as `{end.ended.value}`, as `{name}` says"
                )
                hint = f"It ends as {', '.join(sorted(one.value for one in may))}."
                self._notes.add(place, message, hint)
        if operation is not Operation.LOOK and any(end.absent for end in answer.ends):
            message = f"`{operation.value}` can not end as `absent`, as `{name}` says"
            self._notes.add(place, message, "It is what `look` may find.")
        if not may & _MAY_END[operation] & {end.ended for end in answer.ends}:
            self._notes.add(place, f"nothing in `{name}` says that `{operation.value}` went well")
        return answer

    def path(self, text: str, format: Format, place: Place) -> Path | None:
        """A path; None where it is none, which is noted."""
        try:
            return parse_path(text, format)
        except PathError as error:
            self._notes.add(place, str(error))
            return None

    def _answer(self, name: str, seen: Sequence[str]) -> Answer:
        entry, place = self._entries[name], ("answers", name)
        like = self._like(entry, seen, place)
        format: Format = entry.format or (like.format if like else "json")
        if like is not None and entry.format not in {None, like.format}:
            message = f"`{entry.like}` is {like.format}: both have one format"
            self._notes.add((*place, "format"), message)

        def path(text: str | None, key: str, otherwise: Path | None) -> Path | None:
            return otherwise if text is None else self.path(text, format, (*place, key))

        declines: tuple[Path, ...] = like.declines if like else ()
        if entry.decline is not None:
            declines = tuple(self._paths(entry.decline, format, (*place, "decline")))
        challenges = like.challenges if like else ()
        if entry.challenge is not None:
            challenges = tuple(
                self._challenge(one, format, (*place, "challenge", n))
                for n, one in enumerate(entry.challenge)
            )
        own = [self._end(one, format, (*place, "ends", n)) for n, one in enumerate(entry.ends)]
        ends = (*own, *(like.ends if like else ()))
        amounts = like.amounts if like else MappingProxyType({})
        if entry.amount is not None:
            amounts = self._amounts(entry.amount, ends, format, (*place, "amount"))
        return Answer(
            format=format,
            id=path(entry.id, "id", like.id if like else None),
            declines=declines,
            network_transaction_id=path(
                entry.network_transaction_id,
                "network_transaction_id",
                like.network_transaction_id if like else None,
            ),
            challenges=challenges,
            ends=ends,
            amounts=amounts,
            currency=path(entry.currency, "currency", like.currency if like else None),
        )

    def _amounts(
        self, entry: str | AmountEntry, ends: Sequence[End], format: Format, place: Place
    ) -> Mapping[Ended, Path]:
        """Where the sum stands, by how it ended: in one place, or in one for each."""
        ended = {end.ended for end in ends}
        if isinstance(entry, str):
            if not ended & set(STATING):
                self._notes.add(place, "an answer that moves nothing and holds nothing has no sum")
            one = self.path(entry, format, place)
            return MappingProxyType({} if one is None else dict.fromkeys(STATING, one))
        found = {}
        for name, text in entry.given().items():
            where = (*place, name.value)
            if name not in ended:
                self._notes.add(where, f"the answer never ends as `{name.value}`: remove it")
            path = self.path(text, format, where)
            if path is not None:
                found[name] = path
        return MappingProxyType(found)

    def _like(self, entry: AnswerEntry, seen: Sequence[str], place: Place) -> Answer | None:
        name = entry.like
        if name is None:
            return None
        if name in seen:
            self._notes.add((*place, "like"), f"`{name}` is like itself")
        elif name in self._entries:
            return self._answer(name, (*seen, name))
        else:
            guess = suggest(name, self._entries)
            self._notes.add((*place, "like"), f"unknown answer `{name}`{guess}")
        return None

    def _paths(self, texts: Sequence[str], format: Format, place: Place) -> Iterator[Path]:
        for text in texts:
            path = self.path(text, format, place)
            if path is not None:
                yield path

    def _end(self, entry: EndEntry, format: Format, place: Place) -> End:
        where = self.where(entry.where, format, (*place, "where"))
        statuses = frozenset(several(entry.http))
        if entry.as_ == "absent":
            return End(statuses, where, Ended.FAILED, entry.consumed, absent=True)
        return End(statuses, where, entry.as_, entry.consumed)

    def where(self, entry: Mapping[str, Sequence[str]], format: Format, place: Place) -> Where:
        """Places and their texts."""
        found = []
        for text, texts in entry.items():
            path = self.path(text, format, (*place, text))
            if path is not None:
                found.append((path, frozenset(texts)))
        return tuple(found)

    def _challenge(self, entry: ChallengeEntry, format: Format, place: Place) -> ChallengeShape:
        def path(text: str | None, key: str) -> Path | None:
            return None if text is None else self.path(text, format, (*place, key))

        fields = tuple(
            (name, self.path(text, format, (*place, "fields", name)) or NOWHERE)
            for name, text in entry.fields.items()
        )
        url, html = path(entry.url, "url"), path(entry.html, "html")
        return ChallengeShape(entry.kind, url, fields, html, entry.base64, entry.back)
