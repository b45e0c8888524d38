"""How tokens become cards: `find`, which reads a card only after its audit entries are durable (P36).

P21  A held security code is given out once: the transaction that writes its intent deletes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.audit import Entry
from gateway.vault import cvcs
from gateway.vault.aside import Aside
from gateway.vault.entries import stamp
from gateway.vault.keyring import Keyring
from gateway.vault.model import Found, Wanted
from gateway.vault.resolve import Resolver
from gateway.vault.rows import CvcRow
from gateway.vault.store import Store
from gateway.vault.waiting import result_of


class Finding:
    """Finds the cards of tokens."""

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        clock: Callable[[], datetime],
        aside: Aside,
    ) -> None:
        self._store, self._keyring, self._clock, self._aside = store, keyring, clock, aside
        self._resolver = Resolver(store, keyring)

    async def find(
        self, wanted: Sequence[Wanted], entries: Sequence[Entry] = ()
    ) -> list[Found | None]:
        """The cards of `wanted`, in order; None for a token that is unknown, of another product or
        mode, or whose tokenuser is wrong: they can not be told apart.

        `entries` are durable before a card is read. The transaction that writes them deletes the
        security codes that are wanted too: each is given out once, whatever crashes when. Raises
        VaultUnavailable, RecordDamaged.
        """
        taken = await self._intend(wanted, entries)
        return await self._aside.run(lambda: self._resolver.resolve(wanted, taken, self._clock()))

    async def return_cvc(self, found: Found) -> None:
        """Holds again, until the same end, the security code of a request that was not sent. To be
        called only when it certainly was not. A later one that came meanwhile stays instead.

        Raises VaultUnavailable.
        """
        now = self._clock()
        if found.cvc is None or found.cvc_until is None:
            return
        # Its end is over, or further than any is: the clock was set back since it came.
        if not now < found.cvc_until <= now + cvcs.LONGEST:
            return
        cvc, token, at, until = found.cvc, found.token, stamp(now), stamp(found.cvc_until)

        def sealed() -> CvcRow:
            return cvcs.seal(
                self._keyring.cvc, cvc, found.product, token.iduser,
                test=token.test, at=at, until=until,
            )  # fmt: skip

        await result_of(self._store.put_back(sealed))

    async def _intend(
        self, wanted: Sequence[Wanted], entries: Sequence[Entry]
    ) -> dict[int, CvcRow]:
        if any(want.with_cvc for want in wanted):
            take = self._store.take(lambda: self._resolver.entitled(wanted), entries)
            return await result_of(take)
        if entries:
            await result_of(self._store.record(entries))
        return {}
