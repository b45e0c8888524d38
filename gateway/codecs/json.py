"""JSON documents: places as byte spans, changes as splices. The format is RFC 8259.

`json_select.py` finds the places and says what is refused of them, `json_edits.py` writes; here is what a change
means. Number spelling, key order, white space and escapes of everything that no change names stay as they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from gateway.codecs.document import Add, Change, Insert, Members, Node, Remove, Set
from gateway.codecs.edits import Edit, Spliced, apply_edits
from gateway.codecs.embedded import Embedded
from gateway.codecs.json_contents import Entry
from gateway.codecs.json_edits import (
    MadeObject,
    Member,
    Plan,
    blank_of,
    carry_out,
    number_or_string,
    string,
)
from gateway.codecs.json_scan import Scan
from gateway.codecs.json_select import QUOTE, JsonPlaces, entry_of
from gateway.codecs.json_string import written_in
from gateway.codecs.template import fill
from gateway.errors import MessageForbidden, MessageUnfit


def open_json(body: bytes) -> JsonDocument:
    """Reads `body`. Raises `MessageMalformed` or `MessageForbidden`."""
    return JsonDocument(Scan(body))


class JsonDocument(JsonPlaces):
    """One JSON message; fulfils `gateway.codecs.document.Document`."""

    __slots__ = ()

    def splice(self, changes: Iterable[Change]) -> Spliced:
        edits: list[Edit] = []
        plans: dict[int, Plan] = {}
        made: dict[tuple[int, str], MadeObject] = {}
        written: set[int] = set()
        for change in changes:
            match change:
                case Set():
                    at = entry_of(change.node).value
                    if at in written:  # two empty texts would not overlap
                        raise MessageUnfit
                    written.add(at)
                    edits.append(_set(change, self._scan.body))
                case Remove():
                    place = entry_of(change.node)
                    if place.parent >= 0 and not self._scan.is_object(place.parent):
                        edits.append(self._emptied(place))
                    else:
                        plans.setdefault(place.parent, Plan()).removed.append(place)
                case Add():
                    self._plan_add(change, plans, made)
                case _:
                    edits += self._plan_insert(change, plans)
        for (container, name), new in made.items():
            text = new.written(blank_of(self._scan, container))
            if new.there is None:
                plans[container].added.append(Member(string(name), text, new.after))
            else:
                edits.append(Edit(new.there.value, new.there.end, text))
        for container, plan in plans.items():
            edits += carry_out(self._scan, container, self._names.get(container), plan)
        return apply_edits(self._scan.body, edits)

    def embedded(self, nodes: Sequence[Node]) -> list[Embedded]:
        """Of strings. Nothing stands in `null`; any other value is no text."""
        return [self._embedded(entry_of(node)) for node in nodes]

    def apply(self, edits: Iterable[Edit]) -> Spliced:
        return apply_edits(self._scan.body, edits)

    def _emptied(self, item: Entry) -> Edit:
        """An item of a list goes, and its place stays: readers count the others from the first."""
        is_text = self._scan.body[item.value] == QUOTE
        return Edit(item.value, item.end, b'""' if is_text else b"null")

    def _embedded(self, entry: Entry) -> Embedded:
        body = self._scan.body
        if entry.container < 0 and body[entry.value : entry.end] == b"null":
            return Embedded(body, [])
        if entry.container >= 0 or body[entry.value : entry.value + 1] != b'"':
            raise MessageForbidden
        return Embedded(body, [written_in(entry.value + 1, entry.end - 1)])

    def _plan_add(
        self, change: Add, plans: dict[int, Plan], made: dict[tuple[int, str], MadeObject]
    ) -> None:
        parent, names = self._way(change)
        container = self._object(parent)
        plan = plans.setdefault(container, Plan())
        beside = entry_of(change.beside)
        after = beside if beside.parent == container else None
        value = number_or_string(change.text) if change.number else string(change.text)
        first, *others = names
        there = self._member(container, first.encode())
        if others:
            if (container, first) not in made:
                if there is None:
                    plan.names.take(first)
                made[container, first] = MadeObject(after, there)
            made[container, first].put(others, value)
            return
        if there is not None:
            raise MessageUnfit
        plan.added.append(Member(string(plan.names.take(first)), value, after))

    def _way(self, change: Add) -> tuple[Node, list[str]]:
        """The last place on an addition's way that is there, and the names from there on. A `null` is
        not: whoever has nothing to say of a card's part may write it so."""
        steps = change.path.steps
        for there in range(len(steps) - 1, -1, -1):
            found = self.select(replace(change.path, steps=steps[:there]), change.within)
            if not found or (there and self._is_null(found[0])):
                continue
            names = [step.name for step in steps[there:] if step.axis == "member" and step.name]
            if len(found) != 1 or len(names) != len(steps) - there:
                break
            return found[0], names
        raise MessageUnfit

    def _is_null(self, node: Node) -> bool:
        entry = entry_of(node)
        return self._scan.body[entry.value : entry.end] == b"null"

    def _plan_insert(self, change: Insert, plans: dict[int, Plan]) -> Iterator[Edit]:
        """Plans the new members; answers the edits of those that exist and are overwritten."""
        if not isinstance(change.content, Members):
            raise MessageUnfit
        container = self._object(change.parent)
        plan = plans.setdefault(container, Plan())
        for name_template, template in change.content.items:
            name = fill(name_template, change.values, change.position)
            name = plan.names.take(name, change.position)
            value = string(fill(template, change.values, change.position))
            existing = self._member(container, name.encode())
            if existing is not None:
                yield Edit(existing.value, existing.end, value)
            else:
                plan.added.append(Member(string(name), value))

    def _object(self, node: Node) -> int:
        container = entry_of(node).container
        if container < 0 or not self._scan.is_object(container):
            raise MessageUnfit
        return container


def _set(change: Set, body: bytes) -> Edit:
    entry = entry_of(change.node)
    if entry.container >= 0:
        raise MessageUnfit
    value = number_or_string(change.text) if change.number else string(change.text)
    if value[0] == QUOTE == body[entry.value]:  # its quotes stay, however an envelope spells them
        return Edit(entry.value + 1, entry.end - 1, value[1:-1])
    return Edit(entry.value, entry.end, value)
