"""What a breakage is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Breakage:
    """`old` stands exactly once in `file` and becomes `new`; `tests` are given to pytest.

    `name` says what an attacker or a careless change would have done. The code stays sound: no
    name is left undefined, so that what turns red is what the property says.
    """

    name: str
    property: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
