"""P01 to P08: clear card data goes where it must not."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

BOUNDARY = "tests/engine/test_boundary.py"
TRUST = "tests/engine/test_trust.py"
SMUGGLING = ("tests/engine/test_smuggling.py::test_p34_corpus",)
PULL = "tests/e2e/test_pull.py"
PUSH = "tests/e2e/test_push.py"
CHARGE = "tests/e2e/test_charge.py"

BREAKAGES = (
    Breakage(
        "an exception counts as a clearance",
        "P01",
        "gateway/engine/boundary.py",
        "        self.verdict = _INTERNAL\n        if isinstance(value, GatewayError):",
        "        self.verdict = CLEARED\n        if isinstance(value, GatewayError):",
        (f"{BOUNDARY}::test_p01_an_exception_at_any_stage_forwards_nothing",),
    ),
    Breakage(
        "forward on anything but a refusal",
        "P01",
        "gateway/engine/http.py",
        "        if verdict is CLEARED:\n            return",
        "        if not isinstance(verdict, GatewayError):\n            return",
        (f"{BOUNDARY}::test_p02_only_a_clearance_lets_a_message_go_on",),
    ),
    Breakage(
        "cleared until something says otherwise",
        "P02",
        "gateway/engine/boundary.py",
        "        self.verdict: Verdict = _INTERNAL\n",
        "        self.verdict: Verdict = CLEARED\n",
        (f"{BOUNDARY}::test_p02_clearance_is_said_not_assumed",),
    ),
    Breakage(
        "answer with a response that was put there beforehand",
        "P02",
        "gateway/engine/boundary.py",
        "            if exchange.response is not response:",
        "            if exchange.response is None:",
        (f"{BOUNDARY}::test_p02_a_response_set_beforehand_is_not_sent",),
    ),
    Breakage(
        "take whatever stands in a partner's token's place for its token",
        "P03",
        "gateway/stages/card_place.py",
        '    return not find_cards(text.encode("utf-8", "surrogatepass"))',
        "    return bool(text)",
        ("tests/stages/test_foreign.py::test_p03_a_card_where_the_token_stands_is_a_card",),
    ),
    Breakage(
        "drop the guard of the body",
        "P03",
        "gateway/stages/last_look.py",
        "            if not body:\n                return body\n",
        "            return body\n",
        (f"{PULL}::test_p11_a_card_in_a_guests_remark_is_masked_and_the_rest_comes",),
    ),
    Breakage(
        "drop the guard of the headers",
        "P03",
        "gateway/stages/last_look.py",
        "            exchange.counts.guarded += guard_headers(headers, exchange.known)",
        "            exchange.counts.guarded += 0",
        (f"{PULL}::test_p11_a_card_in_a_header_is_masked",),
    ),
    Breakage(
        "drop the guard of the status line",
        "P03",
        "gateway/stages/last_look.py",
        "            response.reason, found = guard_text(response.reason, exchange.known)\n",
        "            found = 0\n",
        ("tests/e2e/test_faults.py::test_p03_p16_a_pull_from_a_broken_partner",),
    ),
    Breakage(
        "drop the guard of a push's path",
        "P03",
        "gateway/stages/last_look.py",
        "        request.path, found = guard_text(request.path, exchange.known)\n",
        "        found = 0\n",
        (PUSH,),
    ),
    Breakage(
        "do not remove the CVC",
        "P03",
        "gateway/stages/tokenize.py",
        "yield Remove(node)",
        "yield from ()",
        (f"{PULL}::test_p03_the_cvc_goes",),
    ),
    Breakage(
        "forget the card that was put in",
        "P03",
        "gateway/stages/cards_in.py",
        "            exchange.known[found.card.pan.reveal()] = shown_again(spot, found)\n",
        "            del spot, found\n",
        (f"{CHARGE}::test_p03_an_echoed_card_becomes_its_token_again",),
    ),
    Breakage(
        "mask eight and four",
        "P03",
        "gateway/cards/pan.py",
        '    return digits[:6] + "*" * (len(digits) - 10) + digits[-4:]',
        '    return digits[:8] + "*" * (len(digits) - 12) + digits[-4:]',
        ("tests/cards/test_pan.py",),
    ),
    Breakage(
        "skip the server name",
        "P04",
        "gateway/engine/target.py",
        "        if sni is not None and normalize_host(sni) != tunnel.host:",
        "        if sni is not None and normalize_host(sni) == '':",
        (f"{TRUST}::test_p04_connect_target_server_name_host_and_url_must_agree",),
    ),
    Breakage(
        "skip the Host field",
        "P04",
        "gateway/engine/target.py",
        "        if authority is not None and named != (authority.host, authority.port):",
        "        if authority is not None and named == ('', 0):",
        (f"{TRUST}::test_p04_connect_target_server_name_host_and_url_must_agree",),
    ),
    Breakage(
        "any port of a routed host",
        "P04",
        "gateway/rules/match.py",
        "                    and (to.port == authority.port or not same)\n",
        "                    and (to.port == authority.port or same or not same)\n",
        ("tests/rules/test_match.py",),
    ),
    Breakage(
        "do not verify the upstream's name",
        "P05",
        "gateway/trust.py",
        "    context.minimum_version = ssl.TLSVersion.TLSv1_2\n",
        "    context.minimum_version = ssl.TLSVersion.TLSv1_2\n    context.check_hostname = False\n",
        (f"{TRUST}::test_p05_upstream_that_is_not_verified_gets_nothing",),
    ),
    Breakage(
        "reach the client's server name instead of the host",
        "P05",
        "gateway/engine/handler.py",
        "            reader, writer = await self._dialer.dial(connection)\n",
        "            connection.address = (self.client.sni or connection.address[0], connection.address[1])\n"
        "            reader, writer = await self._dialer.dial(connection)\n",
        (
            f"{TRUST}::test_p05_the_certificate_is_verified_against_the_host_not_the_clients_server_name",
        ),
    ),
    Breakage(
        "speak any TLS upstream",
        "P05",
        "gateway/trust.py",
        "    context.minimum_version = ssl.TLSVersion.TLSv1_2\n",
        "    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED\n"
        '    context.set_ciphers("ALL:@SECLEVEL=0")\n',
        (f"{TRUST}::test_p05_upstream_that_is_not_verified_gets_nothing",),
    ),
    Breakage(
        "trust a private authority for every host",
        "P05",
        "gateway/egress.py",
        "        return None if stand_in is None else stand_in.ca",
        "        return next((one.ca for one in self._stand_ins.values()), None)",
        ("tests/test_egress.py",),
    ),
    Breakage(
        "skip the product of a token",
        "P06",
        "gateway/vault/resolve.py",
        "        if card.product not in want.products or (test != token.test and not want.any_mode):",
        "        if test != token.test and not want.any_mode:",
        ("tests/vault/test_vault_secrecy.py",),
    ),
    Breakage(
        "skip the mode of a token",
        "P06",
        "gateway/vault/resolve.py",
        "        if card.product not in want.products or (test != token.test and not want.any_mode):",
        "        if card.product not in want.products:",
        ("tests/vault/test_vault_secrecy.py",),
    ),
    Breakage(
        "skip the tokenuser",
        "P06",
        "gateway/vault/resolve.py",
        "        if row is None or not genuine:",
        "        if row is None:",
        ("tests/vault/test_vault_secrecy.py",),
    ),
    Breakage(
        "resolve for a product that the key does not have",
        "P06",
        "gateway/access/clients.py",
        "        return self.all_products & admission.products",
        "        return self.all_products",
        (f"{CHARGE}::test_p06_a_token_of_another_product_is_unknown",),
    ),
    Breakage(
        "put the card in wherever its token stands",
        "P07",
        "gateway/stages/cards_in.py",
        "        exchange.counts.detokenized += len(cards)\n        return spliced.body",
        "        exchange.counts.detokenized += len(cards)\n"
        "        return spliced.body.replace("
        "cards[0][1].token.alias.encode(), cards[0][1].card.pan.reveal().encode())",
        (f"{CHARGE}::test_p07_a_token_in_a_field_that_the_rule_does_not_name_stays_a_token",),
    ),
    Breakage(
        "anything may follow a CONNECT",
        "P08",
        "gateway/engine/layers.py",
        "            self.board.boundary.refused_head(self.session, HttpInvalid())\n"
        "            return Closed(self.context)\n"
        "        if isinstance(self.target, Blind):",
        "            target = Blind(self.target.host, self.target.port)\n"
        "            return Relay(self.context, self.session, target)\n"
        "        if isinstance(self.target, Blind):",
        (f"{BOUNDARY}::test_p08_only_tls_may_follow_a_connect",),
    ),
    Breakage(
        "let a client upgrade",
        "P08",
        "gateway/engine/http1.py",
        '    if "Upgrade" in headers or "Trailer" in headers or',
        '    if "Trailer" in headers or',
        SMUGGLING,
    ),
    Breakage(
        "let an upstream switch protocols",
        "P08",
        "gateway/engine/http1.py",
        '    if line is None or line[2].startswith(b"1"):',
        "    if line is None:",
        (f"{BOUNDARY}::test_p08_a_switch_that_upstream_starts_is_refused",),
    ),
    Breakage(
        "take trailers",
        "P08",
        "gateway/engine/http1.py",
        '        if buffer[at : at + 2] != b"\\r\\n":\n            raise Malformed\n'
        "        self.done = True\n        return at + 2",
        "        self.done = True\n"
        '        trailers = buffer[at : at + 2] != b"\\r\\n"\n'
        '        return (buffer.index(b"\\r\\n\\r\\n", at) + 4) if trailers else at + 2',
        SMUGGLING,
    ),
    Breakage(
        "a tunnelled host passes blind though a route looks into it",
        "P08",
        "gateway/stages/admit.py",
        "        if matcher.knows(stands_for):",
        "        if matcher.knows(stands_for) and (host, port) not in self._tunnels:",
        ("tests/stages/test_admit.py",),
    ),
)
