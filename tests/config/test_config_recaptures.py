"""gateway.yaml's `recaptures:`: what it may say, and every mistake with its line."""

import pytest

from gateway.config import load_config, read_config
from gateway.config_webhook import RETRY_SECONDS
from tests.config.files import PYTHON, SHIPPED, messages

RECAPTURES = """\
callers:
  expedia: { networks: [127.0.0.1] }
  soap: { wsse: { user: a, password_env: SOAP } }
  basic: { basic: { user: a, password_env: BASIC } }
recaptures:
  expedia-rapid:
    client: pms
    url: https://API.ean.com
    api_key: { file: rapid-key }
    shared_secret: { env: RAPID_SECRET }
    customer_ip: 5.5.5.5
    notifications: { caller: expedia, signed: true }
    webhook: { url: "https://pms.internal:8443/hook?a=b", secret: { env: HOOK_SECRET } }
"""


def test_recaptures_say_whose_they_are_and_where_they_go(write, tmp_path, monkeypatch):
    for name in ("RAPID_SECRET", "HOOK_SECRET", "SOAP", "BASIC"):
        monkeypatch.setenv(name, "0123456789abcdef")
    (tmp_path / "rapid-key").write_text("0123456789\n")
    (tmp_path / "rapid-key").chmod(0o600)
    rapid = load_config(write(RECAPTURES), python=PYTHON).recaptures.expedia_rapid
    assert (rapid.client, rapid.mode, str(rapid.customer_ip)) == ("pms", "live", "5.5.5.5")
    assert (rapid.url.host, rapid.url.port, rapid.url.path) == ("api.ean.com", 443, "/")
    assert rapid.api_key.secret().reveal() == "0123456789"
    assert rapid.notifications.signed
    hook = rapid.webhook.url
    assert (hook.host, hook.port, hook.path) == ("pms.internal", 8443, "/hook?a=b")
    assert hook.base == "https://pms.internal:8443"
    assert len(rapid.webhook.retry_seconds) == 7
    assert read_config(write("")).recaptures.expedia_rapid is None


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("client: pms", "client: pns", 11, "there is no client `pns`; did you mean `pms`?"),
        ("com\n", "com/v3\n", 12, "`https://api.ean.com/v3`: Rapid's links name their path themselves"),
        ("https://API", "http://API", 12, "`http://API.ean.com` is not an https URL; write it like `https://pms.example/hook`"),
        ("5.5.5.5", "guest", 15, "`guest` is not an IP address; write the address itself, not a name"),
        ("caller: expedia", "caller: expdia", 16, "there is no caller `expdia`; did you mean `expedia`?"),
        ("caller: expedia", "caller: soap", 16, "`soap` shows a WS-Security token, and a notification has none"),
        ("caller: expedia", "caller: basic", 16, "`signed:` and the caller's `basic:` both want the Authorization header"),
        ("signed", "sined", 16, "unknown key `sined`; did you mean `signed`?"),
        ("https://pms", "https://u:p@pms", 17, "`https://u:p@pms.internal:8443/hook?a=b` is not an https URL; write it like `https://pms.example/hook`"),
        ("{ env: HOOK_SECRET }", "{}", 17, "name one source of the secret: a file or an environment variable"),
    ],
)  # fmt: skip
def test_every_mistake_in_recaptures_has_its_line(write, old, new, line, message):
    assert messages(write(RECAPTURES.replace(old, new))) == [(line, message)]


def test_p16_secrets_of_recaptures_must_be_there_and_are_not_repeated(write, monkeypatch):
    for name in ("SOAP", "BASIC"):
        monkeypatch.setenv(name, "0123456789abcdef")
    monkeypatch.setenv("RAPID_SECRET", "short")
    assert messages(write(RECAPTURES), read=load_config) == [
        (13, "the file rapid-key does not exist"),
        (14, "the secret in RAPID_SECRET must have 8 to 1024 characters"),
        (17, "the environment variable HOOK_SECRET is not set"),
    ]


def test_what_the_document_of_recaptures_shows_loads(write):
    text = (SHIPPED.parent / "docs/expedia-rapid.md").read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    rapid = read_config(write(example), python=PYTHON).recaptures.expedia_rapid
    assert rapid.webhook.retry_seconds == RETRY_SECONDS
