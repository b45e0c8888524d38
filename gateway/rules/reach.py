"""Which paths fit some patterns and not others, worked out exactly, with a path that shows it.

The language is the one of `targets.py`, matched as `match.py` does it: `*` is one segment that is
not empty, a closing `**` any rest, the empty one too, everything else stands for itself. So what
matters of a segment is only whether it is one of the words that a pattern has there, some other
word, or nothing behind a closing slash. There are finitely many such paths to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.rules.model_addresses import PathPattern

_STARS: Final = frozenset({"*", "**", ""})
_Segments = tuple[str, ...]


def path_of(wanted: Sequence[PathPattern], avoided: Sequence[PathPattern] = ()) -> str | None:
    """A path that fits all of `wanted` and none of `avoided`; None: there is none.

    It is one that `match.py` lets pass, as short and as plain as can be.
    """
    inside, outside = [_segments(one) for one in wanted], [_segments(one) for one in avoided]
    # Beyond the longest pattern nothing changes any more.
    longest = max((len(one) for one in (*inside, *outside)), default=1)
    found = _search(inside, outside, 0, longest + 1, set())
    return None if found is None else "/" + "/".join(found)


def _segments(pattern: PathPattern) -> _Segments:
    return tuple(pattern.text.split("/")[1:])


def _search(
    wanted: Sequence[_Segments],
    avoided: Sequence[_Segments],
    at: int,
    longest: int,
    dead: set[tuple[int, tuple[_Segments, ...]]],
) -> list[str] | None:
    """The segments from `at` on; so far all of `wanted` and `avoided` fit. `dead`: which of `avoided` were
    left at a place from which no way led on; another way there with the same is not tried."""
    if at > longest or (at, tuple(avoided)) in dead:
        return None
    if any(_at(one, at) == "**" for one in avoided):
        return None  # whatever follows fits the one that is to be avoided
    for segment in _choices(wanted, avoided, at):
        inside = [one for one in wanted if _fits(_at(one, at), segment)]
        if len(inside) < len(wanted):
            continue
        outside = [one for one in avoided if _fits(_at(one, at), segment)]
        if all(_ends(one, at) for one in wanted) and not any(_ends(one, at) for one in outside):
            return [segment]
        if segment:
            rest = _search(wanted, outside, at + 1, longest, dead)
            if rest is not None:
                return [segment, *rest]
    dead.add((at, tuple(avoided)))
    return None


def _at(pattern: _Segments, at: int) -> str | None:
    """What a pattern has at a place; behind its end nothing, or more of its `**`."""
    if at < len(pattern):
        return pattern[at]
    return "**" if pattern[-1] == "**" else None


def _fits(said: str | None, segment: str) -> bool:
    return bool(segment) if said == "*" else said in {"**", segment}


def _ends(pattern: _Segments, at: int) -> bool:
    """Whether a path may end with this segment."""
    return at >= len(pattern) - 1


def _choices(wanted: Sequence[_Segments], avoided: Sequence[_Segments], at: int) -> Iterator[str]:
    """Segments that differ in what they fit: what is wanted first, then another word, then none."""
    words = [_at(one, at) for one in (*wanted, *avoided)]
    known = dict.fromkeys(word for word in words if word is not None and word not in _STARS)
    yield from (word for word in known if word in {_at(one, at) for one in wanted})
    yield next(word for n in range(len(known) + 1) if (word := f"x{n or ''}") not in known)
    yield from known
    yield ""
