"""gateway.yaml's `clients.<name>.webhook`: what it may say, and every mistake with its line."""

import pytest

from gateway.config import load_config, read_config
from gateway.config_webhook import RETRY_SECONDS
from tests.config.files import PYTHON, SHIPPED, messages

CLIENTS = """\
products:
  seaside: { merchant_code: abc123, terminal: 1, mode: test }
clients:
  pms:
    networks: [127.0.0.0/8]
    webhook:
      url: https://PMS.example/hook?a=b
      secret: { env: HOOK_SECRET }
      retry_seconds: [5, 60]
  spa: { networks: [10.0.0.0/8] }
"""


def test_a_client_says_where_it_is_told(write, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "0123456789abcdef")
    config = load_config(write(CLIENTS, base=""), python=PYTHON)
    (name,) = config.webhooks
    webhook = config.webhooks[name]
    assert (name, webhook.url.host, webhook.url.path) == ("pms", "pms.example", "/hook?a=b")
    assert webhook.secret.secret().reveal() == "0123456789abcdef"
    assert webhook.retry_seconds == (5, 60)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("https://PMS", "http://PMS", 7, "`http://PMS.example/hook?a=b` is not an https URL; write it like `https://pms.example/hook`"),
        ("url:", "uri:", 7, "unknown key `uri`; did you mean `url`?"),
        ("{ env: HOOK_SECRET }", "{}", 8, "name one source of the secret: a file or an environment variable"),
    ],
)  # fmt: skip
def test_every_mistake_in_a_webhook_has_its_line(write, old, new, line, message):
    assert (line, message) in messages(write(CLIENTS.replace(old, new), base=""))


def test_p16_the_secret_of_a_webhook_must_be_there_and_is_not_repeated(write, monkeypatch):
    file = write(CLIENTS, base="")
    monkeypatch.delenv("HOOK_SECRET", raising=False)
    absent = (8, "the environment variable HOOK_SECRET is not set")
    assert messages(file, read=load_config) == [absent]
    monkeypatch.setenv("HOOK_SECRET", "short")
    weak = (8, "the secret in HOOK_SECRET must have 8 to 1024 characters")
    assert messages(file, read=load_config) == [weak]


def test_what_the_document_of_webhooks_shows_loads(write):
    text = (SHIPPED.parent / "docs/webhooks.md").read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    product = CLIENTS.partition("clients:")[0]
    config = read_config(write(product + example, base=""), python=PYTHON)
    assert config.webhooks["pms"].retry_seconds == RETRY_SECONDS
