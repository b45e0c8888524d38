"""The key-encryption key, random, wrapped by a key of AWS KMS (Encrypt, Decrypt).

The KMS key never leaves AWS; the ciphertext of ours lies beside the database. Its encryption context
binds it to the ids in its file and shows in CloudTrail. Credentials are found as AWS's own tools find
them: variables, profiles, the role of a container or machine. boto3 comes with card-gateway[aws].
"""

from __future__ import annotations

import base64
import binascii
import importlib
import importlib.util
import logging
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.config_vault import AwsKek
from gateway.errors import VaultSealed
from gateway.secret import Secret
from gateway.vault.envelope import Sealer
from gateway.vault.kek import key_lines, wrapped_file
from gateway.vault.kek.patience import patiently
from gateway.vault.kek.provider import sealed
from gateway.vault.kek.wrapped_file import WrappedKek

INSTALL: Final = "Install it: pip install 'card-gateway[aws]'"
_SECONDS: Final = 10
# Code of the answer → what to tell, what to do.
_NO: Final = {
    "AccessDeniedException": (
        "these credentials have no right to this key",
        "Allow kms:Encrypt and kms:Decrypt on it.",
    ),
    "NotFoundException": ("there is no such KMS key here", "Check `key` and `region`."),
    "DisabledException": ("the KMS key is disabled", "Enable it."),
    "InvalidCiphertextException": (
        "this KMS key did not wrap this key-encryption key",
        "Name that key, or restore the wrapped file from its backup.",
    ),
    "IncorrectKeyException": (
        "another KMS key wrapped this key-encryption key",
        "Name that key, or restore the wrapped file from its backup.",
    ),
    "KMSInvalidStateException": ("the KMS key can not be used", "Is it waiting for its deletion?"),
    "InvalidKeyUsageException": ("the KMS key is not for encryption", "Name a symmetric one."),
}  # fmt: skip
_EXPIRED: Final = frozenset(
    {
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)


def installed() -> bool:
    """Whether boto3 is there."""
    return importlib.util.find_spec("boto3") is not None


class KekAws:
    """Fulfils `KekProvider`."""

    kind: Final = "aws-kms"

    def __init__(
        self, path: Path, settings: AwsKek, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.file, self._settings, self._sleep = path, settings, sleep

    @property
    def place(self) -> str:
        return f"the KMS key `{self._settings.key}`"

    def made(self) -> bool:
        return self.file.exists()

    def create(self) -> None:
        content = key_lines.fresh()
        draft = wrapped_file.draft(self.kind, content)
        ciphertext = self._asked("encrypt", draft, "CiphertextBlob", Plaintext=content.reveal())
        text = base64.b64encode(ciphertext.reveal()).decode()
        wrapped_file.write(self.file, draft.model_copy(update={"wrapped": text}))

    def load(self) -> Sealer:
        wrapped = wrapped_file.read(self.file, self.kind)
        try:
            ciphertext = base64.b64decode(wrapped.wrapped, validate=True)
        except (binascii.Error, ValueError):
            ciphertext = b""
        if not ciphertext:
            hint = "Restore the file from its backup."
            raise sealed(self.kind, str(self.file), "the wrapped key is damaged", hint)
        content = self._asked("decrypt", wrapped, "Plaintext", CiphertextBlob=ciphertext)
        return wrapped_file.opened(content, wrapped, self.file)

    def _asked(self, verb: str, bound: WrappedKek, wanted: str, **data: bytes) -> Secret[bytes]:
        client = self._client()
        # KeyId in Decrypt, too: without it any key would do that the credentials may use.
        more = {
            "KeyId": self._settings.key,
            "EncryptionContext": {"card-gateway": "kek", "kek": bound.bound},
        }

        def attempt() -> Secret[bytes]:
            from botocore.exceptions import (  # noqa: PLC0415  # an extra
                BotoCoreError,
                ClientError,
            )

            try:
                return Secret(getattr(client, verb)(**more, **data)[wanted])
            except ClientError as error:
                problem = self._refused(str(error.response.get("Error", {}).get("Code", "")))
            except BotoCoreError as error:
                problem = self._failed(type(error).__name__)
            # Raised here: what was caught may hold what was sent.
            raise problem

        return patiently(attempt, self._settings.wait_seconds, self._sleep)

    def _client(self) -> Any:  # Any: boto3 makes its clients' classes when it runs
        if not installed():
            raise sealed(self.kind, self.place, "boto3 is not installed", INSTALL)
        # At level DEBUG they log what is sent and answered, which is the key.
        for name in ("boto3", "botocore", "urllib3"):
            logging.getLogger(name).setLevel(logging.WARNING)
        boto3 = importlib.import_module("boto3")
        exceptions = importlib.import_module("botocore.exceptions")
        once = importlib.import_module("botocore.config").Config(
            connect_timeout=_SECONDS,
            read_timeout=_SECONDS,
            retries={"total_max_attempts": 1},  # we try again ourselves
        )
        endpoint = self._settings.endpoint
        name = ""
        try:
            client = boto3.session.Session().client(
                "kms",
                region_name=self._settings.region,
                endpoint_url=endpoint.base if endpoint is not None else None,
                config=once,
            )
        except (exceptions.BotoCoreError, ValueError) as error:
            name = type(error).__name__
        if name:
            raise self._failed(name)
        if not _private(client.meta.endpoint_url):
            message = "its endpoint is not https, so nothing is sent there"
            raise sealed(self.kind, self.place, message, "Check AWS_ENDPOINT_URL and the profile.")
        return client

    def _refused(self, code: str) -> VaultSealed:
        if code in _NO:
            return sealed(self.kind, self.place, *_NO[code])
        if code in _EXPIRED:
            message = "AWS does not accept these credentials"
            return sealed(self.kind, self.place, message, "Renew them, or check the clock.")
        # Throttling, KMSInternal, DependencyTimeout, KeyUnavailable, and what is not known yet.
        return sealed(self.kind, self.place, "AWS KMS can not answer now", again=True)

    def _failed(self, name: str) -> VaultSealed:
        if name in {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}:
            message, hint = "there are no credentials for AWS", "Give the process a role, or keys."
            return sealed(self.kind, self.place, message, hint, again=name[0] == "C")
        if name in {"NoRegionError", "InvalidRegionError"}:
            return sealed(self.kind, self.place, "no region is named", "Name it under `region`.")
        if name in {
            "ProfileNotFound",
            "ConfigParseError",
            "InvalidConfigError",
            "ParamValidationError",
        }:
            return sealed(self.kind, self.place, "AWS's own configuration here is not in order")
        if name == "SSLError":
            message = "the certificate of AWS KMS's endpoint is not trusted"
            return sealed(self.kind, self.place, message, "Check AWS_CA_BUNDLE.")
        return sealed(self.kind, self.place, "AWS KMS can not be reached", again=True)


def _private(url: str) -> bool:
    """Whether nobody between can read what is sent: https, or a stand-in on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
