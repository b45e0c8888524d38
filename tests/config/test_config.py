"""gateway.yaml: what it may say, and every mistake with its line."""

import contextlib
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import InboxSettings, load_config, read_config
from gateway.config_values import Bind, HostAndPort, parse_bind, parse_host_and_port, parse_size
from gateway.errors import ConfigurationError
from tests.config.files import BASE, PYTHON, SHIPPED, messages, problems

# --- what comes out -------------------------------------------------------------------------------


def test_the_shortest_file_listens_on_loopback_only(write, tmp_path):
    config = read_config(write(""))
    listen = config.listen
    assert str(listen.proxy.address) == "127.0.0.1:8080"
    assert str(listen.endpoints.address) == "127.0.0.1:8443"
    assert str(listen.control.address) == "127.0.0.1:8081"
    assert str(listen.metrics) == "127.0.0.1:9108"
    assert not listen.proxy.authorization_required
    assert config.state == tmp_path / "state"
    assert config.rules == tmp_path / "rules"
    assert config.database == tmp_path / "state/vault.db"
    assert config.kek == tmp_path / "state/kek"
    assert config.authority == tmp_path / "state/ca"
    assert config.endpoints_tls.certificate == tmp_path / "state/ca/endpoints-cert.pem"
    assert config.endpoints_tls.key == tmp_path / "state/ca/endpoints-key.pem"
    assert config.packs is None
    assert config.limits.body == 48 << 20
    assert config.limits.head == 64 << 10


def test_a_file_that_says_everything(write, tmp_path):
    secret = tmp_path / "push-key"
    secret.write_text("0123456789abcdef\n")
    secret.chmod(0o600)
    config = load_config(
        write(
            """\
            listen:
              proxy:
                address: "[::]:8080"
                tls: { certificate: tls/c.pem, key: tls/k.pem }
                plain_text_networks: [10.0.0.0/8]
                authorization_required: true
              endpoints: { address: 0.0.0.0:8443, tls: { certificate: /etc/c.pem, key: k.pem } }
              control: { address: 10.0.0.1:8081, plain_text_networks: [10.0.0.0/24] }
              metrics: 0.0.0.0:9108
            state: data
            rules: /etc/rules
            packs: [siteminder, stripe]
            drafts: [newcomer]
            callers:
              channel-manager:
                networks: [192.0.2.1-192.0.2.2]
                header: { name: X-Push-Key, value_file: push-key }
                products: [seaside]
            hotels:
              siteminder: { "10107": seaside }
            variables: { pms: "http://127.0.0.1:9100" }
            trusted_proxies: [10.0.0.2]
            egress:
              private: [{ host: "*.PMS.internal.", networks: [10.1.2.0/24] }]
            test_hosts:
              "Siteminder.sandbox.test:9443":
                { stands_for: ws.SiteMinder.com, address: 127.0.0.1, ca: data/ca/sandbox-ca.pem }
            tunnel: [updates.pms.example, "[2001:db8::1]:8443"]
            limits: { head: 32 KiB, body: 1 MiB, request_seconds: 5, connections: 10 }
            b2b_bins: bins.csv
            log: { level: debug }
            """
        ),
        python=PYTHON,
    )
    proxy = config.listen.proxy
    assert proxy.address == Bind(IPv6Address("::"), 8080)
    assert proxy.tls.certificate == tmp_path / "tls/c.pem"
    assert proxy.authorization_required
    assert config.endpoints_tls.certificate == Path("/etc/c.pem")
    assert config.rules == Path("/etc/rules")
    assert config.packs == ("siteminder", "stripe")
    caller = config.callers["channel-manager"]
    assert caller.networks == (IPv4Network("192.0.2.1/32"), IPv4Network("192.0.2.2/32"))
    assert caller.header.secret().reveal() == "0123456789abcdef"
    assert caller.header.source() == (secret, None)
    assert config.hotels == {"siteminder": {"10107": "seaside"}}
    assert config.egress.private[0].host == "*.pms.internal"
    test_host = config.test_hosts[HostAndPort("siteminder.sandbox.test", 9443)]
    assert test_host.stands_for == "ws.siteminder.com"
    assert test_host.address == IPv4Address("127.0.0.1")
    assert test_host.ca == tmp_path / "data/ca/sandbox-ca.pem"
    assert [str(target) for target in config.tunnel] == [
        "updates.pms.example:443",
        "[2001:db8::1]:8443",
    ]
    assert (config.limits.head, config.limits.body) == (32 << 10, 1 << 20)
    assert config.b2b_bins == tmp_path / "bins.csv"


