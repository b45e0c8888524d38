"""A refusal in the form that its route says (`refusals:` in a pack; docs/rules.md).

1. Nothing of the request is in it: what it looks like (`asked.py`) chooses among texts of ours.
2. Who is not admitted gets the refusal's own status, whatever the route says, and no route's name.
3. The form never fails for what the request is: what can not be told from it has a form of its own.
"""

from __future__ import annotations

import json
from typing import Any, Final

from gateway.headers import Headers
from gateway.problem import TYPE, problem
from gateway.refusing import xml_forms
from gateway.refusing.asked import Asked, SoapVersion, read_asked
from gateway.refusing.told import Told
from gateway.rules.model import RefusalForm, RefusalStyle
from gateway.rules.refusal_templates import filled_json, filled_text, filled_xml

_TEXT_XML: Final = "text/xml; charset=utf-8"
_SOAP_TYPES: Final[dict[SoapVersion, str]] = {
    "1.1": _TEXT_XML,
    "1.2": "application/soap+xml; charset=utf-8",
}
_PROBLEM_XML: Final = "application/problem+xml"
_TYPES: Final = {
    "xml": "application/xml; charset=utf-8",
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
}

Written = tuple[int, str, bytes]  # status, media type, body


def refuse(told: Told, form: RefusalForm, headers: Headers, body: bytes) -> Written:
    """Status, media type and body of the answer. `headers` and `body` are the request's, as far as it
    was read."""
    asked = read_asked(headers, body)
    natural, media_type, content = _written(told, form, _style(form.style, asked), asked)
    return _status(told, form, natural), media_type, content


def _style(style: RefusalStyle, asked: Asked) -> RefusalStyle:
    """Which one `auto` stands for."""
    if style != "auto":
        return style
    if asked.answer:
        return "ota"
    if asked.soap is not None:
        return "soap"
    return "problem-xml" if asked.xml else "problem"


def _status(told: Told, form: RefusalForm, natural: int) -> int:
    if not told.let_in:
        return told.status
    said = form.later if told.later else form.wrong
    return natural if said is None else said


def _written(told: Told, form: RefusalForm, style: RefusalStyle, asked: Asked) -> Written:
    """With the status that goes with the form."""
    if style == "ota" and (asked.answer or asked.soap is None):
        return _ota(told, asked)
    if style in {"ota", "soap"}:  # an envelope with a message that nobody knows gets a fault
        version = asked.soap or "1.1"
        fault = xml_forms.soap_fault(told, version)
        return xml_forms.soap_status(told, version), _SOAP_TYPES[version], fault
    if style == "problem":
        return problem(told.error, exchange=told.exchange, phase=told.phase, route=told.route)
    media_type, content = _ours(told, form, style)
    return told.status, media_type, content


def _ota(told: Told, asked: Asked) -> Written:
    media_type = _TYPES["xml"] if asked.application_xml else _TEXT_XML
    if asked.soap is not None:
        media_type = _SOAP_TYPES[asked.soap]
    return told.status, media_type, xml_forms.ota_answer(told, asked)


def _ours(told: Told, form: RefusalForm, style: RefusalStyle) -> tuple[str, bytes]:
    """Media type and body of the forms that no protocol prescribes."""
    if style == "problem-xml":
        return _PROBLEM_XML, xml_forms.problem_xml(told, TYPE + told.code)
    if style == "text":
        return _TYPES["text"], (told.sentence + "\n").encode("ascii", "replace")
    if style == "json":
        return _TYPES["json"], _json({"error": _members(told)})
    return _TYPES[form.format], _from_template(told, form)


def _from_template(told: Told, form: RefusalForm) -> bytes:
    facts = told.facts()
    if form.format == "json":
        return filled_json(form.template, facts)
    if form.format == "xml":
        return filled_xml(form.template, facts)
    return filled_text(form.template, facts)


def _members(told: Told) -> dict[str, str]:
    facts = told.facts()
    named = {"code": facts["code"], "message": facts["text"], "action": facts["action"]}
    return named | {name: facts[name] for name in ("route", "exchange") if facts[name]}


def _json(content: Any) -> bytes:  # Any: whatever JSON has
    return json.dumps(content, separators=(",", ":")).encode("ascii")
