"""P16, P18, P22: the key-encryption key, and those who give it."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

TRANSIT = ("tests/vault/test_kek_transit.py",)
SEALED = ("tests/e2e/test_sealed.py",)
AWS = ("tests/vault/test_kek_aws.py",)
LOCAL = ("tests/vault/test_kek_local.py",)
MOVE = ("tests/vault/test_kek_move.py",)

BREAKAGES = (
    Breakage(
        "make a fresh KEK where the old one is gone",
        "P22",
        "gateway/vault/unsealing.py",
        "            if not made and not provider.made():",
        "            if not provider.made():",
        MOVE,
    ),
    Breakage(
        "add keys under a KEK that was moved away meanwhile",
        "P22",
        "gateway/vault/unsealing.py",
        "        unlock([*stand, *added], fetched)\n",
        "        unlock([*stand, *added], fetched) if not stand else None\n",
        MOVE,
    ),
    Breakage(
        "leave a key behind when the KEK moves",
        "P22",
        "gateway/vault/keyring.py",
        "        changed.append(replace(row, wrapped=new.seal(key.reveal(), slot)))",
        "        changed.append(replace(row, wrapped=(new if row.id > 1 else old).seal(key.reveal(), slot)))",
        MOVE,
    ),
    Breakage(
        "leave the KEK in the environment",
        "P22",
        "gateway/vault/kek/environment.py",
        "os.environ.pop(self._name, None)",
        "os.environ.get(self._name)",
        LOCAL,
    ),
    Breakage(
        "let a file under a passphrase name other keys",
        "P18",
        "gateway/vault/kek/passphrase.py",
        "row=wrapped.bound.encode()",
        'row=b""',
        LOCAL,
    ),
    Breakage(
        "wrap under any short passphrase",
        "P22",
        "gateway/vault/kek/passphrase.py",
        "            if len(passphrase.reveal()) >= SHORTEST:",
        "            if passphrase.reveal():",
        LOCAL,
    ),
    Breakage(
        "give transit's token to any server",
        "P22",
        "gateway/vault/kek/transit_http.py",
        "verify=upstream_context(self.ca)",
        "verify=upstream_context(self.ca) is None",
        TRANSIT,
    ),
    Breakage(
        "follow transit's redirects with the token",
        "P22",
        "gateway/vault/kek/transit_http.py",
        "trust_env=False,",
        "trust_env=False, follow_redirects=True,",
        TRANSIT,
    ),
    Breakage(
        "let transit open a ciphertext for other keys",
        "P22",
        "gateway/vault/kek/transit.py",
        'f"card-gateway kek {bound.bound}"',
        'f"card-gateway kek{bound.bound[:0]}"',
        TRANSIT,
    ),
    Breakage(
        "give up on a server that is sealed for a moment",
        "P27",
        "gateway/vault/kek/patience.py",
        "            if not error.again or",
        "            if error.again or",
        TRANSIT,
    ),
    Breakage(
        "wait for a key that will never come",
        "P27",
        "gateway/startup.py",
        "                if not error.again:\n",
        "                if error.again is None:\n",
        SEALED,
    ),
    Breakage(
        "be ready while the vault is sealed",
        "P27",
        "gateway/sealed.py",
        '{"serving": self._check, "vault": self._check}',
        '{"serving": lambda: None}',
        SEALED,
    ),
    Breakage(
        "give a sealed control port's calls a 404",
        "P27",
        "gateway/sealed.py",
        'if scope.get("path") in _HEALTH else',
        'if scope.get("path") else',
        SEALED,
    ),
    Breakage(
        "log what KMS is sent",
        "P16",
        "gateway/vault/kek/aws_kms.py",
        "            logging.getLogger(name).setLevel(logging.WARNING)",
        "            logging.getLogger(name).setLevel(logging.DEBUG)",
        AWS,
    ),
    Breakage(
        "send the KEK to KMS in plain text",
        "P22",
        "gateway/vault/kek/aws_kms.py",
        "        if not _private(client.meta.endpoint_url):",
        "        if not client.meta.endpoint_url:",
        AWS,
    ),
    Breakage(
        "leave the directories above a key to the umask",
        "P22",
        "gateway/private_directory.py",
        "            missing.mkdir(mode=0o700, exist_ok=True)",
        "            missing.mkdir(mode=0o700 if missing == directory else 0o777, exist_ok=True)",
        ("tests/test_private_directory.py",),
    ),
)