def test_the_shipped_file_is_right_and_on_loopback():
    config = read_config(SHIPPED, python=(3, 11))
    listen = config.listen
    for address in (listen.proxy.address, listen.endpoints.address, listen.control.address):
        assert address.host.is_loopback
    assert listen.metrics.host.is_loopback
    assert str(listen.pages.address) == "127.0.0.1:8444"
    assert config.products["seaside"].pages.name == "Hotel Seaside"
    assert {product.mode for product in config.products.values()} == {"test"}
    hotels = config.hotels["siteminder"]
    assert (hotels["10107"], hotels["20207"]) == ("seaside", "hilltop")
    assert {target.port for target in config.test_hosts} >= set(range(9443, 9447))


def test_what_the_shipped_file_shows_commented_can_be_set(tmp_path):
    text = SHIPPED.read_text(encoding="utf-8")
    for commented in ("  # grand: {", "# inbox: {"):
        assert text.count(commented) == 1
        text = text.replace(commented, commented.replace("# ", ""))
    file = tmp_path / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    shown = read_config(file, python=PYTHON)
    assert shown.products["grand"].hold_cvc_minutes == 15
    assert shown.inbox == InboxSettings()
    assert "inbox" in shown.model_fields_set


# --- what a key may hold --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("yaml", "line", "message"),
    [
        ("listen: { prox: 127.0.0.1:1 }", 5, "unknown key `prox`; did you mean `proxy`?"),
        ("ssl_insecure: true", 5, "unknown key `ssl_insecure`"),
        ("listen:\n  proxy:\n    address: 127.0.0.1:1\n    ssl_insecure: true", 8, "unknown key `ssl_insecure`"),
        ("limits: { body: 0 }", 5, "`0` is not a size; write it like `64 KiB` or `48 MiB`"),
        ("limits: { body: 48 MB }", 5, "`48 MB` is not a size; write it like `64 KiB` or `48 MiB`"),
        ("limits: { body: true }", 5, "`True` is not a size; write it like `64 KiB` or `48 MiB`"),
        ("limits: { request_seconds: 0 }", 5, "`request_seconds` must be greater than or equal to 1"),
        ("listen: { proxy: localhost:8080 }", 5, "`localhost:8080` does not start with an IP address; for this machine only, write `127.0.0.1:8080`"),
        ("listen: { proxy: 127.0.0.1 }", 5, "`127.0.0.1` is not an address with a port; write it like `127.0.0.1:8080`"),
        ("listen: { proxy: 127.0.0.1:70000 }", 5, "`127.0.0.1:70000` is not an address with a port; write it like `127.0.0.1:8080`"),
        ('listen: { metrics: "::1:8080" }', 5, "`::1:8080`: an IPv6 address wants brackets, like `[::1]:8080`"),
        ("trusted_proxies: [lb.internal]", 5, "`lb.internal` is not a network, an address, or a range"),
        ("trusted_proxies:\n  - 10.0.0.1\n  - 10.0.0.5/24", 7, "`10.0.0.5/24` has bits set beyond its prefix; write `10.0.0.0/24`, or `10.0.0.5` alone"),
        ('test_hosts:\n  "a.test:1":\n    stands_for: b.example\n    address: a.internal', 8, "`a.internal` is not an IP address; write the address itself, not a name"),
        ('test_hosts: { "a b:1": { stands_for: b.example, address: 127.0.0.1 } }', 5, "`a b` is not a host name"),
        ('test_hosts: { "a.test:0": { stands_for: b.example, address: 127.0.0.1 } }', 5, "`a.test:0`: ports go from 1 to 65535"),
        ('test_hosts: { "a:b:c": { stands_for: b.example, address: 127.0.0.1 } }', 5, "`a:b:c` is not a host, or a host with a port like `ws.example:9443`"),
        ("tunnel: [0x7f.1]", 5, "`0x7f.1` is not a host name"),
        ("packs: [stripe, stripe]", 5, "`stripe` stands here twice"),
        ('drafts: ["a b"]', 5, "`a b` is not a name: letters, digits, `.`, `_` and `-`, at most 64, and a letter or digit first"),
        ("log: { level: verbose }", 5, "`level` must be `debug`, `info`, `warning` or `error`"),
        ("allow_python_3_11: 1", 5, "`allow_python_3_11` must be true or false"),
        ('b2b_bins: ""', 5, "`` is not a path"),
        ("callers: { a: {} }", 5, "a caller without networks or credentials would be anyone"),
        ("callers:\n  a:\n    header: { name: X-Key }", 7, "name one source of the secret: a file or an environment variable"),
        ("callers:\n  a:\n    header: { name: X-Key, value_file: f, value_env: E }", 7, "name one source of the secret: a file or an environment variable"),
        ("callers:\n  a:\n    header: { name: X-Key, value: hunter2hunter2 }", 7, "unknown key `value`; did you mean `value_env`?"),
        ("callers: { a: { header: { name: X Key, value_env: E } } }", 5, "`X Key` is not the name of a header"),
        ("callers: { a: { certificate: { sha256: [abcd] } } }", 5, "`abcd` is not a SHA-256 fingerprint: 64 hexadecimal digits"),
    ],
)  # fmt: skip
def test_p37_a_mistake_is_told_with_its_line(write, yaml, line, message):
    assert (line, message) in messages(write(yaml))


