"""Why a body is refused: in which of its layers, and what of it (`body_faults.py`, `doubled.py`).

The codecs say only that they refuse, for what they say may reach a partner or a log. Here somebody looks at one
recorded message, and asks which of its bytes it was. Nothing of the message is repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.cli.body_faults import forbidden, malformed
from gateway.cli.doubled import doubled, in_two_shapes
from gateway.codecs import open_document
from gateway.codecs.document import Document, Known
from gateway.codecs.envelope import Layout, contents_of, open_layout
from gateway.errors import GatewayError, MessageForbidden, MessageMalformed
from gateway.rules.model_directions import Pair
from gateway.rules.model_shapes import Shape
from gateway.stages.messages import layout_of


def why_refused(
    shapes: Sequence[Shape | Pair], body: bytes, refused: GatewayError, *, doctype: bool
) -> Iterator[str]:
    """What there is to say of a body that is malformed, or uses what is forbidden; nothing of other refusals,
    and where nobody can tell."""
    if not shapes or not isinstance(refused, MessageMalformed | MessageForbidden):
        return
    layout, inside = _stopped_in(layout_of(shapes), body, doctype=doctype)
    depth = len(layout_of(shapes).envelopes) - len(layout.envelopes)
    where = f"in the text at `{layout_of(shapes).envelopes[depth - 1].at.text}`, " if depth else ""
    document = _opened(layout, inside, doctype=doctype and not depth)
    if isinstance(document, GatewayError) or isinstance(refused, MessageMalformed):
        refused = document if isinstance(document, GatewayError) else refused
        look = malformed if isinstance(refused, MessageMalformed) else forbidden
        said = look(layout.outer, inside, doctype=doctype)
    else:
        said = next((one for shape in shapes for one in doubled(document, shape, inside)), "")
        said = said or in_two_shapes(document, shapes, inside)
    if said:
        yield where + said


def _opened(layout: Layout, body: bytes, *, doctype: bool) -> Document | GatewayError:
    try:
        return open_layout(layout, body, Known(doctype=doctype))
    except (MessageMalformed, MessageForbidden) as error:
        return error


def _stopped_in(layout: Layout, body: bytes, *, doctype: bool) -> tuple[Layout, bytes]:
    """The envelope that can not be read, as a message of its own; all of it where each can."""
    if not layout.envelopes:
        return layout, body
    try:
        outer = open_document(layout.outer, body, Known(doctype=doctype))
    except (MessageMalformed, MessageForbidden):
        return Layout(layout.outer), body
    try:
        for content in contents_of(outer, layout.envelopes[0]):
            found = _stopped_in(layout.inner, content.body, doctype=False)
            if isinstance(_opened(*found, doctype=False), GatewayError):
                return found
    except GatewayError:
        return layout, body
    return layout, body
