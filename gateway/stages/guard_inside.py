"""The guard over a message in envelopes: what they hold first, each as a message of its own.

A card in a guest's remark can not be masked where it stands in base64; in the document that the base64
holds it can.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gateway.codecs.document import Known
from gateway.codecs.edits import Spliced, apply_edits
from gateway.codecs.embedded import difference
from gateway.codecs.envelope import Layout, rewrite
from gateway.stages.guard import Guarded, guard_body


def guard_message(
    body: bytes,
    layout: Layout | None,
    put_in: Mapping[str, str],
    not_cards: Collection[str] = (),
    *,
    doctype: bool = False,
) -> Guarded:
    """Takes every card out of a decoded body, as `guard_body` does; `doctype` as the route says.

    Raises `CardDisguised`.
    """
    known = Known(doctype=doctype)
    if layout is None or not layout.envelopes:
        return guard_body(
            body, None if layout is None else layout.format, put_in, not_cards, known=known
        )
    masked = echoed = 0

    def guard(inner: Layout, content: bytes, known: Known) -> Spliced:
        nonlocal masked, echoed
        guarded = guard_body(content, inner.format, put_in, not_cards, known=known)
        masked += guarded.masked
        echoed += guarded.echoed
        return _spliced(content, guarded)

    done = rewrite(layout, body, guard, known)
    return Guarded(done.body, masked, echoed, done.edits)


def _spliced(content: bytes, guarded: Guarded) -> Spliced:
    """With edits of `content` itself, also where the guard made those of its UTF-8 form."""
    edits = list(guarded.edits)
    if not edits or apply_edits(content, edits).body == guarded.body:
        return Spliced(guarded.body, edits)
    return Spliced(guarded.body, difference(content, guarded.body))