@pytest.mark.parametrize(
    ("yaml", "place"),
    [
        ("listen:\n  proxy:\n    ssl_insecure: true", "7:5"),  # a key that is none: the key
        ("limits: { body: 48 MB }", "5:17"),  # a value that is none: the value
        ("trusted_proxies: [10.0.0.1, lb.internal]", "5:29"),
        ("callers: { a: {} }", "5:12"),  # what is missing: what it is missing in
        ("listen: { proxy: 127.0.0.1:1, control: 127.0.0.1:1 }", "5:40"),  # between two parts
    ],
)
def test_p37_a_mistake_is_told_with_its_column(write, yaml, place):
    file = write(yaml)
    with pytest.raises(ConfigurationError) as caught:
        read_config(file, python=PYTHON)
    assert f"{file}:{place}" in [problem.place for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("products", "clients", "line", "message"),
    [
        ("seaside: { merchant_code: 123, terminal: 1, mode: test }", "pms: { networks: [127.0.0.1] }", 2, "`merchant_code` must be text (quote it)"),
        ("seaside: { merchant_code: a, terminal: 1, mode: tset }", "pms: { networks: [127.0.0.1] }", 2, "`mode` must be `test` or `live`; did you mean `test`?"),
        ("seaside: { merchant_code: a, terminal: 1 }", "pms: { networks: [127.0.0.1] }", 2, "`mode` is missing in `seaside`"),
        ("seaside: { merchant_code: a, terminal: 0, mode: test }", "pms: { networks: [127.0.0.1] }", 2, "`terminal` must be greater than or equal to 1"),
        ("seaside: { merchant_code: a, terminal: 1, mode: test }", "pms: {}", 4, "`networks` is missing in `pms`"),
        ("seaside: { merchant_code: a, terminal: 1, mode: test }", "pms: { networks: [127.0.0.1], network_is_enough: { scopes: [admin] } }", 4, "item 1 of `scopes` must be `proxy` or `detokenize`"),
    ],
)  # fmt: skip
def test_p37_products_and_clients(write, products, clients, line, message):
    text = f"products:\n  {products}\nclients:\n  {clients}\n"
    assert (line, message) in messages(write("", base=text))


def test_all_mistakes_are_told_at_once(write):
    found = messages(write("limits: { body: lots }\nlog: { level: loud }\ntrusted_proxies: [x]\n"))
    assert [line for line, _ in found] == [5, 6, 7]


def test_a_file_that_is_not_there(tmp_path):
    assert messages(tmp_path / "none.yaml") == [
        (0, "the file can not be read: No such file or directory")
    ]


