"""What a refusal says, in whatever form: words and names of ours, nothing of a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from gateway.errors import GatewayError

# The same request may succeed later.
_LATER: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Told:
    """One refusal, as it is told to its caller.

    `phase`: whose message was at fault, the caller's own (`request`) or the other side's answer.
    `let_in`: the caller is admitted; whoever is not is told no `route`. `exchange`: its id, or empty.
    """

    error: GatewayError
    phase: Literal["request", "response"]
    let_in: bool = False
    route: str = ""
    exchange: str = ""

    @property
    def code(self) -> str:
        """The stable one."""
        return self.error.code

    @property
    def text(self) -> str:
        """What is wrong."""
        return self.error.text

    @property
    def action(self) -> str:
        """What to do next."""
        return self.error.action

    @property
    def status(self) -> int:
        """HTTP's, as problem+json has it."""
        return self.error.status if self.phase == "request" else self.error.upstream_status

    @property
    def later(self) -> bool:
        """Whether the caller's message is not what is wrong: sent again later, it may pass."""
        return self.status >= 500 or self.status in _LATER

    @property
    def sentence(self) -> str:
        """All of it in one line, for forms that have one place for it."""
        where = "".join(
            f" {name} {value}."
            for name, value in (("Route", self.route), ("Exchange", self.exchange))
            if value
        )
        return f"{self.code}: {self.text} {self.action}{where}"

    def facts(self) -> dict[str, str]:
        """The same by name: what a template's places hold."""
        return {
            "code": self.code,
            "text": self.text,
            "action": self.action,
            "status": str(self.status),
            "route": self.route,
            "exchange": self.exchange,
        }
