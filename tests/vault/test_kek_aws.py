"""The KEK from AWS KMS: boto3 against moto's server."""

from __future__ import annotations

import base64
import functools
import json
import logging
import socket
import stat

import boto3
import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from gateway.config_vault import AwsKek
from gateway.errors import VaultSealed
from gateway.vault.kek import aws_kms
from gateway.vault.kek.aws_kms import KekAws
from gateway.vault.service import Vault
from tests.vault.makers import chain, find, keep, new

REGION = "eu-west-1"
SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"


@pytest.fixture(scope="module")
def kms():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def loader():
    """What reads the descriptions of AWS's services: each session has its own, and looks through four hundred."""
    return functools.cache(botocore.session.create_loader)


@pytest.fixture
def aws(kms, loader, monkeypatch, tmp_path):
    """The environment that AWS's tools read, and a client of the operator's."""
    monkeypatch.setattr(botocore.session, "create_loader", loader)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL_KMS": kms,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }.items():
        monkeypatch.setenv(name, value)
    return boto3.session.Session().client("kms", region_name=REGION)


@pytest.fixture
def key(aws):
    return aws.create_key(Description="card-gateway")["KeyMetadata"]["KeyId"]


@pytest.fixture
def provider(key, tmp_path):
    def make(**changes):
        said = {"key": key, "region": REGION, "wait_seconds": 0} | changes
        said = {name: value for name, value in said.items() if value is not None}
        return KekAws(tmp_path / "kek.aws-kms", AwsKek(**said), lambda _: None)

    return make


def refusal(provider, again=False):
    with pytest.raises(VaultSealed) as refused:
        provider.load()
    assert (refused.value.provider, refused.value.again) == ("aws-kms", again)
    assert SECRET not in chain(refused.value)
    return str(refused.value)


def test_p22_the_kek_is_wrapped_by_kms_and_opens_the_vault(provider, aws, key, tmp_path):
    database = tmp_path / "state" / "vault.db"
    vault = Vault.open(database, provider())
    kept = keep(vault, new())[0]
    vault.close()
    file = tmp_path / "kek.aws-kms"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    vault = Vault.open(database, provider())
    assert find(vault, kept.token) is not None
    vault.close()
    # What an operator does by hand, to recover it without the gateway: docs/keys.md.
    held = json.loads(file.read_text())
    plain = aws.decrypt(
        CiphertextBlob=base64.b64decode(held["wrapped"]),
        KeyId=key,
        EncryptionContext={"card-gateway": "kek", "kek": str(held["keks"][0])},
    )["Plaintext"]
    assert plain.startswith(b"kek %d " % held["keks"][0])


def test_an_alias_names_a_key_too(provider, aws, key):
    aws.create_alias(AliasName="alias/card-gateway", TargetKeyId=key)
    provider(key="alias/card-gateway").create()
    provider(key="alias/card-gateway").load()
    aws.delete_alias(AliasName="alias/card-gateway")


def test_p16_the_key_is_in_no_log(provider, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    provider().create()
    kek = provider().load()
    (key,) = (one.reveal() for one in kek._keys.values())
    line = f"kek {next(iter(kek.ids))} {key.hex()}\n".encode()
    said = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    for text in (key.hex(), base64.b64encode(line).decode(), SECRET):
        assert text not in said


def test_p22_a_key_of_another_or_none_does_not_open(provider, aws):
    provider().create()
    other = aws.create_key()["KeyMetadata"]["KeyId"]
    said = refusal(provider(key=other))
    assert "no right" in said or "did not wrap" in said  # which of them, KMS decides
    assert "no such KMS key" in refusal(provider(key="00000000-0000-0000-0000-000000000000"))


def test_p22_a_ciphertext_opens_under_the_ids_in_its_file_only(provider, tmp_path):
    provider().create()
    file = tmp_path / "kek.aws-kms"
    held = json.loads(file.read_text())
    file.write_text(json.dumps(held | {"keks": [7]}))
    assert "did not wrap" in refusal(provider())
    file.write_text(json.dumps(held | {"wrapped": "AAAA" + held["wrapped"][4:]}))
    assert "does not exist" not in refusal(provider())
    file.write_text(json.dumps(held | {"wrapped": "*"}))
    assert "damaged" in refusal(provider())
    file.write_text(json.dumps(held | {"provider": "transit"}))
    assert "aws-kms wrapped" in refusal(provider())


def test_p27_kms_that_is_away_may_come_back(provider, monkeypatch):
    provider().create()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{port}")
    assert "can not be reached" in refusal(provider(), again=True)


@pytest.mark.parametrize(
    ("code", "again", "said"),
    [
        ("ThrottlingException", True, "can not answer now"),
        ("KMSInternalException", True, "can not answer now"),
        ("DependencyTimeoutException", True, "can not answer now"),
        ("SomethingNew", True, "can not answer now"),
        ("AccessDeniedException", False, "no right"),
        ("DisabledException", False, "is disabled"),
        ("KMSInvalidStateException", False, "can not be used"),
        ("IncorrectKeyException", False, "another KMS key"),
        ("ExpiredTokenException", False, "does not accept these credentials"),
        ("UnrecognizedClientException", False, "does not accept these credentials"),
    ],
)
def test_p27_each_refusal_says_whether_again_helps(provider, code, again, said):
    error = provider()._refused(code)
    assert error.again is again
    assert said in str(error)


def test_no_credentials_no_region_a_profile_that_is_not_there(provider, monkeypatch):
    provider().create()
    assert "no region" in refusal(provider(region=None))
    monkeypatch.setenv("AWS_PROFILE", "absent")
    assert "not in order" in refusal(provider())
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "no credentials" in refusal(provider())


def test_p22_nothing_is_sent_in_plain_text_beyond_this_machine(provider, monkeypatch):
    provider().create()
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://kms.partner.example:8080")
    assert "not https" in refusal(provider())


def test_without_boto3_it_is_said_what_to_install(provider, monkeypatch):
    monkeypatch.setattr(aws_kms.importlib.util, "find_spec", lambda _: None)
    provider()
    with pytest.raises(VaultSealed, match=r"pip install 'card-gateway\[aws\]'"):
        provider().create()