# --- what must fit together -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("yaml", "line", "message"),
    [
        ('hotels:\n  siteminder:\n    "10107": seaside\n    "20207": seasid', 8, "there is no product `seasid`; did you mean `seaside`?"),
        ("callers:\n  push:\n    networks: [127.0.0.1]\n    products: [hilltop]", 8, "there is no product `hilltop`"),
        ("listen: { proxy: 10.0.0.1:8443, endpoints: 10.0.0.1:8443 }", 5, "`endpoints` and `proxy` listen on the same address 10.0.0.1:8443"),
        ('test_hosts:\n  "a.test:1": { stands_for: b.example, address: 127.0.0.1 }\n  "A.test.:1": { stands_for: c.example, address: 127.0.0.1 }', 7, "`A.test.:1` and `a.test:1` are the same host and port"),
        ('test_hosts:\n  "a.test:1": { stands_for: b.test, address: 127.0.0.1 }\n  "b.test:1": { stands_for: b.test, address: 127.0.0.1 }', 6, "`a.test:1` stands for `b.test`, which is a stand-in itself"),
        ('test_hosts:\n  "a.test:1": { stands_for: b.example, address: 127.0.0.1 }\ntunnel: ["a.test:1"]', 7, "`a.test:1` stands under `test_hosts:` too, and would pass blind"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together(write, yaml, line, message):
    assert (line, message) in messages(write(yaml))


def test_two_products_are_not_the_same_tenant(write):
    text = BASE.replace(
        "clients:", "  hilltop: { merchant_code: abc123, terminal: 1, mode: live }\nclients:"
    )
    assert problems(write("", base=text)) == [
        (
            3,
            "`hilltop` and `seaside` have the same merchant_code and terminal",
            "A token belongs to one product: remove one of them.",
        )
    ]


def test_a_network_that_is_enough_must_say_one_client(write):
    text = BASE + "  a: { networks: [10.0.0.0/8], network_is_enough: {} }\n"
    text += "  b: { networks: [10.1.0.0/16], network_is_enough: { products: [seasides] } }\n"
    assert problems(write("", base=text)) == [
        (
            6,
            "the networks of `b` and `a` overlap, and both are `network_is_enough`",
            "Nobody could tell who calls: narrow one of them.",
        ),
        (6, "there is no product `seasides`; did you mean `seaside`?", "Products stand under `products:`."),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["proxy", "control"])
def test_beyond_loopback_a_listener_speaks_tls(write, name):
    ((line, message, hint),) = problems(write(f"listen:\n  {name}: 0.0.0.0:1234\n"))
    assert (line, message) == (6, f"`{name}` listens beyond loopback (0.0.0.0:1234) without TLS")
    assert "plain_text_networks" in hint
    tls = "{ address: 0.0.0.0:1234, tls: { certificate: c, key: k } }"
    assert read_config(write(f"listen:\n  {name}: {tls}\n"), python=PYTHON)
    named = "{ address: 0.0.0.0:1234, plain_text_networks: [192.168.0.0/16] }"
    assert read_config(write(f"listen:\n  {name}: {named}\n"), python=PYTHON)


def test_plain_text_is_for_private_networks(write):
    text = "listen:\n  proxy:\n    address: 0.0.0.0:1\n    plain_text_networks: [0.0.0.0/0]\n"
    assert messages(write(text)) == [
        (8, "`0.0.0.0/0` is not private, so nobody may speak plain text from there")
    ]


def test_endpoints_always_speak_tls_and_metrics_never_must(write):
    config = read_config(
        write("listen: { endpoints: 0.0.0.0:8443, metrics: 0.0.0.0:9108 }"), python=PYTHON
    )
    assert config.listen.endpoints.address.host == ip_address("0.0.0.0")


def test_a_tunnel_beside_other_test_hosts_is_fine(write):
    text = """
    test_hosts: { "a.test:1": { stands_for: a.test, address: 127.0.0.1 } }
    tunnel: [updates.pms.example]
    """
    assert read_config(write(text), python=PYTHON).tunnel


def test_python_3_11_stays_on_loopback_unless_told_otherwise(write):
    text = "listen: { endpoints: 0.0.0.0:8443, metrics: 0.0.0.0:9108 }\n"
    ((line, message, hint),) = problems(write(text), python=(3, 11))
    assert line == 5
    assert message.startswith("`endpoints` listens beyond loopback (0.0.0.0:8443) on Python 3.11")
    assert "allow_python_3_11: true" in hint
    assert read_config(write(text + "allow_python_3_11: true\n"), python=(3, 11))
    assert read_config(write(text), python=(3, 12))


# --- values ---------------------------------------------------------------------------------------


@given(st.ip_addresses(), st.integers(0, 65535))
def test_a_bind_address_reads_what_it_writes(host, port):
    if getattr(host, "ipv4_mapped", None) is None:
        assert parse_bind(str(Bind(host, port))) == Bind(host, port)


@given(st.text(max_size=20))
def test_values_are_read_or_refused(text):
    for parse in (parse_bind, parse_host_and_port, parse_size):
        with contextlib.suppress(ValueError):
            parse(text)


@pytest.mark.parametrize(
    ("value", "size"),
    [(1, 1), ("5", 5), ("64 KiB", 65536), ("48MiB", 48 << 20), ("1 GiB", 1 << 30)],
)
def test_sizes(value, size):
    assert parse_size(value) == size
