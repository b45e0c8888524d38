"""A whole gateway, as a process, under each provider of the KEK: it starts, keeps cards, starts again."""

from __future__ import annotations

import logging
import secrets
import threading

import boto3
import pytest
from moto.server import ThreadedMotoServer

from gateway.vault.kek import environment
from tests.e2e.process import BULK, IDUSER, Site
from tests.vault.transit_server import TransitServer

NAME = "CARD_GATEWAY_TEST_KEK"
WORDS = "correct horse battery staple of ours"


class Place:
    """A directory for a site, with secrets beside it; `more`: what the process's environment has."""

    def __init__(self, directory, sandbox, monkeypatch) -> None:
        self.directory, self.sandbox = directory, sandbox
        self.monkeypatch, self.more, self.ends = monkeypatch, {}, []
        self.closed = directory / "secrets"
        self.closed.mkdir()

    def secret(self, name, text):
        path = self.closed / name
        path.write_text(text)
        path.chmod(0o600)
        return {"file": str(path)}

    def site(self, kek):
        made = Site(self.directory / "site", self.sandbox, hotels=BULK, vault={"kek": kek})
        self.ends.append(made.close)
        return made

    def environment(self, **values):
        self.more |= values
        for name, value in values.items():
            self.monkeypatch.setenv(name, value)

    def transit(self):
        (self.directory / "pki").mkdir()
        server = TransitServer(self.directory / "pki")
        self.ends.append(server.close)
        return server, {
            "transit": {
                "url": server.url,
                "key": "card-gateway",
                "ca": str(server.authority.certificate),
                "token": self.secret("token", server.token()),
                "wait_seconds": 20,
            }
        }


@pytest.fixture
def place(tmp_path, sandbox, monkeypatch):
    monkeypatch.setattr(environment, "_TAKEN", {})
    made = Place(tmp_path, sandbox, monkeypatch)
    yield made
    for end in made.ends:
        end()


def in_a_file(place):
    return {"file": str(place.closed / "kek")}


def in_the_environment(place):
    place.environment(**{NAME: secrets.token_hex(32)})
    return {"env": NAME}


def under_a_passphrase(place):
    return {"passphrase": place.secret("words", WORDS)}


def with_transit(place):
    return place.transit()[1]


def with_kms(place):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    place.ends.append(server.stop)
    host, port = server.get_host_and_port()
    place.environment(
        AWS_ENDPOINT_URL_KMS=f"http://{host}:{port}",
        AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE",
        AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI-K7MDENG",
        AWS_EC2_METADATA_DISABLED="true",
    )
    client = boto3.session.Session().client("kms", region_name="eu-west-1")
    return {"aws-kms": {"key": client.create_key()["KeyMetadata"]["KeyId"], "region": "eu-west-1"}}


@pytest.mark.parametrize(
    "provider", [in_a_file, in_the_environment, under_a_passphrase, with_transit, with_kms]
)
def test_p22_a_gateway_starts_again_under_the_same_kek(place, provider):
    site = place.site(provider(place))
    key = site.key()
    found = []
    for _ in range(2):
        process = site.start(**place.more)
        assert process.get("control", "/readyz").status_code == 200
        with process.session(key) as session:
            answer = process.pull(session, "10107")
        found.append(IDUSER.findall(answer.text))
        process.kill()
    assert found[0]
    assert found[0] == found[1]


def test_p27_a_gateway_that_starts_before_its_key_keeper_waits_for_it(place):
    server, kek = place.transit()
    site = place.site(kek)
    site.key()
    server.sealed = True
    threading.Timer(2, lambda: setattr(server, "sealed", False)).start()
    process = site.start()
    assert process.get("control", "/readyz").status_code == 200
    assert "kek_awaited" in process.log()


def test_p27_a_gateway_whose_key_can_not_be_had_does_not_start(place):
    server, kek = place.transit()
    site = place.site(kek)
    site.key()
    (token,) = server.tokens
    server.tokens.clear()
    ended = site.boot()
    assert ended.returncode == 2
    assert "the transit key `card-gateway`" in ended.stderr
    assert "gives no right" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert token not in ended.stderr
    assert site.listening() == set()
