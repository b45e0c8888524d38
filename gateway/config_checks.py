"""What one key of gateway.yaml can not tell by itself: names that must exist, things that clash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gateway.config_values import HostAndPort, parse_host_and_port
from gateway.errors import Problem
from gateway.networks import is_private, overlap
from gateway.yaml_model import suggest
from gateway.yaml_place import Key, Located

if TYPE_CHECKING:
    from gateway.config import Config, Listener
    from gateway.config_section import SecretSource

_PLAIN = "Give it `tls: {certificate: …, key: …}`, or name the private networks under `plain_text_networks:`."
_PYTHON_3_11 = (
    "Run it on Python 3.12 or newer, or write `allow_python_3_11: true` if this is no production."
)


def of_file(config: Config, located: Located, python: tuple[int, int]) -> list[Problem]:
    """Every problem between the parts of the file, in the order of its lines."""
    found = [
        *_listeners(config, located, python),
        *_same_ports(config, located),
        *_products(config, located),
        *_clients(config, located),
        *_test_hosts(config, located),
        *_recaptures(config, located),
    ]
    return sorted(found, key=lambda problem: problem.order)


def secrets(config: Config, located: Located) -> list[Problem]:
    """Every secret that the file names and that is absent, too short, or open to others."""
    made = "A new one: card-gateway certs init makes the files that are missing."
    found = [
        _secret(located, ("callers", name, key), method, made)
        for name, caller in config.callers.items()
        for key, method in caller.secrets().items()
    ]
    found += [
        _secret(located, ("clients", name, "webhook", "secret"), webhook.secret, "")
        for name, webhook in config.webhooks.items()
    ]
    rapid = config.recaptures.expedia_rapid
    found += [
        _secret(located, ("recaptures", "expedia-rapid", *keys), source, "")
        for keys, source in (rapid.secrets() if rapid is not None else {}).items()
    ]
    found += [
        _secret(located, ("vault", name, *keys), source, "")
        for name, kek in (("kek", config.vault.kek), ("next_kek", config.vault.next_kek))
        for keys, source in (kek.secrets() if kek is not None else ())
    ]
    return [problem for problem in found if problem is not None]


def _secret(
    located: Located, place: tuple[Key, ...], source: SecretSource, hint: str
) -> Problem | None:
    try:
        source.secret()
    except ValueError as error:
        missing = "does not exist" in str(error)
        return located.problem(place, str(error), hint if missing else "")
    return None


def _listeners(config: Config, located: Located, python: tuple[int, int]) -> Iterator[Problem]:
    listen = config.listen
    listeners: dict[str, Listener] = {
        "proxy": listen.proxy,
        "endpoints": listen.endpoints,
        "control": listen.control,
    } | ({"pages": listen.pages} if config.has_pages else {})
    for name, listener in listeners.items():
        place = ("listen", name)
        for network in listener.plain_text_networks:
            if not is_private(network):
                message = f"`{network}` is not private, so nobody may speak plain text from there"
                yield located.problem((*place, "plain_text_networks"), message, _PLAIN)
        if name == "pages" and listener.plain_text_networks:
            message = "`pages` speaks TLS to everyone: a card is typed there"
            hint = "Leave out `plain_text_networks:`."
            yield located.problem((*place, "plain_text_networks"), message, hint)
        if name == "control" and listener.tls is not None and listener.plain_text_networks:
            message = "`control` has TLS, so nobody may speak plain text to it"
            hint = "Leave out either `tls:` or `plain_text_networks:`."
            yield located.problem((*place, "plain_text_networks"), message, hint)
        if listener.address.host.is_loopback:
            continue
        speaks_tls = name in {"endpoints", "pages"} or listener.tls is not None
        if not speaks_tls and not listener.plain_text_networks:
            message = f"`{name}` listens beyond loopback ({listener.address}) without TLS"
            yield located.problem(place, message, _PLAIN)
        if python < (3, 12) and not config.allow_python_3_11:
            message = (
                f"`{name}` listens beyond loopback ({listener.address}) on Python 3.11, "
                "whose newest mitmproxy has known flaws in HTTP"
            )
            yield located.problem(place, message, _PYTHON_3_11)


def _same_ports(config: Config, located: Located) -> Iterator[Problem]:
    listen = config.listen
    binds = {
        "proxy": listen.proxy.address,
        "endpoints": listen.endpoints.address,
        "control": listen.control.address,
        "metrics": listen.metrics,
    } | ({"pages": listen.pages.address} if config.has_pages else {})
    names = list(binds)
    for place, name in enumerate(names):
        for other in names[:place]:
            if binds[name] == binds[other] and binds[name].port:
                message = f"`{name}` and `{other}` listen on the same address {binds[name]}"
                yield located.problem(("listen", name), message)


def _products(config: Config, located: Located) -> Iterator[Problem]:
    seen: dict[tuple[str, int], str] = {}
    for name, product in config.products.items():
        pair = (product.merchant_code, product.terminal)
        first = seen.setdefault(pair, name)
        if first != name:
            message = f"`{name}` and `{first}` have the same merchant_code and terminal"
            yield located.problem(
                ("products", name), message, "A token belongs to one product: remove one of them."
            )
    for system, hotels in config.hotels.items():
        for hotel, name in hotels.items():
            yield from _known(config, located, ("hotels", system, hotel), (name,))
    for name, caller in config.callers.items():
        yield from _known(config, located, ("callers", name, "products"), caller.products)
    for name, client in config.clients.items():
        if client.network_is_enough is not None:
            place = ("clients", name, "network_is_enough", "products")
            yield from _known(config, located, place, client.network_is_enough.products)


def _known(
    config: Config, located: Located, place: tuple[Key, ...], names: Sequence[str]
) -> Iterator[Problem]:
    for name in names:
        if name not in config.products:
            message = f"there is no product `{name}`{suggest(name, config.products)}"
            yield located.problem(place, message, "Products stand under `products:`.")


def _clients(config: Config, located: Located) -> Iterator[Problem]:
    """Without a key only the network says who calls, so it must say one client."""
    without = [
        (name, client.networks)
        for name, client in config.clients.items()
        if client.network_is_enough is not None
    ]
    for place, (name, networks) in enumerate(without):
        for other, others in without[:place]:
            if overlap(networks, others):
                message = f"the networks of `{name}` and `{other}` overlap, and both are `network_is_enough`"
                yield located.problem(
                    ("clients", name), message, "Nobody could tell who calls: narrow one of them."
                )


def _recaptures(config: Config, located: Located) -> Iterator[Problem]:
    rapid, place = config.recaptures.expedia_rapid, ("recaptures", "expedia-rapid")
    if rapid is None:
        return
    if rapid.client not in config.clients:
        message = f"there is no client `{rapid.client}`{suggest(rapid.client, config.clients)}"
        yield located.problem((*place, "client"), message, "Clients stand under `clients:`.")
    if rapid.url.path != "/":
        message = f"`{rapid.url.base}{rapid.url.path}`: Rapid's links name their path themselves"
        yield located.problem((*place, "url"), message, f"Write `{rapid.url.base}`.")
    named = rapid.notifications
    if named is not None and named.caller not in config.callers:
        message = f"there is no caller `{named.caller}`{suggest(named.caller, config.callers)}"
        hint = "Callers stand under `callers:`."
        yield located.problem((*place, "notifications", "caller"), message, hint)
    elif named is not None and config.callers[named.caller].wsse is not None:
        message = f"`{named.caller}` shows a WS-Security token, and a notification has none"
        yield located.problem((*place, "notifications", "caller"), message)
    elif named is not None and named.signed and config.callers[named.caller].basic is not None:
        message = "`signed:` and the caller's `basic:` both want the Authorization header"
        yield located.problem((*place, "notifications", "signed"), message)


def _test_hosts(config: Config, located: Located) -> Iterator[Problem]:
    stand_ins = {target.host for target in config.test_hosts}
    seen: dict[HostAndPort, str] = {}
    for key in _keys(located, "test_hosts"):
        target = parse_host_and_port(key)
        place = ("test_hosts", key)
        if seen.setdefault(target, key) != key:
            yield located.problem(place, f"`{key}` and `{seen[target]}` are the same host and port")
        stands_for = config.test_hosts[target].stands_for
        if stands_for in stand_ins and stands_for != target.host:  # itself: no partner behind it
            message = f"`{key}` stands for `{stands_for}`, which is a stand-in itself"
            yield located.problem(place, message)
    for index, target in enumerate(config.tunnel):
        if target in config.test_hosts:
            message = f"`{target}` stands under `test_hosts:` too, and would pass blind"
            yield located.problem(("tunnel", index), message)


def _keys(located: Located, section: str) -> list[str]:
    data = located.data
    part = data.get(section) if isinstance(data, dict) else None
    return list(part) if isinstance(part, dict) else []
