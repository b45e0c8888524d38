"""The bodies of the calls about viewers, read strictly.

POST /v1/viewers            {"name", "role", "product"?, "may_copy"?, "totp"?}
POST /v1/viewers/{id}/lock  {"by"}
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from gateway.control.cards_form import Fields
from gateway.secret import Secret
from gateway.vault.viewer import Role

_INVITATION: Final = {"name", "role", "product", "may_copy", "totp"}
_ID: Final = re.compile(r"vwr_[a-z]{24}")


def is_id(text: str) -> bool:
    """Whether it has the form of a viewer's id."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whom to invite; `request` is what an Idempotency-Key stands for."""

    name: str
    role: Role
    product: str | None
    may_copy: bool
    totp: bool
    request: Secret[bytes]


def read_invitation(body: bytes) -> Invitation:
    """Raises RequestInvalid."""
    fields = ViewerFields(body)
    said = fields.of("", _INVITATION)
    name = fields.text("name")
    role = fields.role()
    product = fields.name("product") if "product" in said else None
    may_copy = fields.flag("may_copy") if "may_copy" in said else False
    totp = fields.flag("totp") if "totp" in said else False
    if may_copy and role is Role.MASKED:
        fields.wrong("may_copy", "nothing_to_copy")
    fields.check()
    return Invitation(name, role, product, may_copy, totp, fields.request())


def read_second(body: bytes) -> tuple[str, Secret[bytes]]:
    """The id of the second person, and what an Idempotency-Key stands for. Raises RequestInvalid."""
    fields = ViewerFields(body)
    fields.of("", {"by"})
    by = fields.text("by")
    if by and not is_id(by):
        fields.wrong("by", "not_a_viewer")
    fields.check()
    return by, fields.request()


class ViewerFields(Fields):
    """What such bodies have besides."""

    def flag(self, path: str) -> bool:
        """True or false."""
        value = self._at(path)
        if not isinstance(value, bool):
            self._note(path, "not_true_or_false")
        return value is True

    def role(self) -> Role:
        """How much of a number shows."""
        value = self._at("role")
        for role in Role:
            if value == role.value:
                return role
        self._note("role", "missing" if value is None else "not_a_role")
        return Role.MASKED

    def whole(self, path: str, least: int, most: int) -> int:
        """A whole number."""
        value = self._at(path)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self._note(path, "not_in_range")
            return least
        return value

    def wrong(self, path: str, problem: str) -> None:
        """Notes what two fields say together."""
        self._note(path, problem)

    def request(self) -> Secret[bytes]:
        """The body in one spelling."""
        return Secret(json.dumps(self._said, sort_keys=True).encode("ascii"))
