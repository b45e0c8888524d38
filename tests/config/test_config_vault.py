"""`vault:` in gateway.yaml: who gives the KEK, and what is said about mistakes."""

import pytest

from gateway.config import load_config, read_config
from gateway.vault.kek import configured
from tests.config.files import PYTHON, messages

HEAD = "vault:\n  kek:\n"


@pytest.mark.parametrize(
    ("said", "kind", "place"),
    [
        ("file: keys/kek", "file", "{0}/keys/kek"),
        ("env: CARD_GATEWAY_KEK", "env", "the environment variable CARD_GATEWAY_KEK"),
        ("passphrase: { credential: words }", "passphrase", "{0}/state/kek.passphrase"),
        ("passphrase: { env: W, wrapped: k/p }", "passphrase", "{0}/k/p"),
        (
            "transit: { url: 'https://vault.example:8200', key: gw, token: { file: t } }",
            "transit",
            "the transit key `gw` at https://vault.example:8200",
        ),
        (
            (
                "transit: { url: 'https://vault.example', key: gw, namespace: a/b, mount: m, ca: c,"
                " app_role: { role_id: r, secret_id: { file: s } } }"
            ),
            "transit",
            "the transit key `gw` at https://vault.example",
        ),
        ("aws-kms: { key: alias/gw, region: eu-west-1 }", "aws-kms", "the KMS key `alias/gw`"),
    ],
)
def test_each_provider(write, tmp_path, said, kind, place):
    config = read_config(write(f"{HEAD}    {said}\n"), python=PYTHON)
    provider = configured.current(config)
    assert (provider.kind, provider.place) == (kind, place.format(tmp_path))
    assert configured.upcoming(config) is None


def test_the_default_is_the_file_in_the_state_directory(write, tmp_path):
    provider = configured.current(read_config(write(""), python=PYTHON))
    assert (provider.kind, provider.place) == ("file", f"{tmp_path}/state/kek")


@pytest.mark.parametrize(
    ("said", "line", "message"),
    [
        ("file: a\n    env: B", 6, "name one provider"),
        ("{}", 6, "name one provider"),
        ("transitt: {}", 7, "unknown key `transitt`; did you mean `transit`?"),
        ("aws_kms: { key: k }", 7, "unknown key `aws_kms`; did you mean `aws-kms`?"),
        ("env: A-B", 7, "env"),
        ("passphrase: { file: a, env: B }", 7, "name one source"),
        ("passphrase: a phrase in the file", 7, "`passphrase` must be a mapping"),
        ("transit: { url: 'http://v.example', key: k, token: { env: T } }", 7, "not an https URL"),
        ("transit: { url: 'https://v.example/v1', key: k, token: { env: T } }", 7, "has no path"),
        ("transit: { url: 'https://v.example', key: k }", 7, "name one way to log in"),
        ("transit: { url: 'https://v.example', key: ../k, token: { env: T } }", 7, "key"),
        ("transit: { url: 'https://v.example', key: k, token: hvs.x }", 7, "`token` must be"),
        ("aws-kms: { region: eu-west-1 }", 7, "`key` is missing"),
        ("aws-kms: { key: k, endpoint: 'http://kms.example' }", 7, "not an https URL"),
    ],
)
def test_a_mistake_is_told_with_its_line(write, said, line, message):
    text = "vault:\n  kek: {}\n" if said == "{}" else f"{HEAD}    {said}\n"
    found = messages(write(text))
    assert [one for one in found if one[0] == line and message in one[1]], found


def test_a_secret_of_a_provider_must_be_there_to_start(write):
    file = write(f"{HEAD}    passphrase: {{ file: words }}\n")
    assert messages(file, read=load_config) == [(7, "the file words does not exist")]
