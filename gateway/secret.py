"""A value that must not be seen: card numbers, security codes, keys."""

from __future__ import annotations

from typing import Final, Generic, NoReturn, TypeVar

T = TypeVar("T", bound=str | bytes)

_MASK: Final = "Secret(****)"


class Secret(Generic[T]):
    r"""Holds a value that no log, traceback, format string or pickle may show.

    `reveal()` is the only way out; `grep -rn '\.reveal()'` lists every place that uses it.
    Secrets are not comparable and not hashable: comparing is for whoever revealed them.
    """

    __slots__ = ("__value",)

    def __init__(self, value: T) -> None:
        self.__value: T = value

    def reveal(self) -> T:
        """The value itself."""
        return self.__value

    def __repr__(self) -> str:
        return _MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return _MASK

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are not compared; reveal() both and use hmac.compare_digest")

    __hash__ = None  # type: ignore[assignment]  # unhashable on purpose

    def __getstate__(self) -> NoReturn:
        raise TypeError("secrets have no state to show")

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets are not pickled")
