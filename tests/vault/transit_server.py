"""A stand-in for HashiCorp Vault: AppRole, tokens and the transit engine, over TLS.

Written from its API documentation (https://developer.hashicorp.com/vault/api-docs: transit, AppRole,
token, "HTTP status codes"). It keeps to paths, fields, statuses and the words of errors that a client
can tell apart; it encrypts for real.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.pki import Authority


class Answer(Exception):
    def __init__(self, status: int, *errors: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.errors, self.headers = status, list(errors), headers or {}


DENIED = Answer(403, "1 error occurred:\n\t* permission denied\n\n")


class Key:
    """A named key of the transit engine, with its versions."""

    def __init__(self) -> None:
        self.versions = [os.urandom(32)]
        self.min_decryption_version = 1

    def rotate(self) -> None:
        self.versions.append(os.urandom(32))


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that does not trust us hangs up: nothing to print."""


class TransitServer:
    """Serves until `close`. What a test sets: `sealed`, `statuses` (what the next calls are answered
    instead), `keys`, `tokens` (token → what its policy permits), `roles`; what it sees: `calls`."""

    def __init__(
        self,
        directory: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        authority: Authority | None = None,
    ) -> None:
        self.authority = authority or Authority(directory)
        issued = self.authority.issue(host)
        self.sealed = False
        self.statuses: list[Answer] = []
        self.mount = "transit"
        self.namespace: str | None = None
        self.keys = {"card-gateway": Key()}
        self.tokens: dict[str, set[str]] = {}
        self.not_renewable: set[str] = set()
        self.roles: dict[str, str] = {}
        self.calls: list[str] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.certificate, issued.key)
        self._server = _Quiet(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def token(self, *paths: str) -> str:
        """A new token whose policy permits `paths`; without any, all that the gateway needs."""
        made = f"hvs.{secrets.token_urlsafe(24)}"
        usual = {f"{self.mount}/encrypt/card-gateway", f"{self.mount}/decrypt/card-gateway"}
        own = {
            "auth/token/renew-self",
            "auth/token/revoke-self",
        }  # the policy `default` permits them
        self.tokens[made] = (set(paths) or usual) | own
        return made

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- what it answers --------------------------------------------------------------------------

    def answer(self, path: str, headers, body: dict[str, str]) -> dict[str, object]:
        if self.statuses:
            raise self.statuses.pop(0)
        if self.sealed:
            raise Answer(503, "Vault is sealed")
        if headers.get("X-Vault-Namespace") != self.namespace:
            raise Answer(404, "no handler for route. route entry not found.")
        if path == "auth/approle/login":
            return self._login(body)
        token = headers.get("X-Vault-Token")
        if token not in self.tokens or path not in self.tokens[token]:
            known = path.split("/", maxsplit=1)[0] in {self.mount, "auth"}
            raise DENIED if known or token not in self.tokens else self._no_route(path)
        if path == "auth/token/renew-self":
            if token in self.not_renewable:
                raise Answer(400, "lease is not renewable")
            return {"auth": {"client_token": token, "lease_duration": 2764800, "renewable": True}}
        if path == "auth/token/revoke-self":
            del self.tokens[token]
            return {}
        mount, verb, name = path.split("/")
        if mount != self.mount:
            raise self._no_route(path)
        key = self.keys.get(name)
        if key is None:
            raise Answer(400, "encryption key not found")
        return {"data": getattr(self, f"_{verb}")(key, body), "lease_id": "", "warnings": None}

    def _no_route(self, path: str) -> Answer:
        return Answer(404, f'no handler for route "{path}". route entry not found.')

    def _login(self, body: dict[str, str]) -> dict[str, object]:
        if self.roles.get(body["role_id"]) != body["secret_id"]:
            raise Answer(400, "invalid role or secret ID")
        return {"auth": {"client_token": self.token(), "lease_duration": 1200, "renewable": True}}

    def _encrypt(self, key: Key, body: dict[str, str]) -> dict[str, object]:
        nonce, bound = os.urandom(12), base64.b64decode(body.get("associated_data", ""))
        sealed = AESGCM(key.versions[-1]).encrypt(nonce, base64.b64decode(body["plaintext"]), bound)
        text = base64.b64encode(nonce + sealed).decode()
        version = len(key.versions)
        return {"ciphertext": f"vault:v{version}:{text}", "key_version": version}

    def _decrypt(self, key: Key, body: dict[str, str]) -> dict[str, object]:
        parts = body["ciphertext"].split(":")
        if len(parts) != 3 or parts[0] != "vault":
            raise Answer(400, "invalid ciphertext: no prefix")
        version = int(parts[1].removeprefix("v"))
        if version < key.min_decryption_version:
            raise Answer(400, "ciphertext or signature version is disallowed by policy (too old)")
        if version > len(key.versions):
            raise Answer(400, "invalid ciphertext: version is too new")
        raw, bound = base64.b64decode(parts[2]), base64.b64decode(body.get("associated_data", ""))
        try:
            plain = AESGCM(key.versions[version - 1]).decrypt(raw[:12], raw[12:], bound)
        except InvalidTag:
            raise Answer(400, "cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plain).decode()}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
                path = self.path.removeprefix("/v1/")
                server.calls.append(path)
                try:
                    found = server.answer(path, self.headers, body)
                    self._send(200 if found else 204, found)
                except Answer as refusal:
                    self._send(refusal.status, {"errors": refusal.errors}, refusal.headers)

            def _send(self, status, found, headers=None) -> None:
                content = json.dumps(found).encode() if status != 204 else b""
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        return Handler
