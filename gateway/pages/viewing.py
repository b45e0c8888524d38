"""The pages that viewers use, wired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gateway.pages.app import Kind
from gateway.pages.approve import ApprovePage
from gateway.pages.code_page import CodePage
from gateway.pages.reveal import SHOWN_SECONDS, RevealPage
from gateway.pages.setup import SetupPage
from gateway.pages.site import Site
from gateway.vault.service import Vault
from gateway.viewers.checking import Checking
from gateway.viewers.codes import Codes


def build(
    site: Site,
    vault: Vault,
    codes: Codes,
    clock: Callable[[], datetime],
    seconds: int = SHOWN_SECONDS,
) -> list[Kind]:
    """Set-up, approval and reveal; all of them compute their hashes with `codes`. `seconds`: how long
    a card is shown.
    """
    page = CodePage(site, vault, Checking(vault.viewer_codes, codes, clock), clock)
    return [SetupPage(page, codes), ApprovePage(page), RevealPage(page, seconds)]
