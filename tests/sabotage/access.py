"""P28 to P34: who may call, where it may go, what may be said."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

CLIENTS = ("tests/access/test_access_clients.py",)
KEYS = ("tests/access/test_access_keys.py",)
CALLERS = ("tests/access/test_access_callers.py",)
NETWORKS = ("tests/access/test_access_networks.py", "tests/test_networks.py")
EGRESS = ("tests/test_egress.py",)
DIAL = ("tests/engine/test_dial.py",)
LIMITS = "tests/engine/test_limits.py"
MATCH = ("tests/rules/test_match.py",)
SMUGGLING = ("tests/engine/test_smuggling.py::test_p34_corpus",)
CHARGE = "tests/e2e/test_charge.py"
ACCESS = "tests/e2e/test_access.py"

PAYCOMET = "tests/e2e/test_paycomet_siteminder.py"
PAYCOMET_FAULTS = "tests/e2e/test_paycomet_siteminder_faults.py"

BREAKAGES = (
    Breakage(
        "take a key's word for as long as its request comes in",
        "P28",
        "gateway/pipeline.py",
        "        self._s.admitting.again(exchange)\n",
        "",
        (
            (
                "tests/e2e/test_key_meanwhile.py"
                "::test_p28_a_key_that_is_taken_away_while_its_request_comes_in"
            ),
        ),
    ),
    Breakage(
        "call whatever URL a channel's request names",
        "P30",
        "gateway/stages/admit.py",
        "        if not allows(route, authority, stands_for, path):",
        "        if route is None:",
        (f"{PAYCOMET_FAULTS}::test_p30_it_is_no_open_relay",),
    ),
    Breakage(
        "compare no scheme and port with the route's target",
        "P30",
        "gateway/rules/match.py",
        "        and (to.port == authority.port or stands_for != authority.host)\n"
        "        and _candidate",
        "        and _candidate",
        (f"{PAYCOMET_FAULTS}::test_p30_it_is_no_open_relay",),
    ),
    Breakage(
        "file a card under another product than the request names",
        "P06",
        "gateway/stages/filling.py",
        "        if exchange.product_fixed and product.name != exchange.product_named:",
        "        if exchange.product_fixed and not product.name:",
        (f"{PAYCOMET}::test_cards_go_to_the_product_that_the_request_names_or_to_none",),
    ),
    Breakage(
        "compare keys by a prefix",
        "P28",
        "gateway/access/keys.py",
        "hmac.compare_digest(_hash(text), _NO_HASH if row is None else row.hash)",
        "hmac.compare_digest(_hash(text)[:0], (_NO_HASH if row is None else row.hash)[:0])",
        KEYS,
    ),
    Breakage(
        "keys live for ever",
        "P28",
        "gateway/access/keys.py",
        "    return row.revoked is None and (row.expires is None or now < row.expires)",
        "    return row.revoked is None",
        KEYS,
    ),
    Breakage(
        "read the keys once",
        "P28",
        "gateway/access/keys.py",
        "        is_old = self._read is None or not timedelta(0) <= now - self._read[0] < FRESH",
        "        is_old = self._read is None",
        KEYS,
    ),
    Breakage(
        "skip the scope",
        "P28",
        "gateway/stages/admit.py",
        '        if route.auth == "key" and route.scope not in admission.scopes:',
        '        if route.auth == "key" and not route.scope:',
        (f"{CHARGE}::test_p28_without_the_scope_nothing_is_put_in",),
    ),
    Breakage(
        "skip whether a product is permitted",
        "P28",
        "gateway/access/products.py",
        "        if permitted is not None and name not in permitted:",
        "        if permitted is not None and not name:",
        ("tests/access/test_access_products.py",),
    ),
    Breakage(
        "one proof of a push caller is enough",
        "P28",
        "gateway/access/callers.py",
        "not all([*entry.outcomes(request)])",
        "not any([*entry.outcomes(request)])",
        CALLERS,
    ),
    Breakage(
        "skip the networks of a key",
        "P28",
        "gateway/access/clients.py",
        "        return not row.networks or holds(_networks(row.networks), address)",
        "        return True",
        CLIENTS,
    ),
    Breakage(
        "a tunnel outlives its key",
        "P28",
        "gateway/access/clients.py",
        "        row = self.keys.live(id)\n",
        "        row = {row.id: row for row in self.keys._table.all()}.get(id)\n",
        CLIENTS,
    ),
    Breakage(
        "send our keys upstream",
        "P28",
        "gateway/stages/admit.py",
        "        self._access.strip(headers)\n",
        "",
        (f"{ACCESS}::test_a_partners_own_api_key_passes_and_ours_does_not",),
    ),
    Breakage(
        "show a pusher's secret to the PMS",
        "P28",
        "gateway/stages/admit.py",
        '        if route.auth != "key" and not self.reads_body(route):\n'
        "            self._access.forget(route.auth, headers)\n",
        "",
        ("tests/e2e/test_push.py::test_p28_the_pms_never_sees_the_push_key",),
    ),
    Breakage(
        "trust X-Forwarded-For from anyone",
        "P29",
        "gateway/access/networks.py",
        "    while hops and holds(trusted, address):",
        "    while hops:",
        NETWORKS,
    ),
    Breakage(
        "believe X-Forwarded-For inside a tunnel",
        "P29",
        "gateway/stages/admit.py",
        "            exchange.client = tunnel.address\n",
        "            exchange.client = self._access.client_of(exchange.peer.address, headers)\n",
        ("tests/stages/test_admit.py",),
    ),
    Breakage(
        "an IPv4-mapped address is IPv6",
        "P29",
        "gateway/networks.py",
        "    return address.ipv4_mapped or IPv6Address(int(address))",
        "    return IPv6Address(int(address))",
        NETWORKS,
    ),
    Breakage(
        "dial the host instead of the checked address",
        "P30",
        "gateway/reach.py",
        "await connect(address, port)",
        "await connect((await egress._resolve(host, port) or [address])[0], port)",
        DIAL,
    ),
    Breakage(
        "allow private addresses",
        "P30",
        "gateway/egress.py",
        "        return kind in _OPENABLE and any(",
        "        return kind in _OPENABLE or any(",
        EGRESS,
    ),
    Breakage(
        "let an exception open the metadata service",
        "P30",
        "gateway/egress.py",
        'frozenset({"private", "loopback", "link_local", "cgnat"})',
        'frozenset({"private", "loopback", "link_local", "cgnat", "metadata"})',
        EGRESS,
    ),
    Breakage(
        "an IPv4-mapped address leads elsewhere",
        "P30",
        "gateway/egress.py",
        "    return address.ipv4_mapped or IPv6Address(int(address))",
        "    return IPv6Address(int(address))",
        EGRESS,
    ),
    Breakage(
        "reach our own listeners",
        "P31",
        "gateway/egress.py",
        "        allowed = [address for address in allowed if not self._is_own(address, port)]\n",
        "",
        (*EGRESS, *DIAL),
    ),
    Breakage(
        "the control port is not one of our own",
        "P31",
        "gateway/worker.py",
        "        host, port = bound.getsockname()[:2]\n"
        "        self._egress.claim(ip_address(host), port)\n",
        "        host, port = bound.getsockname()[:2]\n",
        (
            f"{ACCESS}::test_p31_each_listener_is_one_of_our_own_even_where_its_address_is_permitted",
        ),
    ),
    Breakage(
        "a path pattern without an end",
        "P32",
        "gateway/rules/match.py",
        "            and one.regex.fullmatch(path)",
        "            and one.regex.match(path)",
        MATCH,
    ),
    Breakage(
        "let dot segments pass",
        "P32",
        "gateway/rules/match.py",
        "not _QUERY.fullmatch(query) or _DOTTED.search(bare)",
        "not _QUERY.fullmatch(query)",
        MATCH,
    ),
    Breakage(
        "a trailing dot makes another host",
        "P32",
        "gateway/authority.py",
        '.lower().removesuffix(".")',
        ".lower()",
        ("tests/test_authority.py",),
    ),
    Breakage(
        "dripping a body keeps it alive",
        "P33",
        "gateway/engine/session.py",
        "        self.expire_in(max(0.0, seconds + size / _BYTES_A_SECOND - passed))",
        "        self.expire_in(seconds + 0 * passed)",
        (f"{LIMITS}::test_p33_slow_body_times_out_though_it_drips",),
    ),
    Breakage(
        "read a head of any length",
        "P33",
        "gateway/engine/reader.py",
        "            if end > limits.head or (end < 0 and len(client.buffer) > limits.head):",
        "            if end > limits.head * 99:",
        (f"{LIMITS}::test_p33_head_over_the_limit_is_431_on_each_listener",),
    ),
    Breakage(
        "strangers hold every connection",
        "P33",
        "gateway/engine/master.py",
        "        min(strangers, key=lambda handler: handler.born).abort()\n",
        "        return False\n",
        (f"{LIMITS}::test_p33_the_oldest_stranger_gives_way_when_connections_run_out",),
    ),
    Breakage(
        "dial before anyone was admitted",
        "P33",
        "gateway/engine/http.py",
        "        self._insist(boundary.admit(session, exchange))\n",
        "        if exchange.request.authority:\n"
        "            yield from self.upstreams.reach(exchange.request.authority)\n"
        "        self._insist(boundary.admit(session, exchange))\n",
        (f"{LIMITS}::test_p33_nobody_dials_before_admission",),
    ),
    Breakage(
        "accept Content-Length beside Transfer-Encoding",
        "P34",
        "gateway/engine/http1.py",
        "        if lengths or len(codings) > 1 or",
        "        if len(codings) > 1 or",
        SMUGGLING,
    ),
    Breakage(
        "accept two lengths",
        "P34",
        "gateway/engine/http1.py",
        "    if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:",
        "    if _LENGTH.fullmatch(lengths[0]) is None:",
        SMUGGLING,
    ),
    Breakage(
        "accept bare line feeds",
        "P34",
        "gateway/engine/http1.py",
        "    if bare is not None and not (",
        "    if bare is None and not (",
        SMUGGLING,
    ),
)
