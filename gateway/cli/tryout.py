"""What a newcomer can copy and paste: a pull, a charge, a refusal, with the real ports and a key."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.access.keys import NewKey, create, is_live, key_id
from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Card
from gateway.cards.expiry import Expiry
from gateway.config import Config
from gateway.private_directory import make_private
from gateway.sandbox.pull import read_request
from gateway.sandbox.siteminder import SiteMinderSettings
from gateway.secret import Secret
from gateway.system_user import command_line
from gateway.vault.configured import open_vault
from gateway.vault.model import NewCard
from gateway.vault.service import Vault

if TYPE_CHECKING:
    from gateway.worker import Addresses

CLIENT: Final = "pms"
PRODUCT: Final = "seaside"
HOTEL: Final = "10107"
_PROCESSOR: Final = "sandbox"
_PAGES: Final = (
    "  pages      https://localhost:{}    for links to guests and staff (docs/pages.md)\n"
)
_CARD: Final = "4111111111111111"  # published for testing


@dataclass(frozen=True, slots=True)
class Tryout:
    """What `prepare` left: a key of the client `pms`, a token to charge, a request to send."""

    key: Secret[str]
    alias: str
    pull: Path


def prepare(config: Config) -> Tryout:
    """Makes a key, a token, a request and credentials to try the sandbox with; what is there is kept.

    The key lies in `state/try/key` (0600), so that a second start prints the same one.
    Raises `VaultUnavailable`, `ConfigurationError`, `OSError`.
    """
    directory = config.state / "try"
    make_private(directory)
    with closing(open_vault(config)) as vault:
        key = _key(vault, directory / "key")
        token = asyncio.run(_token(vault))
        asyncio.run(_credentials(vault, config))
    pull = directory / "pull.xml"
    who = SiteMinderSettings()
    pull.write_text(read_request(HOTEL, who.username, who.password), encoding="utf-8")
    return Tryout(key, token, pull)


def _key(vault: Vault, file: Path) -> Secret[str]:
    now = datetime.now(UTC)
    if file.exists():
        text = file.read_text(encoding="utf-8").strip()
        id = key_id(text)
        row = vault.keys.by_id(id) if id else None
        if row is not None and is_live(row, now):
            return Secret(text)
    key, _ = create(vault.keys, NewKey(f"sandbox-{now:%Y%m%d%H%M%S}", CLIENT), now, "sandbox")
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(key.reveal() + "\n")
    return key


async def _token(vault: Vault) -> str:
    expiry = Expiry(date.today().year + 3, 12)  # noqa: DTZ011  # any day of the year will do
    card = Card(Secret(_CARD), expiry, Secret("Ada Lovelace"))
    (kept,) = await vault.keep([NewCard(PRODUCT, test=True, card=card)])
    return kept.token.alias


async def _credentials(vault: Vault, config: Config) -> None:
    """Those of the sandbox's processor, for the products that use it and have none."""
    for product, settings in config.products.items():
        if settings.processor != _PROCESSOR or await vault.credentials.read(product, _PROCESSOR):
            continue
        entry = Entry(
            at=datetime.now(UTC),
            exchange="",
            action=Action.CREDENTIALS,
            outcome=Outcome.INTENT,
            origin=command_line(),
            product=product,
            detail=_PROCESSOR,
        )
        values = {"key": Secret("sandbox")}
        await vault.credentials.put(
            product, _PROCESSOR, values, entry=entry, once=None, answer=lambda _: b""
        )


def told(what: Tryout, addresses: Addresses, config: Config) -> str:
    """The text for the terminal."""
    proxy = "{}:{}".format(*addresses.proxy)
    endpoints = "{}:{}".format(*addresses.endpoints)
    metrics = "{}:{}".format(*addresses.metrics)
    control = "{}:{}".format(*addresses.control)
    pages = "" if addresses.pages is None else _PAGES.format(addresses.pages[1])
    ca = _short(config.authority / "mitmproxy-ca-cert.pem")
    curl = f"curl -sS -x http://{CLIENT}:{what.key.reveal()}@{proxy} --cacert {ca}"
    return f"""The gateway runs, on this machine only, with a sandbox of simulated partners.

  proxy      http://{proxy}     HTTPS_PROXY of a PMS
  endpoints  https://{endpoints}    URLs of the gateway itself
  control    http://{control}/readyz
  metrics    http://{metrics}/metrics
{pages}
Try, in another terminal:

1. A pull: the card comes back masked, with a token.
  {curl} https://siteminder.sandbox.test:9443/pmsxchangev2/services/SANDBOX -H 'Content-Type: text/xml; charset=utf-8' --data-binary @{_short(what.pull)}

2. A charge: the token goes in, the processor gets the card (https://127.0.0.1:9444/_sandbox/received).
  {curl} https://stripe.sandbox.test:9444/v1/payment_intents -u sk_test_sandbox: -d amount=1099 -d currency=eur -d confirm=true -d 'payment_method_data[type]=card' -d 'payment_method_data[card][number]={what.alias}'

3. A refusal: no route allows this; `card-gateway refused` prints the YAML that would.
  {curl} https://www.example.com/

Ctrl-C stops both. Vault and keys stay in {_short(config.state)}/.
"""


def _short(path: Path) -> str:
    """Relative to where the reader stands, when it is below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
