"""When two names of a form's fields are one for some reader."""

from __future__ import annotations


def canonical(name: str) -> str:
    """What lenient readers take for the same name: blanks around it, a mark of the encoding or NULs before it,
    a NUL that ends it."""
    if name.isidentifier():
        return name
    return name.lstrip("\0\ufeff \t\r\n").partition("\0")[0].strip()


def outer_names(name: str) -> list[str]:
    """The names that `name` is a member of: `card`, of `card[number]`."""
    return [name[:at] for at, sign in enumerate(name) if sign == "["] if "[" in name else []


def nests(other: str, name: str) -> bool:
    """Whether one of two names is a member of the other: `card` and `card[number]`."""
    longer, shorter = (other, name) if len(other) > len(name) else (name, other)
    return longer.startswith(shorter + "[")
