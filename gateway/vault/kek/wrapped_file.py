"""A key-encryption key that somebody else wrapped: its ciphertext, beside the database.

JSON, mode 0600. Without whoever wrapped it the file is worthless; without the file, so is the database.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.secret import Secret
from gateway.vault.envelope import Sealer
from gateway.vault.kek import key_lines, private_file
from gateway.vault.kek.provider import sealed

Kind: TypeAlias = Literal["passphrase", "transit", "aws-kms"]


class Argon2id(BaseModel):
    """How the wrapping key is made of a passphrase (RFC 9106). Bounded: a file that asks for all of
    the machine's memory is damaged."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{32,128}$")]
    passes: Annotated[int, Field(ge=1, le=64)]
    memory_kib: Annotated[int, Field(ge=8192, le=4 * 1024 * 1024)]
    lanes: Annotated[int, Field(ge=1, le=64)]


class WrappedKek(BaseModel):
    """What the file holds."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    version: Literal[1] = 1
    provider: Kind
    # The ids of the keys within. Whoever wraps binds them: with others it does not open.
    keks: Annotated[list[Annotated[int, Field(ge=1, lt=2**32)]], Field(min_length=1)]
    wrapped: Annotated[str, Field(min_length=1)]
    argon2id: Argon2id | None = None

    @property
    def bound(self) -> str:
        """What the ciphertext is bound to besides: the ids."""
        return ",".join(str(one) for one in self.keks)


def draft(kind: Kind, content: Secret[bytes], argon2id: Argon2id | None = None) -> WrappedKek:
    """What is to hold `content`, key lines, once they are wrapped: whoever wraps binds its ids."""
    ids = sorted(key_lines.parse(content).ids)
    return WrappedKek(provider=kind, keks=ids, wrapped="-", argon2id=argon2id)


def read(path: Path, kind: str) -> WrappedKek:
    """The file of the provider `kind`. Raises VaultSealed."""
    content = private_file.read(path, kind)
    try:
        found = WrappedKek.model_validate_json(content.reveal())
    except ValidationError:
        found = None
    if found is None or found.provider != kind:
        message = f"this is not a key-encryption key that {kind} wrapped, or it is damaged"
        raise sealed(kind, str(path), message, "Restore the file from its backup.")
    return found


def write(path: Path, wrapped: WrappedKek) -> None:
    """Writes a new file; one that is there already is left alone. Raises VaultSealed."""
    text = wrapped.model_dump_json(exclude_none=True, indent=1) + "\n"
    private_file.write(path, Secret(text.encode()), wrapped.provider)


def opened(content: Secret[bytes], wrapped: WrappedKek, path: Path) -> Sealer:
    """The keys of what was unwrapped. Raises VaultSealed when they are not those that the file names."""
    try:
        sealer = key_lines.parse(content)
    except ValueError:
        sealer = None
    if sealer is None or sealer.ids != set(wrapped.keks):
        message = "what was unwrapped is not the key-encryption key that this file names"
        raise sealed(wrapped.provider, str(path), message, "Restore the file from its backup.")
    return sealer
