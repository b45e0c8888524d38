"""What happened after a backup: the audit of the vault that was lost, put behind the backup's own.

It comes from the lines that a sink got, or from the old database, and is believed only as far as the chain
holds, from the entry on that the backup ends with:

1. Each entry and each anchor that is taken follows, by its keyed hash, one that is there already (`chain`).
   A line that follows none was changed or made up; then nothing is restored.
2. The newest entry of the backup must be among the lines: they are this vault's, and reach back far enough.
3. Of one that was written and not committed a sink has a line, too. Where two claim one place the one that
   others follow is the one that happened, else the one written later.
4. What is put in is checked once more, as the whole audit is (`chain_check`): a line that is missing from
   between is a finding that the backup has not, and nothing is restored.

What nobody can tell is whether lines are missing at the very end of files, unless somebody noted an entry
down. A database notes by itself how far it came.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from gateway.errors import BackupRefused
from gateway.vault import anchors
from gateway.vault.audit_line import AnchorLine, Line
from gateway.vault.chain import Anchor, Chain, Head, read_heads, write_heads
from gateway.vault.chain_check import Finding, Report, Row, check
from gateway.vault.copying import Progress, counting, unseen
from gateway.vault.database import Connection
from gateway.vault.lost_lines import Lines
from gateway.vault.sqlite.spool import Entries, Followed, Stored

T = TypeVar("T", Line, AnchorLine)

_HEADS: Final = (
    "SELECT audit.writer, audit.seq, audit.hash FROM audit JOIN"
    " (SELECT writer, max(seq) AS seq FROM audit WHERE writer IS NOT NULL GROUP BY writer) AS last"
    " ON audit.writer = last.writer AND audit.seq = last.seq"
)
_NEWEST: Final = "SELECT id, hash FROM audit WHERE hash IS NOT NULL ORDER BY id DESC LIMIT 1"
_COLUMNS: Final = (
    "at, exchange, action, outcome, client, key, origin, route, product, iduser, booking,"
    " detail, subject, id, writer, seq, hash"
)
_ADD: Final = f"INSERT INTO audit ({_COLUMNS}) VALUES ({', '.join('?' * 17)})"
_ADD_ANCHOR: Final = (
    "INSERT INTO audit_anchor (id, at, newest, through, heads, hash) VALUES (?, ?, ?, ?, ?, ?)"
)
_PURGED: Final = "DELETE FROM audit WHERE id <= ?"


def heads_of(connection: Connection) -> dict[int, Head]:
    """How far each writer came."""
    return {row[0]: Head(*row) for row in connection.execute(_HEADS)}


def newest_of(connection: Connection) -> tuple[int, str] | None:
    """The newest entry in a chain: its id, and its hash in hexadecimal."""
    row = connection.execute(_NEWEST).fetchone()
    return None if row is None else (int(row[0]), row[1].hex())


def put_behind(
    connection: Connection,
    chain: Chain,
    lines: Lines,
    expected: Row | None = None,
    progress: Progress = unseen,
) -> Stored:
    """Adds what happened after the backup to its audit, in a transaction; gives, in order, all entries that
    were written down behind the backup: those that may not have been committed, too. `expected`: an entry
    that it has to have, for somebody noted it down. `progress` is told of the entries that are checked, before and
    after.

    Raises BackupRefused where they are not all, or not as they were written.
    """
    _require_newest(newest_of(connection), lines)
    before = check(connection, chain, progress=counting(progress, "audit, checked"))
    heads = heads_of(connection)
    anchored = _anchors_behind(chain, anchors.read(connection), lines.anchors)
    entries = lines.entries
    progress("audit since, put behind", 0)
    _follow_all(chain, heads, anchored, before.purged, entries)
    for one in map(_anchor, anchored.happened):
        row = (one.id, one.at, one.newest, one.through, write_heads(one.heads), one.hash)
        connection.execute(_ADD_ANCHOR, row)
    if connection.gapless:
        _without_collisions(entries)
    connection.executemany(_ADD, map(_row, entries.happened))
    tips: dict[int | None, Line] = {}
    for line in entries.happened:
        tips[line.writer] = line
    for tip in tips.values():
        head = Head(tip.writer or 0, tip.seq or 0, bytes.fromhex(tip.hash))
        connection.came_to(head, tip.id)
    through = max((one.through or 0 for one in anchored.happened), default=0)
    if through:
        connection.execute(_PURGED, (through,))
    seen = counting(progress, "audit, checked again")
    after = check(connection, chain, expected=expected, progress=seen)
    _require_whole(before.findings, after.findings)
    _require_end(connection, lines, after)
    if expected is not None and not after.expected:
        raise _ends_early(
            f"the entry {expected.id}, which was noted down, or has another one there"
        )
    return entries.written


def _require_newest(newest: tuple[int, str] | None, lines: Lines) -> None:
    if newest is None or lines.entries.has(*newest):
        return
    raise BackupRefused(
        "audit_does_not_reach",
        f"the audit that was named has not the entry {newest[0]}, with which the backup ends",
        "Name the files that came before, too, each with --audit, the oldest first; and be sure that they are"
        " of this vault.",
    )


def _require_whole(before: Sequence[Finding], after: Sequence[Finding]) -> None:
    new = [one for one in after if one not in before]
    if not new:
        return
    raise BackupRefused(
        "audit_not_whole",
        f"the audit that was named is not whole: entry {new[0].first} is {new[0].fault.value}",
        "Name every file that the audit went to since the backup, of every node, each with --audit.",
    )


def _require_end(connection: Connection, lines: Lines, after: Report) -> None:
    """The old database has as many entries as it says that it had."""
    if lines.newest > max(connection.newest_entry(), after.purged):
        raise _ends_early(f"the entry {lines.newest}, which the old database had")
    heads = heads_of(connection)
    for head, id in lines.heads:
        there = heads.get(head.writer)
        if id > after.purged and (there is None or there.seq < head.seq):
            raise _ends_early(f"the entry {id}, which the old database had")


def _ends_early(what: str) -> BackupRefused:
    return BackupRefused(
        "audit_ends_early",
        f"the audit that was named ends too early: it has not {what}",
        "Somebody cut it off, or there are files of later: name them, too, each with --audit.",
    )


# --- what follows what ------------------------------------------------------------------------------


class _Places(Generic[T]):
    """What claims each number of one chain, in the order in which it was written, and what it follows.

    `roots`: the hashes that number 1 behind `last` may follow.
    """

    def __init__(
        self, what: str, last: int, roots: Sequence[bytes], fits: Callable[[bytes, T], bool]
    ) -> None:
        self._what, self._last = what, last
        self._fits: Callable[[bytes, T], bool] = fits
        self._claims: dict[int, list[T]] = defaultdict(list)
        self._reached: list[dict[bytes, bytes | None]] = [dict.fromkeys(roots)]
        self._made: dict[bytes, T] = {}

    def add(self, number: int, one: T) -> None:
        """One more that claims `number`."""
        if number > self._last and one not in self._claims[number]:
            self._claims[number].append(one)

    def follow(self) -> list[T]:
        """All that follow what is there. Raises BackupRefused where one does not."""
        for number in sorted(self._claims):
            if number != self._last + len(self._reached):
                raise _not_whole(self._what, self._last + len(self._reached))
            reached: dict[bytes, bytes | None] = {}
            for one in self._claims[number]:
                before = next((b for b in self._reached[-1] if self._fits(b, one)), None)
                if before is None:
                    raise _made_up(self._what, number)
                hashed = bytes.fromhex(one.hash)
                reached[hashed] = before
                self._made[hashed] = one
            self._reached.append(reached)
        return list(self._made.values())

    def happened(self, root: bytes) -> list[T]:
        """Those of them that `root` leads to: where two claim a number, the one that others follow, or the
        one written later.
        """
        for height in range(len(self._reached) - 1, 0, -1):
            for tip in reversed(self._reached[height]):
                path = self._path(tip, height)
                if path[0] == root:
                    return [self._made[hashed] for hashed in path[1:]]
        return []

    def _path(self, tip: bytes, height: int) -> list[bytes]:
        path = [tip]
        for level in range(height, 0, -1):
            before = self._reached[level][path[-1]]
            if before is not None:
                path.append(before)
        return path[::-1]


@dataclass(frozen=True, slots=True)
class _Behind(Generic[T]):
    """What happened, and what else was written down: that may not have been committed."""

    happened: list[T]
    written: list[T]


def _anchors_behind(
    chain: Chain, stands: Sequence[Anchor], lines: Iterable[AnchorLine]
) -> _Behind[AnchorLine]:
    last, hashed = (stands[-1].id, stands[-1].hash) if stands else (0, b"")
    places = _Places[AnchorLine](
        "anchor", last, [hashed], lambda before, one: chain.anchor_fits(before, _anchor(one))
    )
    for line in lines:
        places.add(line.anchor, line)
    written = places.follow()
    return _Behind(places.happened(hashed), written)


def _follow_all(
    chain: Chain,
    heads: Mapping[int, Head],
    anchored: _Behind[AnchorLine],
    purged: int,
    entries: Entries,
) -> None:
    """Of all writers. Raises BackupRefused where one does not follow."""
    roots: dict[int, list[bytes]] = {writer: [head.hash] for writer, head in heads.items()}
    for one in (*anchored.happened, *anchored.written):
        if one.through is None and bytes.fromhex(one.hash) not in roots.setdefault(one.anchor, []):
            roots[one.anchor].append(bytes.fromhex(one.hash))
    writers = entries.writers(purged)
    for writer, first in writers:
        if writer not in roots:
            raise _made_up("entry", first)
    for writer, _ in writers:
        last = heads[writer].seq if writer in heads else 0
        _follow(chain, roots[writer], last, entries.claims(writer, last, purged), entries)
        entries.choose(writer)


def _follow(
    chain: Chain,
    roots: Sequence[bytes],
    last: int,
    claims: Iterable[tuple[int, Sequence[tuple[int, Line]]]],
    entries: Entries,
) -> None:
    """One writer's, behind its number `last`: of what claims one number, what follows the number before."""
    reached = {root: place for place, root in enumerate(roots)}
    for number, (seq, claiming) in enumerate(claims, start=last + 1):
        if seq != number:
            raise _not_whole("entry", number)
        here: dict[bytes, int] = {}
        for place, one in claiming:
            before = next((b for b in reached if _fits(chain, b, one)), None)
            if before is None:
                raise _made_up("entry", number)
            here[bytes.fromhex(one.hash)] = root = reached[before]
            writer = one.writer or 0
            entries.follow(Followed(place, one.id, writer, seq, one.hash, before.hex(), root))
        reached = here


