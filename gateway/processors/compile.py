"""One processor's file, from its checked YAML (`schema.py`) to the objects of `rules.py`.

Everything that a template, a path, a URL or a name can be wrong about is found here, and told with its
line; a file with a problem gives nothing at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from pydantic import JsonValue

from gateway.authority import parse_authority
from gateway.codecs.document import Format
from gateway.codecs.paths import Path
from gateway.codecs.xml import parse_fragment
from gateway.errors import HttpInvalid, Problem, TargetAmbiguous
from gateway.exchange import Authority
from gateway.processors.compile_answers import NOWHERE, AnswerCompiler
from gateway.processors.model import Operation
from gateway.processors.rules import (
    Also,
    Customer,
    ProcessorRules,
    Request,
)
from gateway.processors.schema import (
    AlsoEntry,
    CallEntry,
    ProcessorEntry,
    StepEntry,
    several,
)
from gateway.processors.template import (
    MEDIA_TYPES,
    Body,
    FormBody,
    Json,
    JsonBody,
    Template,
    XmlBody,
    parse_template,
    places_of,
)
from gateway.rules.model import Source
from gateway.rules.notes import Notes, Place
from gateway.yaml_model import suggest
from gateway.yaml_place import Located

# Of every order; what may be absent is left out of forms and JSON.
PLACES: Final = frozenset(
    {"order", "exchange", "operation", "reference", "booking", "amount", "amount.decimal",
     "currency", "currency.lower", "initiator", "network_transaction_id", "exemption",
     "return_url", "processor_id", "merchant_code", "terminal", "token", "token.iduser",
     "token.tokenuser"}
)  # fmt: skip
_CHECKED: Final = frozenset({"credential", "kept"})  # `{credential.x}`: x stands in the file
_NOTHING: Final = Template(("",))
_NEVER: Final = Authority("https", "nowhere.invalid", 443)

_OURS: Final = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "accept-encoding", "expect"}
)


class ProcessorCompiler:
    """Compiles one file. Its problems are gathered, so that all are told at once."""

    def __init__(self, entry: ProcessorEntry, located: Located) -> None:
        self._entry, self._located = entry, located
        self._notes = Notes(located)
        self._kept: frozenset[str] = frozenset()
        self._answers = AnswerCompiler(entry.answers, self._notes)

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with the file, in the order of its lines."""
        return self._notes.problems()

    def compile(self) -> ProcessorRules:
        """The processor, of use only when there are no problems."""
        entry = self._entry
        customer = self._customer()
        operations = {
            operation: tuple(
                self._request(call, operation, ("operations", operation.value, n))
                for n, call in enumerate(calls)
            )
            for operation, calls in entry.operations.given().items()
        }
        if not operations:
            self._notes.add(("operations",), "a processor without operations does nothing")
        return ProcessorRules(
            name=entry.processor,
            about=entry.about,
            source=entry.source,
            file=self._located.file,
            credentials=entry.credentials,
            exponents=MappingProxyType(dict(entry.exponents)),
            basic=self._basic(),
            customer=customer,
            operations=MappingProxyType(operations),
        )

    def _basic(self) -> tuple[Template, Template] | None:
        basic = self._entry.basic
        if basic is None:
            return None
        if any(name.lower() == "authorization" for name in self._entry.headers):
            self._notes.add(("basic",), "`basic` writes Authorization, which `headers` has too")
        user = self._template(basic.user, ("basic", "user"))
        return user, self._template(basic.password, ("basic", "password"))

    def _customer(self) -> Customer | None:
        entry = self._entry.customer
        if entry is None:
            return None
        steps = []
        for n, step in enumerate(entry.steps):
            request = self._request(step, Operation.CUSTOMER, ("customer", "steps", n))
            keep = self._keep(step, request.answer.format, ("customer", "steps", n, "keep"))
            steps.append(replace(request, keep=keep))
            self._kept |= set(step.keep)  # what a step kept, the later ones may use
        if not self._kept:
            message = "nothing of its answers is kept: say what, `keep: { customer: id }`"
            self._notes.add(("customer",), message)
        format = steps[-1].answer.format
        gone = tuple(
            self._answers.where(one, format, ("customer", "gone", n))
            for n, one in enumerate(entry.gone)
        )
        return Customer(tuple(steps), gone)

    def _keep(self, step: StepEntry, format: Format, place: Place) -> tuple[tuple[str, Path], ...]:
        return tuple(
            (name, self._answers.path(text, format, (*place, name)) or NOWHERE)
            for name, text in step.keep.items()
        )

    # --- requests ---------------------------------------------------------------------------------

    def _request(self, entry: CallEntry, operation: Operation, place: Place) -> Request:
        method, url = entry.target
        authority, path = self._url(url, (*place, method))
        body = self._body(entry, place)
        also = tuple(self._also(one, body, (*place, "also", n)) for n, one in enumerate(entry.also))
        headers = self._headers(entry, body, place)
        known_as = entry.known_as
        bodies = [one for one in (body, *(one.body for one in also)) if one is not None]
        used = {name for one in bodies for name in places_of(one)}
        if any(name.startswith("kept.") for name in used) and any(
            name.startswith("token") for name in used
        ):
            message = "our token and the processor's own: a request has one of them"
            self._notes.add(place, message)
        for name in entry.needs:
            self._known_place(name, (*place, "needs"))
        return Request(
            method=method.upper(),
            authority=authority,
            path=path,
            headers=headers,
            body=body,
            also=also,
            needs=frozenset(entry.needs),
            known_as=None if known_as is None else self._template(known_as, (*place, "known_as")),
            answer=self._answers.of(entry.answer, operation, (*place, "answer")),
            source=Source(self._located.file, *self._located.mark(place)),
            uses_customer=operation is not Operation.CUSTOMER
            and any(name.startswith("kept.") for name in used),
        )

    def _url(self, url: str, place: Place) -> tuple[Authority, Template]:
        """Its host, and the rest as a template."""
        try:
            parts = urlsplit(url)
            host, port = parse_authority(parts.netloc, 443)
        except (HttpInvalid, TargetAmbiguous, ValueError):
            parts, host, port = None, "", 0
        if parts is None or parts.scheme != "https" or parts.fragment:
            hint = "The host stands there as it is: a place belongs into path or query."
            self._notes.add(place, f"`{url}` must be a whole URL: https://host/path", hint)
            return _NEVER, _NOTHING
        query = f"?{parts.query}" if parts.query else ""
        template = self._template((parts.path or "/") + query, place)
        for name in template.places:
            if name.startswith(("kept.", "credential.", "token")):
                message = f"`{{{name}}}` can not stand in a URL, which others write into their logs"
                self._notes.add(place, message, "It goes into a header or the body.")
        return Authority("https", host, port), template

    def _headers(
        self, entry: CallEntry, body: Body | None, place: Place
    ) -> tuple[tuple[str, Template], ...]:
        """The file's, this request's instead where both have one, and the body's type."""
        found: dict[str, tuple[str, Template]] = {"accept": ("Accept", Template(("*/*",)))}
        if body is not None:
            found["content-type"] = ("Content-Type", Template((MEDIA_TYPES[type(body)],)))
        for headers, where in (
            (self._entry.headers, ("headers",)),
            (entry.headers, (*place, "headers")),
        ):
            for name, text in headers.items():
                if name.lower() in _OURS:
                    self._notes.add(
                        (*where, name), f"`{name}` is written by the gateway: remove it"
                    )
                template = self._template(text, (*where, name))
                if any(place.startswith(("kept.", "token")) for place in template.places):
                    message = "what stands for a card goes into the body, where it is looked for"
                    self._notes.add((*where, name), message)
                found[name.lower()] = (name, template)
        return tuple(found.values())

    def _body(self, entry: CallEntry, place: Place) -> Body | None:
        if entry.form is not None:
            return self._form(entry.form, (*place, "form"))
        if entry.json_ is not None:
            return JsonBody(self._members(entry.json_, (*place, "json")))
        if entry.xml is None:
            return None
        try:
            root = parse_fragment(entry.xml)
        except ValueError as error:
            self._notes.add((*place, "xml"), f"this is no XML fragment: {error}")
            return None
        body = XmlBody(root, entry.namespace)
        try:
            names = list(places_of(body))
        except ValueError as error:
            self._notes.add((*place, "xml"), str(error))
            return None
        for name in names:
            self._known_place(name, (*place, "xml"))
        return body

    def _form(self, members: Mapping[str, JsonValue], place: Place) -> FormBody:
        pairs = []
        for name, value in members.items():
            if not isinstance(value, str | int | float) or isinstance(value, bool):
                self._notes.add((*place, name), f"`{name}` must be text: a form has nothing else")
                continue
            pairs.append((name, self._template(str(value), (*place, name))))
        return FormBody(tuple(pairs))

    def _members(self, members: Mapping[str, JsonValue], place: Place) -> dict[str, Json]:
        return {name: self._json(value, (*place, name)) for name, value in members.items()}

    def _json(self, value: JsonValue, place: Place) -> Json:
        if isinstance(value, str):
            return self._template(value, place, number_allowed=True)
        if isinstance(value, dict):
            return self._members(value, place)
        if isinstance(value, list):
            return [self._json(inner, (*place, n)) for n, inner in enumerate(value)]
        return value

    def _also(self, entry: AlsoEntry, body: Body | None, place: Place) -> Also:
        made: FormBody | JsonBody
        if entry.form is not None:
            made, wanted = self._form(entry.form, (*place, "form")), "form"
        else:
            made, wanted = JsonBody(self._members(entry.json_ or {}, (*place, "json"))), "json"
        if type(body) is not type(made):
            self._notes.add((*place, wanted), f"the request's own body is no `{wanted}:`")
        return Also(frozenset(several(entry.initiator)), frozenset(entry.exemption or ()), made)

    # --- places -----------------------------------------------------------------------------------

    def _template(self, text: str, place: Place, *, number_allowed: bool = False) -> Template:
        try:
            template = parse_template(text, number_allowed=number_allowed)
        except ValueError as error:
            self._notes.add(place, str(error))
            return _NOTHING
        for name in template.places:
            self._known_place(name, place)
        return template

    def _known_place(self, name: str, place: Place) -> None:
        group, dot, inner = name.partition(".")
        if name in PLACES or (group == "extra" and inner):
            return
        known: Collection[str] = PLACES
        if dot and group in _CHECKED:
            there = self._entry.credentials if group == "credential" else self._kept
            if inner in there:
                return
            known = [f"{group}.{one}" for one in there]
        hint = "" if suggest(name, known) else f"There: {', '.join(sorted(known)) or 'none'}."
        self._notes.add(place, f"unknown place `{{{name}}}`{suggest(name, known)}", hint)
