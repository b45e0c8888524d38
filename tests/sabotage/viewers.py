"""Viewers and their secret codes: P16, P17, P28, P33, P35, P36."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

CHECKING = ("tests/viewers/test_viewers_checking.py",)
CODES = ("tests/viewers/test_viewers_codes.py",)
REVEAL = ("tests/viewers/test_viewers_reveal.py",)
SETUP = ("tests/viewers/test_viewers_setup.py",)
CALLS = ("tests/control/test_control_viewers.py",)

BREAKAGES = (
    Breakage(
        "count a secret code after it may be looked at",
        "P35",
        "gateway/vault/viewer_codes.py",
        "            connection.execute(_TRY, (id,))\n",
        '            self._database.write("later", lambda c: c.execute(_TRY, (id,)))\n',
        CHECKING,
    ),
    Breakage(
        "count no wrong code",
        "P35",
        "gateway/vault/viewer_codes.py",
        "            connection.execute(_TRY, (id,))\n",
        "",
        CHECKING,
    ),
    Breakage(
        "clear what was tried after a right code began",
        "P35",
        "gateway/vault/viewer_codes.py",
        "(attempt.number, right.step, sealed, viewer.id)",
        "(row.tries, right.step, sealed, viewer.id)",
        CHECKING,
    ),
    Breakage(
        "lock nobody for wrong codes",
        "P35",
        "gateway/vault/viewer.py",
        "    if now is State.ACTIVE and not left:",
        "    if now is State.ACTIVE and left < 0:",
        CHECKING,
    ),
    Breakage(
        "take a one-time password twice",
        "P35",
        "gateway/vault/viewer_codes.py",
        "            if right.step and right.step <= row.totp_step:",
        "            if right.step < 0:",
        CHECKING,
    ),
    Breakage(
        "let a viewer unlock itself",
        "P35",
        "gateway/vault/viewers.py",
        "        and other.viewer.id != viewer.id\n",
        "",
        CALLS,
    ),
    Breakage(
        "let another property's people lock and unlock",
        "P35",
        "gateway/vault/viewers.py",
        "        and other.viewer.product == viewer.product\n",
        "",
        CALLS,
    ),
    Breakage(
        "go on with a viewer that was disabled while its code was compared",
        "P35",
        "gateway/vault/viewer_codes.py",
        "            if row is None or not _is_still(row, attempt):",
        "            if row is None:",
        CHECKING,
    ),
    Breakage(
        "let anything be a secret code",
        "P35",
        "gateway/viewers/codes.py",
        "    if len(text) < SHORTEST:",
        "    if len(text) < 1:",
        CODES,
    ),
    Breakage(
        "compute as many hashes at once as are asked for",
        "P33",
        "gateway/viewers/codes.py",
        "        if self._taken >= self._most:",
        "        if self._taken < 0:",
        CODES,
    ),
    Breakage(
        "seal a secret code for any viewer",
        "P17",
        "gateway/vault/viewer.py",
        '    return place("viewer", product, 0, test=False, row=id.encode())',
        '    return place("viewer", product, 0, test=False, row=id.encode()[:0])',
        CHECKING,
    ),
    Breakage(
        "show another product's viewer",
        "P28",
        "gateway/vault/viewers.py",
        "        if found is None or found.viewer.product not in products:",
        "        if found is None:",
        CALLS,
    ),
    Breakage(
        "take any live key for viewers",
        "P28",
        "gateway/control/viewers.py",
        'Depends(needs("reveal"))]',
        'Depends(needs("reveal", "admin"))]',
        CALLS,
    ),
    Breakage(
        "change a viewer without its entry",
        "P36",
        "gateway/vault/viewers.py",
        "            audit.append(connection, [replace(about, outcome=Outcome.DONE, product=product)])\n",
        "",
        CALLS,
    ),
    Breakage(
        "show the whole number to a masked viewer",
        "P35",
        "gateway/pages/reveal.py",
        "digits if viewer.role is Role.FULL else mask(digits)",
        "digits if viewer.role in Role else mask(digits)",
        REVEAL,
    ),
    Breakage(
        "let anybody copy a number",
        "P35",
        "gateway/pages/templates/card.html",
        'class="card{% if not may_copy %} fixed{% endif %}"',
        'class="card"',
        REVEAL,
    ),
    Breakage(
        "write that a card is shown after it was opened",
        "P36",
        "gateway/vault/viewer_codes.py",
        "                audit.append(connection, [about])\n            return acted",
        '                self._database.write("later", lambda c: audit.append(c, [about]))\n'
        "            return acted",
        REVEAL,
    ),
    Breakage(
        "show a card over a link that was used",
        "P35",
        "gateway/pages/code_page.py",
        "            links.use(connection, id, hold(visit.about, visit.more))\n",
        "",
        REVEAL,
    ),
    Breakage(
        "take a code over a link that was withdrawn",
        "P35",
        "gateway/vault/links.py",
        "        return None if is_open else PageLinkOver()",
        "        return None if is_open or link is not None else PageLinkOver()",
        REVEAL,
    ),
    Breakage(
        "show a card to a viewer of another product",
        "P06",
        "gateway/control/reveal_links.py",
        "        wanted = Wanted(token, frozenset({viewer.product}))",
        "        wanted = Wanted(token, products)",
        REVEAL,
    ),
    Breakage(
        "give a viewer another code over a link from before",
        "P35",
        "gateway/pages/setup.py",
        '            if stamp(now.changed) != visit.more["since"]:\n',
        "            if now.state is not State.INVITED:\n",
        SETUP,
    ),
)
