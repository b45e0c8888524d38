"""The key-encryption key, random, wrapped under a passphrase: Argon2id (RFC 9106), then the envelope.

The envelope commits to its key (P19), so that a file opens under one passphrase only. The passphrase
comes from a file, a systemd credential or the environment, never from a prompt: a machine that starts
by itself has nobody to ask.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from argon2.low_level import Type, hash_secret_raw

from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault.envelope import KEY_LENGTH, Sealer, place
from gateway.vault.kek import key_lines, wrapped_file
from gateway.vault.kek.provider import sealed
from gateway.vault.kek.wrapped_file import Argon2id, WrappedKek

# RFC 9106 section 4, the second recommended option: it fits a small machine, and takes about 0.1 s.
_PASSES: Final = 3
_MEMORY_KIB: Final = 64 * 1024
_LANES: Final = 4
# It stands in for 256 random bits (P22): six random words, or 20 random letters and digits.
SHORTEST: Final = 20


class KekPassphrase:
    """Fulfils `KekProvider`. `passphrase` gives it; raises ValueError, with a text for the operator."""

    kind: Final = "passphrase"

    def __init__(self, path: Path, passphrase: Callable[[], Secret[str]]) -> None:
        self.file, self._passphrase = path, passphrase

    @property
    def place(self) -> str:
        return str(self.file)

    def made(self) -> bool:
        return self.file.exists()

    def create(self) -> None:
        content = key_lines.fresh()
        how = Argon2id(
            salt=secrets.token_hex(16), passes=_PASSES, memory_kib=_MEMORY_KIB, lanes=_LANES
        )
        draft = wrapped_file.draft(self.kind, content, how)
        ciphertext = self._sealer(how).seal(content.reveal(), _slot(draft))
        text = base64.b64encode(ciphertext).decode()
        wrapped_file.write(self.file, draft.model_copy(update={"wrapped": text}))

    def load(self) -> Sealer:
        wrapped = wrapped_file.read(self.file, self.kind)
        content = None
        if wrapped.argon2id is not None:
            sealer = self._sealer(wrapped.argon2id)
            try:
                ciphertext = base64.b64decode(wrapped.wrapped, validate=True)
                content = Secret(sealer.open(ciphertext, _slot(wrapped)))
            except (RecordDamaged, binascii.Error):
                content = None
        if content is None:
            raise sealed(
                self.kind,
                self.place,
                "this passphrase does not open the key-encryption key",
                "Give the passphrase that it was made with; if it is right, the file is damaged: "
                "restore it from its backup.",
            )
        return wrapped_file.opened(content, wrapped, self.file)

    def _sealer(self, how: Argon2id) -> Sealer:
        said = ""
        try:
            passphrase = self._passphrase()
            if len(passphrase.reveal()) >= SHORTEST:
                return Sealer({1: _derive(passphrase, how)}, 1)
            said = f"the passphrase must have at least {SHORTEST} characters"
        except ValueError as error:
            said = str(error)
        hint = "It stands under vault.kek.passphrase. A good one: openssl rand -base64 32"
        raise sealed(self.kind, self.place, said, hint)


def _derive(passphrase: Secret[str], how: Argon2id) -> Secret[bytes]:
    return Secret(
        hash_secret_raw(
            passphrase.reveal().encode(),
            bytes.fromhex(how.salt),
            how.passes,
            how.memory_kib,
            how.lanes,
            KEY_LENGTH,
            Type.ID,
        )
    )


def _slot(wrapped: WrappedKek) -> bytes:
    return place("kek:passphrase", "", 0, test=False, row=wrapped.bound.encode())
