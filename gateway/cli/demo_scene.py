"""Where the story plays: who is there, and what earlier chapters left for later ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.cli.demo_gateway import DemoGateway
from gateway.cli.demo_pms import Answer, Pms
from gateway.cli.story import Story
from gateway.sandbox.server import Sandbox
from gateway.secret import Secret


class NoSequel(Exception):
    """A chapter needs what an earlier one should have brought. The text says what."""


@dataclass(slots=True)
class Scene:
    """The gateway, the partners, the PMS and the teller."""

    story: Story
    gateway: DemoGateway
    sandbox: Sandbox
    pms: Pms
    narrow: Secret[str]  # a key for the product `seaside` only
    booking_engine: Secret[str]  # the same, for cards over the control API as well
    back_office: Secret[str]  # the same, for pages, charges, and a processor's credentials
    tokens: dict[str, str] = field(default_factory=dict)  # alias, by product
    tokenized: int = 0  # by pulls through the proxy, as their answers said
    refused: list[str] = field(default_factory=list)  # the codes of refusals

    def token(self, product: str) -> str:
        """An alias of that product. Raises NoSequel."""
        if product not in self.tokens:
            raise NoSequel(f"no token of {product} came out of the pulls")
        return self.tokens[product]

    def counted(self, answer: Answer) -> Answer:
        """Remembers what a pull through the proxy says that it tokenised."""
        _, _, count = answer.counts.partition("tokenized=")
        digits = count.partition(" ")[0]
        self.tokenized += int(digits) if digits.isdigit() else 0
        return answer

    def kept(self) -> dict[str, int]:
        """How many cards the vault holds, by product."""
        with self.gateway.vault() as vault:
            return {name: count for name, count in vault.count_by_product().items() if count}