def _without_collisions(entries: Entries) -> None:
    """Where ids have no gap, one that was given twice was not committed the first time, nor was what its
    writer wrote behind it.
    """
    given: dict[int, tuple[int, int]] = {}
    for id, writer, seq in entries.collisions():
        before = given.get(id)
        if before is not None:
            entries.forget(*before)
        given[id] = writer, seq


def _fits(chain: Chain, before: bytes, one: Line) -> bool:
    return chain.fits(bytes.fromhex(one.hash), before, _row(one)[:-1])


def _not_whole(what: str, number: int) -> BackupRefused:
    return BackupRefused(
        "audit_not_whole",
        f"the audit that was named is not whole: {what} {number} of a writer is missing",
        "Name every file that the audit went to since the backup, of every node, each with --audit.",
    )


def _made_up(what: str, number: int) -> BackupRefused:
    return BackupRefused(
        "audit_made_up",
        f"{what} {number} of the audit that was named was changed, was made up, or follows one that is"
        " missing",
        "Find out who could write to it. Name the old database (--from-vault), or the files of another sink.",
    )


def _row(line: Line) -> tuple[Any, ...]:  # Any: the columns' types, as the schema gives them
    """In the order of what the hash covers, which the hash is behind."""
    id, *entry, writer, seq, hashed = line
    return (*entry, id, writer, seq, bytes.fromhex(hashed))


def _anchor(line: AnchorLine) -> Anchor:
    return Anchor(
        line.anchor,
        line.at,
        line.newest,
        line.through,
        read_heads(line.heads),
        bytes.fromhex(line.hash),
    )
