"""`virtual: { bins: … }`: ranges of numbers, and tables of them that gateway.yaml names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.cards.bin_ranges import Range, Ranges, joined, overlap, parse_range
from gateway.rules.notes import Notes, Place
from gateway.yaml_model import suggest


def compile_bins(
    texts: Sequence[str],
    tables: Mapping[str, Sequence[Range]] | None,
    place: Place,
    notes: Notes,
) -> Ranges:
    """All ranges; problems go to `notes`. `tables` None: gateway.yaml is not known, and its are empty."""
    found: dict[Range, int] = {}
    for n, text in enumerate(texts):
        if not text[0].isdigit():
            for one in _table(text, tables, (*place, n), notes):
                found.setdefault(one, n)
            continue
        try:
            found.setdefault(parse_range(text), n)
        except ValueError as error:
            notes.add((*place, n), str(error))
    if len(set(texts)) < len(texts):
        notes.add(place, "a range is named twice; remove one")
    clash = False
    for one, other in overlap(found):
        clash = True
        place_of_it = (*place, max(found[one], found[other]))
        notes.add(place_of_it, f"`{one.text}` and `{other.text}` overlap", "Remove one of them.")
    return Ranges() if clash else joined(found)


def _table(
    name: str, tables: Mapping[str, Sequence[Range]] | None, place: Place, notes: Notes
) -> Sequence[Range]:
    if tables is None or name in tables:
        return tables[name] if tables else ()
    message = f"`{name}` is no table of `virtual_bins:` in gateway.yaml{suggest(name, tables)}"
    notes.add(place, message, f"There: {', '.join(sorted(tables)) or 'none'}.")
    return ()
