"""A route's `refusals:`, from its checked YAML to the object of `model.py`."""

from __future__ import annotations

import json
from typing import Final, Literal

from gateway.codecs import open_document
from gateway.errors import MessageForbidden, MessageMalformed
from gateway.rules.model import RefusalForm
from gateway.rules.notes import Notes, Place
from gateway.rules.refusal_templates import PLACES, filled_xml, unknown_places
from gateway.rules.schema_refusals import RefusalsEntry, StatusEntry
from gateway.yaml_model import suggest

# Text that would break out of wherever it stands, were it not escaped; and out of a comment, where nothing is.
_TRIAL: Final = dict.fromkeys(PLACES, "<&\"'>--")

Format = Literal["xml", "json", "text"]


def compile_refusals(
    entry: RefusalsEntry | None, *, auth: str, place: Place, notes: Notes
) -> RefusalForm:
    """Without an entry: problem+json for whoever holds a gateway key; who pushes knows nothing of the
    gateway, and is answered in the form of his message."""
    default = RefusalForm("problem" if auth == "key" else "auto")
    if entry is None:
        return default
    status = entry.status or StatusEntry.model_construct(wrong=None, later=None)
    template = _template(entry)
    if template is None:
        return RefusalForm(entry.as_ or default.style, status.wrong, status.later)
    format, text = template
    _check(format, text, (*place, format), notes)
    return RefusalForm("template", status.wrong, status.later, format, text)


def _template(entry: RefusalsEntry) -> tuple[Format, str] | None:
    if entry.xml is not None:
        return "xml", entry.xml
    if entry.json_ is not None:
        return "json", json.dumps(entry.json_)
    return None if entry.text is None else ("text", entry.text)


def _check(format: Format, text: str, place: Place, notes: Notes) -> None:
    unknown = unknown_places(text)
    for name in unknown:
        message = f"a refusal has no place `{{{name}}}`{suggest(name, PLACES)}"
        notes.add(place, message, f"There: {', '.join(f'{{{one}}}' for one in PLACES)}.")
    if format != "xml" or unknown:
        return
    try:
        open_document("xml", filled_xml(text, _TRIAL)).close()
    except (MessageMalformed, MessageForbidden):
        message = "this is no XML document: one root element, every element closed, no DTD"
        notes.add(place, message)
