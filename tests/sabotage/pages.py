"""Pages in a browser: what links, headers and forms promise."""

from __future__ import annotations

from typing import Final

from tests.sabotage.breakage import Breakage

PAGES: Final = ("tests/pages/test_pages.py",)
NONCE: Final = ("tests/pages/test_pages_nonce.py",)
CAPTURE: Final = ("tests/pages/test_capture.py", "tests/pages/test_capture_links.py")
CHALLENGE: Final = ("tests/pages/test_challenge.py",)
LINKS: Final = ("tests/vault/test_vault_links.py",)

BREAKAGES: Final = [
    Breakage(
        "look a capture link's card up before what its key was answered",
        "P24",
        "gateway/control/captures.py",
        "            body = await self._requests.repeated(entry, once)\n",
        "            body = None\n",
        (f"{CAPTURE[0]}::test_p24_a_link_for_a_code_is_told_again_after_its_card_was_forgotten",),
    ),
    Breakage(
        "keep a link's secret in clear",
        "P35",
        "gateway/vault/links.py",
        '    return hashlib.sha256(_LABEL + secret.reveal().encode("utf-8", "surrogatepass")).digest()',
        '    return hashlib.sha256(_LABEL).digest() + secret.reveal().encode("utf-8", "surrogatepass")',
        LINKS,
    ),
    Breakage(
        "do what a link is for, and leave it open",
        "P35",
        "gateway/vault/links.py",
        "        self._put(connection, replace(link, held=held), LinkState.USED)",
        "        self._put(connection, replace(link, held=held), LinkState.OPEN)",
        LINKS,
    ),
    Breakage(
        "use a link after its end",
        "P35",
        "gateway/vault/links.py",
        "        if link is None or link.row.state_at(self._clock()) is not LinkState.OPEN:",
        "        if link is None or link.row.state is not LinkState.OPEN:",
        LINKS,
    ),
    Breakage(
        "show the page of a link that is not open",
        "P35",
        "gateway/pages/app.py",
        "        if link.row.state_at(self._clock()) is not LinkState.OPEN:",
        "        if link.row.state_at(self._clock()) is LinkState.REVOKED:",
        PAGES,
    ),
    Breakage(
        "let browsers store pages",
        "P35",
        "gateway/pages/headers.py",
        '    "Cache-Control": "no-store",\n',
        "",
        PAGES,
    ),
    Breakage(
        "let any site frame a page",
        "P35",
        "gateway/pages/headers.py",
        """    return f"frame-ancestors {' '.join(frame) or chr(39) + 'none' + chr(39)}\"""",
        """    return f"frame-ancestors {'*' if frame else chr(39) + 'none' + chr(39)}\"""",
        PAGES,
    ),
    Breakage(
        "mark the scripts of every page alike",
        "P35",
        "gateway/pages/headers.py",
        "    return secrets.token_urlsafe(_NONCE_BYTES)",
        '    return secrets.token_urlsafe(_NONCE_BYTES)[:0] + "A" * 22',
        NONCE,
    ),
    Breakage(
        "run whatever script lies on the pages' origin",
        "P35",
        "gateway/pages/headers.py",
        """        f"script-src 'nonce-{nonce}'",""",
        """        f"script-src 'self' 'nonce-{nonce}'",""",
        ("tests/pages/test_pages_served.py",),
    ),
    Breakage(
        "take a form that another site sends",
        "P35",
        "gateway/pages/app.py",
        '_OUR_OWN: Final = {"same-origin", "none"}',
        '_OUR_OWN: Final = {"same-origin", "none", "same-site", "cross-site"}',
        PAGES,
    ),
    Breakage(
        "take a form without the page's token",
        "P35",
        "gateway/pages/app.py",
        "        if not hmac.compare_digest(form.text(TOKEN_FIELD).encode(), visit.form_token.encode()):",
        "        if len(form.text(TOKEN_FIELD)) != len(visit.form_token) and form.text(TOKEN_FIELD) == 'x':",
        PAGES,
    ),
    Breakage(
        "give a page's address to the sites that it leads to",
        "P35",
        "gateway/pages/headers.py",
        '    "Referrer-Policy": "no-referrer",\n',
        "",
        PAGES,
    ),
    Breakage(
        "keep a guest's card and leave its link open",
        "P24",
        "gateway/pages/capture.py",
        "        self._vault.links.use(connection, row.id, held)\n",
        "",
        CAPTURE,
    ),
    Breakage(
        "send a guest back to any site that a link names",
        "P35",
        "gateway/control/captures.py",
        "            raise origin_not_listed()",
        "            origin_not_listed()",
        CAPTURE,
    ),
    Breakage(
        "show a guest's card number in the page again",
        "P16",
        "gateway/pages/capture_form.py",
        '    sent = form.secret("number").reveal()\n',
        '    sent = typed.values["number"] = form.secret("number").reveal()\n',
        CAPTURE,
    ),
    Breakage(
        "let a page be sent as often as anyone likes",
        "P35",
        "gateway/pages/tries.py",
        "            raise TooManyTries",
        "            tried.clear()",
        CAPTURE,
    ),
    Breakage(
        "show a bank's HTML as a page of ours",
        "P35",
        "gateway/pages/headers.py",
        '        "sandbox allow-forms allow-scripts",\n',
        '        "sandbox allow-forms allow-scripts allow-same-origin",\n',
        CHALLENGE,
    ),
    Breakage(
        "send a guest to whatever address a processor says",
        "P35",
        "gateway/pages/bank.py",
        '_URL: Final = re.compile(r"https://([^/?#@\\\\]+)((?:[/?#][!-~]*)?)")',
        '_URL: Final = re.compile(r"[a-z]+:/*(?:.*@)?([^/?#@]+)((?:.*)?)")',
        CHALLENGE,
    ),
    Breakage(
        "believe what a guest's browser says when it comes back",
        "P35",
        "gateway/pages/challenge.py",
        "        return self._told(visit, await self._passing.seen(id, look=look), _seen(request))",
        "        told = await self._passing.seen(id, look=look)\n"
        '        if "succeeded" in str(request.url):\n'
        "            told = Seen(Ending.DONE, told.passable, told.return_url)\n"
        "        return self._told(visit, told, _seen(request))",
        CHALLENGE,
    ),
    Breakage(
        "lead a guest to the bank when the page is opened",
        "P35",
        "gateway/pages/challenge.py",
        '        return self._site.page(visit, "challenge.html")',
        "        return await self.submit(visit, Form({}))",
        CHALLENGE,
    ),
    Breakage(
        "lead a guest to the bank without a line in the audit",
        "P36",
        "gateway/charges/passing.py",
        "look_due=next_look(row, now))), entries=[entry])",
        "look_due=next_look(row, now))), entries=[])",
        CHALLENGE,
    ),
    Breakage(
        "lead a guest to a challenge that is over",
        "P35",
        "gateway/charges/page.py",
        "    over = row.challenge_ends is not None and now >= row.challenge_ends",
        "    over = row.challenge_ends is None",
        ("tests/charges/test_doubt.py",),
    ),
    Breakage(
        "ask the processor as often as a browser comes back",
        "P33",
        "gateway/pages/challenge.py",
        "            look = False",
        "            look = True",
        CHALLENGE,
    ),
    Breakage(
        "give a capture link to any client that asks",
        "P06",
        "gateway/vault/links.py",
        "            or self.client not in {None, link.row.client}\n",
        "",
        (*CAPTURE, *LINKS),
    ),
]
