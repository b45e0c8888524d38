"""The key-encryption key, random, wrapped by the transit engine of HashiCorp Vault or OpenBao.

    POST /v1/{mount}/encrypt/{key}   {plaintext, associated_data} → data.ciphertext
    POST /v1/{mount}/decrypt/{key}   {ciphertext, associated_data} → data.plaintext

(https://developer.hashicorp.com/vault/api-docs/secret/transit). The server's key never leaves it; the
ciphertext of ours lies beside the database. `associated_data` binds it to the ids in its file.
"""

from __future__ import annotations

import base64
import binascii
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.config_vault import TransitKek
from gateway.log import event
from gateway.secret import Secret
from gateway.vault.envelope import Sealer
from gateway.vault.kek import key_lines, wrapped_file
from gateway.vault.kek.patience import patiently
from gateway.vault.kek.provider import sealed
from gateway.vault.kek.transit_http import Refused, Server
from gateway.vault.kek.wrapped_file import WrappedKek


class KekTransit:
    """Fulfils `KekProvider`."""

    kind: Final = "transit"

    def __init__(
        self, path: Path, settings: TransitKek, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.file, self._settings, self._sleep = path, settings, sleep
        self._server = Server(settings.url.base, settings.namespace, settings.ca)

    @property
    def place(self) -> str:
        return f"the transit key `{self._settings.key}` at {self._settings.url.base}"

    def made(self) -> bool:
        return self.file.exists()

    def create(self) -> None:
        content = key_lines.fresh()
        draft = wrapped_file.draft(self.kind, content)
        body = {"plaintext": _base64(content.reveal())}
        ciphertext = self._asked("encrypt", body, draft, "ciphertext")
        wrapped_file.write(self.file, draft.model_copy(update={"wrapped": ciphertext.reveal()}))

    def load(self) -> Sealer:
        wrapped = wrapped_file.read(self.file, self.kind)
        plaintext = self._asked("decrypt", {"ciphertext": wrapped.wrapped}, wrapped, "plaintext")
        try:
            content = Secret(base64.b64decode(plaintext.reveal(), validate=True))
        except (binascii.Error, ValueError):
            content = Secret(b"")
        return wrapped_file.opened(content, wrapped, self.file)

    def _asked(
        self, verb: str, body: dict[str, str], bound: WrappedKek, wanted: str
    ) -> Secret[str]:
        data = {**body, "associated_data": _base64(f"card-gateway kek {bound.bound}".encode())}
        path = f"{self._settings.mount}/{verb}/{self._settings.key}"

        def attempt() -> Secret[str]:
            refused = None
            try:
                with self._logged_in() as token:
                    found = self._server.call(path, data, token).get("data")
                    value = found.get(wanted) if isinstance(found, dict) else None
                    if isinstance(value, str) and value:
                        return Secret(value)
                    refused = Refused(200, "its answer is not one of Vault's transit engine")
            except Refused as error:
                refused = error
            raise sealed(self.kind, self.place, refused.message, refused.hint, again=refused.again)

        return patiently(attempt, self._settings.wait_seconds, self._sleep)

    # --- tokens -----------------------------------------------------------------------------------

    @contextmanager
    def _logged_in(self) -> Iterator[Secret[str]]:
        """A token for one call. The operator's is renewed, so that it outlives the time between two
        starts; one that a role gave us is given back."""
        role = self._settings.app_role
        if role is None:
            token = self._secret()
            yield token
            self._afterwards("renew-self", token)
            return
        body = {"role_id": role.role_id, "secret_id": self._secret().reveal()}
        token = self._from_role(role.mount, body)
        try:
            yield token
        finally:
            self._afterwards("revoke-self", token)

    def _from_role(self, mount: str, body: dict[str, str]) -> Secret[str]:
        refused = None
        try:
            given = self._server.call(f"auth/{mount}/login", body, None).get("auth")
            token = given.get("client_token") if isinstance(given, dict) else None
            if isinstance(token, str) and _sendable(token):
                return Secret(token)
            refused = Refused(200, "its answer is not one of Vault's login")
        except Refused as error:
            refused = error
        if refused.status == 400:
            message = "it does not know this role id and secret id, or they have expired"
            refused = Refused(400, message, "Issue a new secret id for the role.")
        raise refused

    def _afterwards(self, what: str, token: Secret[str]) -> None:
        """The key is had, or is not: how this ends changes nothing. It is logged, for a token that is
        not renewed ends some day."""
        try:
            self._server.call(f"auth/token/{what}", {}, token)
        except Refused as error:
            event("kek_token", level=logging.WARNING, failed=what, status=error.status)

    def _secret(self) -> Secret[str]:
        role, token = self._settings.app_role, self._settings.token
        source = token if role is None else role.secret_id
        said = "no way to log in is named"
        try:
            value = source.secret() if source is not None else None
        except ValueError as error:
            value, said = None, str(error)
        if value is not None and _sendable(value.reveal()):
            return value
        if value is not None:
            said = "the secret to log in with has characters that no token has"
        raise sealed(self.kind, self.place, said)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _sendable(text: str) -> bool:
    """Whether it may stand in a header: an error about one that may not would quote it."""
    return text.isascii() and text.isprintable() and " " not in text
